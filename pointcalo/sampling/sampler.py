"""From incident particles to showers on cells, in batches bounded by their hits."""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.models.base import Model, check_layers
from pointcalo.networks.profile import Profile
from pointcalo.nn.precision import check_precision
from pointcalo.sampling.beyond import BeyondEdges
from pointcalo.sampling.engines import ENGINES, with_engine
from pointcalo.sampling.other_cells import OtherCells
from pointcalo.sampling.same_cells import same_cells
from pointcalo.showers import Incident, Showers, segment_sum
from pointcalo.showers.noise import Noise

PROFILE_BATCH = 1000  # showers whose profiles are drawn together: a profile is small


@dataclass
class Loss:
    """What a sampler's showers lost beyond the edges of the detector so far.

    Args:
        showers: number of them.
        near: of these near an edge.
        energy: MeV above threshold, lost or not.
        lost: MeV lost.
        moved: points that a generator of sets put outside every cell, so that they went to the
            nearest one.
    """

    showers: int = 0
    near: int = 0
    energy: float = 0.0
    lost: float = 0.0
    moved: int = 0

    @classmethod
    def of(cls, parts: Iterable["Loss"]) -> "Loss":
        """That of several samplers."""
        return cls(*map(sum, zip(*map(astuple, parts), strict=True)))

    @property
    def share(self) -> float:
        """Share of the energy that is lost."""
        return self.lost / self.energy if self.energy else 0.0


class Sampler:
    """Draws showers from a trained model.

    Shower n of a seed is the same whatever the batch it is drawn in (to rounding of matrix
    kernels). Showers near an edge, a hole or a dead cell lose there what falls beyond it; `loss`
    counts it.

    On another geometry whose layers have cells of the same sizes and kind (with a hole, with dead
    cells, larger) the generator lights the cells of that geometry as if it had been trained there;
    `OtherCells` says how showers get onto other cells.

    Args:
        model: with ``profile`` and ``generator``, in evaluation mode, on its device.
        geometry: to sample on, on the same device; None: that of the model.
        max_points: hits of a batch, which bounds the memory; a single larger shower still makes a
            batch. max_showers: showers of a batch.
        engine: what makes the showers, the same ones: "eager", torch operation by operation, on any
            device; "compiled", C++ on the CPU (`pointcalo.programs.cpp`), CUDA graphs of the
            networks on CUDA (`pointcalo.sampling.graphs`); or "onnx", ONNX Runtime on the CPU.
        precision: "32-true", or "bf16-mixed": matrix products of the generator in bfloat16, on
            CUDA or by engine eager. Profiles stay as they are: energies need more digits.

    Attributes:
        geometry: that the showers are on.
        other: puts them there where it has other cells than the model, else None.

    Raises:
        ValueError: layers of other depths or thresholds; an engine that there is not, or that
            cannot run the model.
        OSError: engine compiled without a C++ compiler, or it fails.
        ImportError: engine onnx without its libraries.
    """

    def __init__(
        self,
        model: Model,
        geometry: Geometry | None = None,
        *,
        max_points: int = 50_000,
        max_showers: int = 1000,
        engine: str = "eager",
        precision: str = "32-true",
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine: got {engine!r}, expected {' or '.join(ENGINES)}")
        self.half = check_precision(precision) != "32-true"
        own = model.profile.geometry
        self.geometry = own if geometry is None or geometry.hash == own.hash else geometry
        check_layers(own, self.geometry)
        self.other = None
        if not same_cells(own, self.geometry):
            self.other = OtherCells(model, self.geometry)
        elif self.geometry is not own:
            model = model.on(self.geometry)
        model = model.eval()
        self.beyond = BeyondEdges(model)
        self.model = model if engine == "eager" else with_engine(model, engine)
        if self.half and engine != "eager" and self.geometry.device.type == "cpu":
            raise ValueError(
                f"precision: got {precision} with engine={engine} on the CPU, expected 32-true or "
                "engine=eager"
            )
        self.loss = Loss()
        self._outside_before = self.model.generator.num_outside
        self.max_points = max_points
        self.max_showers = max_showers

    @torch.no_grad()
    def sample(
        self, incident: Incident, seed: int, first: int = 0, latent_seed: int | None = None
    ) -> Iterator[Showers]:
        """Showers of these particles, in order.

        Args:
            incident: S particles, on the model's device.
            seed: of the run.
            first: number of the first shower, which chooses its random stream.
            latent_seed: of the latents, where they are to be others than those of the seed.
        """
        for start in range(0, len(incident), PROFILE_BATCH):
            chunk = incident[start : start + PROFILE_BATCH]
            device = chunk.energy.device
            number = torch.arange(len(chunk), device=device) + first + start
            noise = Noise.for_showers(seed, number)
            near = self.beyond.near(chunk)
            profile = self._profile(chunk, noise, near)
            other = noise if latent_seed is None else Noise.for_showers(latent_seed, number)
            latent = self.model.draw_latent(other)
            for batch in self._batches(profile.counts.sum(dim=1).tolist()):
                yield self._generate(
                    latent[batch], chunk[batch], profile[batch], noise[batch], near[batch]
                )

    def _profile(self, incident: Incident, noise: Noise, near: Tensor) -> Profile:
        profile = self.model.profile.sample(incident, noise)
        if bool(near.any()):
            beyond = self.beyond.profile(incident[near], noise[near])
            profile.counts[near], profile.energy[near] = beyond.counts, beyond.energy
        return profile

    def _generate(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise, near: Tensor
    ) -> Showers:
        """Showers of a batch, those near an edge on the extended detector."""
        sides = [
            (rows.nonzero()[:, 0], generate)
            for rows, generate in ((~near, self.model.generate), (near, self.beyond.generate))
            if bool(rows.any())
        ]
        with torch.autocast(
            latent.device.type, torch.bfloat16, enabled=self.half, cache_enabled=False
        ):
            if len(sides) == 1:
                showers = sides[0][1](latent, incident, profile, noise)
            else:
                parts = [
                    generate(latent[rows], incident[rows], profile[rows], noise[rows])
                    for rows, generate in sides
                ]
                order = torch.cat([rows for rows, _ in sides]).argsort()
                showers = Showers.cat(parts)[order]
        self._count(profile, showers, near)
        return showers if self.other is None else self._elsewhere(showers, latent, noise, near)

    def _elsewhere(self, showers: Showers, latent: Tensor, noise: Noise, near: Tensor) -> Showers:
        """Showers on the other cells."""
        there, outside = self.other(showers, latent, noise, near)
        energy = segment_sum(showers.energy.double(), showers.ptr)
        self.loss.lost += float(energy @ outside.double())
        return there

    def _count(self, profile: Profile, showers: Showers, near: Tensor) -> None:
        wanted = profile.energy.double().sum(dim=1)
        held = segment_sum(showers.energy.double(), showers.ptr)
        missing = showers.counts < profile.counts.sum(dim=1)
        self.loss.showers += len(showers)
        self.loss.near += int(near.sum())
        self.loss.energy += float(wanted.sum())
        self.loss.lost += float((wanted - held)[missing].sum())
        self.loss.moved = self.model.generator.num_outside - self._outside_before

    def _batches(self, hits: list[int]) -> Iterator[slice]:
        start, points = 0, 0
        for number, count in enumerate(hits):
            full = points + count > self.max_points or number - start == self.max_showers
            if full and number > start:
                yield slice(start, number)
                start, points = number, 0
            points += count
        if start < len(hits):
            yield slice(start, len(hits))
