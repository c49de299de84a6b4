"""What every model is to the Trainer: players, and the losses of each."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.candidates import Beyond
from pointcalo.networks.latent_memory import LatentMemory
from pointcalo.networks.profile import Profile
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

LATENT_STREAM = 4  # of random numbers in sampling, beside the profile's 0 to 3
SHOWERS_TO_FIT = 2000  # enough for the means and deviations of the inputs


class Stream(Protocol):
    """Training showers in batches.

    ``epoch(n)`` is the same sequence each time it is asked for, and leaves torch's global random
    numbers alone.
    """

    def epoch(self, number: int, start: int = 0) -> Iterator[Showers]:
        """The batches of an epoch, without the first ``start``."""

    def __len__(self) -> int:
        """Batches per epoch."""


@dataclass(frozen=True)
class Player:
    """Parameters that are trained together on losses of their own.

    Args:
        parameters: what the player may change; no parameter belongs to two players.
        learning_rate: peak step size of AdamW.
        every: update at each n-th step only (a generator against a critic: 5).
        independent: the player's validation loss alone says when it is best, so that its best
            weights are kept; False for players of a game (generator, critic), whose last are kept.
        betas: decay rates of AdamW's moments.
    """

    parameters: tuple[nn.Parameter, ...]
    learning_rate: float
    every: int = 1
    independent: bool = False
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        if not self.parameters:
            raise ValueError("player: no parameters; leave out a player that has nothing to train")
        if self.learning_rate <= 0.0:
            raise ValueError(f"player: learning rate {self.learning_rate}, expected more than 0")
        if self.every < 1:
            raise ValueError(f"player: every = {self.every}, expected 1 or more steps")


class Model(nn.Module, ABC):
    """Generator, profile model and auxiliary networks with their objective.

    A subclass sets ``profile`` and ``generator`` in its constructor and implements `players` and
    `losses`. Random numbers in `losses` come from torch's global generator, which the Trainer seeds
    and stores.
    """

    profile: nn.Module
    generator: nn.Module
    #: Share of the training budget spent: set by the Trainer before each step, 1 in validation.
    progress: float = 1.0

    @abstractmethod
    def players(self) -> dict[str, Player]:
        """The players by name, in the order of their updates within a step."""

    @abstractmethod
    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Terms whose sum ``player`` minimises, each a scalar and a mean over showers.

        Validation calls this without gradients: a term that needs them (a gradient penalty)
        enables them itself.
        """

    def draw_latent(self, noise: Noise) -> Tensor:
        """Latents to sample with, ``[S, Z]``: normal, or like those that a ``memory`` holds."""
        memory: LatentMemory | None = getattr(self, "memory", None)
        if memory is None:
            return noise.latent(self.generator.latent, stream=LATENT_STREAM)
        return memory.draw(noise, LATENT_STREAM)

    def generate(
        self,
        latent: Tensor,
        incident: Incident,
        profile: Profile,
        noise: Noise,
        beyond: Beyond | None = None,
    ) -> Showers:
        """Sampled showers: the generator's; arguments as for a call of it."""
        return self.generator(latent, incident, profile, noise, beyond)

    def on(self, geometry: Geometry) -> "Model":
        """This model, with its weights, on another geometry with the same layers.

        Raises:
            ValueError: layers of other depths or thresholds.
        """
        check_layers(self.profile.geometry, geometry)
        moved = copy.deepcopy(self)
        for module in moved.modules():
            if isinstance(vars(module).get("geometry"), Geometry):
                module.geometry = geometry
        return moved

    def prepare(self, stream: Stream) -> None:
        """Fit the buffers of normalisation, if any, in a first pass over training showers."""


def check_layers(trained: Geometry, geometry: Geometry) -> None:
    """Whether a model that was trained on one geometry can be moved to another.

    Raises:
        ValueError: layers of other depths or thresholds.
    """
    for name in ("layer_z", "layer_threshold"):
        ours, theirs = (getattr(g, name).cpu() for g in (trained, geometry))
        if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=0, atol=1e-3):
            raise ValueError(
                f"geometry {geometry.name} has layers of other depths or thresholds than "
                f"{trained.name}, which the model was trained on; expected the same layers"
            )


def first_showers(stream: Stream, number: int = SHOWERS_TO_FIT) -> Showers:
    """At least ``number`` showers of a stream's first epoch, or all of it."""
    parts, have = [], 0
    for showers in stream.epoch(0):
        parts.append(showers)
        have += len(showers)
        if have >= number:
            break
    return Showers.cat(parts)
