"""Profiles and showers by ONNX Runtime: the same ones as torch makes, of every generator."""

import numpy as np
import torch
from torch import Tensor, nn

from pointcalo.networks.candidates import MOST_EXPORTED
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.programs.tables import HITS, PARTICLES, Table
from pointcalo.programs.tracing import trace
from pointcalo.programs.writers import ONNX, reopened
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

TRACED = 8  # showers that a program is traced with
KEYED: Table = {**PARTICLES, "key": ("int64", ["S"], "", "of the random numbers")}
PROFILES: Table = {
    "counts": ("int64", ["S", "L"], "", ""),
    "energies": ("float32", ["S", "L"], "MeV", ""),
    "axis": ("float32", ["S", 4], "mm", ""),
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
        if not isinstance(generator, CellGenerator | SetGenerator):
            raise ValueError(
                f"engine=onnx: got a {type(generator).__name__}, expected the generator of "
                "network=cells, graph, set or attention; take engine=eager"
            )
        self.profile, self.generator = profile, generator
        names = profile.condition.names
        self._profiles = _Traced(_Profiles(profile, names), KEYED, PROFILES)
        inputs = {"latent": ("float32", ["S", "Z"], "", ""), **KEYED, **PROFILES}
        self._showers = _Traced(_Showers(generator, names), inputs, HITS)

    def profiles(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles of S showers as of `ProfileModel.sample`."""
        given = *incident.tensors(self.profile.condition.names), noise.key
        return Profile(*self._profiles(given))

    def showers(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> tuple[Showers, Tensor]:
        """Showers as of the generator, and which were made, bool [S]: the others are nonsense."""
        given = *incident.tensors(self.profile.condition.names), noise.key
        # in crowded layers a program that was traced looks at fewer cells, or stops: none for it
        most = self.generator.geometry.layer_start.diff().clamp_max(MOST_EXPORTED)
        known = (profile.counts <= most).all(dim=1)
        counts, energy = profile.counts * known[:, None], profile.energy * known[:, None]
        ptr, layer, cell, points = self._showers((latent, *given, counts, energy, profile.axis))
        showers = Showers(points=points, layer=layer, ptr=ptr, incident=incident, cell=cell)
        # beyond edges it finds no cells
        return showers, known & (ptr.diff() == counts.sum(dim=1))


class _Profiles(nn.Module):
    def __init__(self, profile: ProfileModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.profile, self.names = profile, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        drawn = self.profile.sample(Incident.of_tensors(inputs[:5], self.names), Noise(inputs[5]))
        return drawn.counts, drawn.energy, drawn.axis


class _Showers(nn.Module):
    def __init__(self, generator: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.generator, self.names = generator, names

    def forward(self, latent: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        incident, profile = Incident.of_tensors(inputs[:5], self.names), Profile(*inputs[6:])
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
            self._program = reopened(traced, ONNX, self.inputs, self.outputs)
        arrays = [np.ascontiguousarray(x.numpy()) for x in inputs]
        return [torch.from_numpy(output) for output in self._program(arrays)]
