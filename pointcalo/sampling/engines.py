"""Models whose profiles and showers come from another engine than torch."""

import copy
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.networks.candidates import Beyond
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.sampling.compiled_engine import CompiledEngine
from pointcalo.sampling.graphs import with_graphs
from pointcalo.sampling.onnx_engine import OnnxEngine
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

OTHERS: dict[str, Callable[[ProfileModel, nn.Module], "Engine"]] = {
    "compiled": CompiledEngine,
    "onnx": OnnxEngine,
}
ENGINES = ("eager", *OTHERS)


class Engine(Protocol):
    """Makes profiles and showers as these two do, and says which it could not make."""

    profile: ProfileModel
    generator: nn.Module

    def profiles(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles as of the profile model."""

    def showers(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> tuple[Showers, Tensor]:
        """Showers as of the generator, and which were made, bool ``[S]``."""


def with_engine(model: Model, name: str) -> Model:
    """The model with its profile model and generator run by an engine; all else is shared.

    On CUDA, compiled means graphs of the networks (`pointcalo.sampling.graphs`).

    Showers that the engine cannot make (near an edge of the detector) are made by torch.

    Args:
        model: in evaluation mode, on the CPU or CUDA.
        name: of an engine, but for "eager".

    Raises:
        ValueError: networks or a geometry that the engine does not know.
        OSError: compiled without a C++ compiler, or it fails.
        ImportError: onnx without its libraries.
    """
    quick = copy.copy(model)
    quick._modules = dict(model._modules)
    if name == "compiled" and model.profile.geometry.device.type == "cuda":
        quick.profile, quick.generator = with_graphs(model.profile), with_graphs(model.generator)
    else:
        engine = OTHERS[name](model.profile, model.generator)
        quick.profile, quick.generator = _Profile(engine), _Generator(engine)
    return quick


class _Profile(nn.Module):
    """In place of a `ProfileModel`, to sample."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    @property
    def geometry(self) -> Geometry:
        return self.engine.profile.geometry

    @torch.no_grad()
    def sample(self, incident: Incident, noise: Noise) -> Profile:
        return self.engine.profiles(incident, noise)


class _Generator(nn.Module):
    """In place of a generator, to sample."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.latent, self.num_outside = engine.generator.latent, 0

    @property
    def geometry(self) -> Geometry:
        return self.engine.generator.geometry

    @torch.no_grad()
    def forward(
        self,
        latent: Tensor,
        incident: Incident,
        profile: Profile,
        noise: Noise,
        beyond: Beyond | None = None,
    ) -> Showers:
        eager = self.engine.generator
        if beyond is not None:
            return eager(latent, incident, profile, noise, beyond)
        showers, done = self.engine.showers(latent, incident, profile, noise)
        if bool(done.all()):
            return showers
        rest, rows = (~done).nonzero()[:, 0], done.nonzero()[:, 0]
        other = eager(latent[rest], incident[rest], profile[rest], noise[rest])
        return Showers.cat([showers[rows], other])[torch.cat([rows, rest]).argsort()]
