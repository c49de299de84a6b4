"""Profiles and showers by ONNX Runtime: the same ones as torch makes, of every cell generator."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from pointcalo.networks.candidates import MOST_EXPORTED
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.programs.running import open_program
from pointcalo.programs.tables import Table
from pointcalo.programs.tracing import trace
from pointcalo.programs.writers import write
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

TRACED = 8  # showers that a program is traced with
PARTICLES: Table = {
    "energy": ("float32", ["S"], "MeV", ""),
    "direction": ("float32", ["S", 3], "", ""),
    "position": ("float32", ["S", 3], "mm", ""),
    "pdg": ("int64", ["S"], "", ""),
    "conditions": ("float32", ["S", "C"], "", ""),
    "key": ("int64", ["S"], "", "of the random numbers"),
}
PROFILES: Table = {
    "counts": ("int64", ["S", "L"], "", ""),
    "energies": ("float32", ["S", "L"], "MeV", ""),
    "axis": ("float32", ["S", 4], "mm", ""),
}
HITS: Table = {
    "ptr": ("int64", ["N"], "", ""),
    "layer": ("int64", ["P"], "", ""),
    "cell": ("int64", ["P"], "", ""),
    "points": ("float32", ["P", 4], "", ""),
}


class OnnxEngine:
    """Draws profiles and showers of networks as they are when they are first asked for some.

    Args:
        profile: the profile model.
        generator: the generator, of the same geometry.

    Raises:
        ValueError: networks or a geometry that cannot be traced.
    """

    def __init__(self, profile: ProfileModel, generator: nn.Module) -> None:
        if not isinstance(generator, CellGenerator) or generator.geometry.lattice_tables() is None:
            raise ValueError(
                f"engine=onnx: got {type(generator).__name__} in {profile.geometry.name!r}, "
                "expected network=cells or graph on lattices of one kind; take engine=eager"
            )
        self.profile, self.generator = profile, generator
        names = profile.condition.names
        self._profiles = _Traced(_Profiles(profile, names), PARTICLES, PROFILES)
        inputs = {"latent": ("float32", ["S", "Z"], "", ""), **PARTICLES, **PROFILES}
        self._showers = _Traced(_Showers(generator, names), inputs, HITS)

    def profiles(self, incident: Incident, noise: Noise) -> tuple[Profile, Tensor]:
        """Profiles of S showers as of `ProfileModel.sample`; all of them, bool [S]."""
        given = _particles(incident, noise, self.profile.condition.names)
        return Profile(*self._profiles(given)), torch.ones(len(noise), dtype=torch.bool)

    def showers(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> tuple[Showers, Tensor]:
        """Showers as of the generator, and which were made, bool [S]: the others are nonsense."""
        given = _particles(incident, noise, self.profile.condition.names)
        parts = self._showers((latent, *given, profile.counts, profile.energy, profile.axis))
        ptr, layer, cell, points = parts
        showers = Showers(points=points, layer=layer, ptr=ptr, incident=incident, cell=cell)
        # in crowded layers a program that was traced looks at fewer cells
        return showers, profile.counts.amax(dim=1) <= MOST_EXPORTED


def _particles(incident: Incident, noise: Noise, names: tuple[str, ...]) -> tuple[Tensor, ...]:
    columns = [incident.column(name) for name in names]
    conditions = torch.stack(columns, 1) if columns else torch.zeros(len(incident), 0)
    own = incident.energy, incident.direction, incident.position, incident.pdg
    return *own, conditions, noise.key


def _incident(inputs: tuple[Tensor, ...], names: tuple[str, ...]) -> Incident:
    extra = dict(zip(names, inputs[4].unbind(dim=1), strict=True))
    return Incident(*inputs[:4], extra)


class _Profiles(nn.Module):
    def __init__(self, profile: ProfileModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.profile, self.names = profile, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        drawn = self.profile.sample(_incident(inputs, self.names), Noise(inputs[5]))
        return drawn.counts, drawn.energy, drawn.axis


class _Showers(nn.Module):
    def __init__(self, generator: CellGenerator, names: tuple[str, ...]) -> None:
        super().__init__()
        self.generator, self.names = generator, names

    def forward(self, latent: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        incident, profile = _incident(inputs, self.names), Profile(*inputs[6:])
        showers = self.generator(latent, incident, profile, Noise(inputs[5]))
        return showers.ptr, showers.layer, showers.cell, showers.points


class _Traced:
    """A module as a program, made at its first call."""

    def __init__(self, module: nn.Module, inputs: Table, outputs: Table) -> None:
        self.module, self.inputs, self.outputs = module, inputs, outputs
        self._program = None

    def __call__(self, inputs: tuple[Tensor, ...]) -> list[Tensor]:
        if self._program is None:
            rows = torch.arange(TRACED) % len(inputs[0])
            traced = trace(self.module, tuple(x[rows] for x in inputs))
            with TemporaryDirectory() as folder:
                path = Path(folder) / "program.onnx"
                write(traced, path, self.inputs, self.outputs)
                self._program = open_program(path)
        arrays = [np.ascontiguousarray(x.numpy()) for x in inputs]
        return [torch.from_numpy(output) for output in self._program(arrays)]
