"""The materials along a shower: depth of each active layer and the medium about it.

Depths count along the layers' normal from the face on. A sampling calorimeter is described to the
parametrisation by effective numbers of the mixture about each layer (a running mean over about
five radiation lengths, so that a stack of several parts has the right medium in each):

    1 / X0 = sum(t) / sum(d)        E_c = sum(t E_c) / sum(t)        Z = sum(rho d Z) / sum(rho d)
    1 / R_M = sum(d / R_M) / sum(d) with thickness d, density rho and t = d / X0 of the materials
    e_hat = 1 / (1 + 0.007 (Z_passive - Z_active))

Source: Grindhammer and Peters, hep-ex/0001020, section 2 and appendix A.2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.geometry.materials import BETHE_CONSTANT, Material, material
from pointcalo.units import cm

WINDOW = 5.0  # X0, Gaussian width of the running mean of the medium
BACK_SHARE = 0.0021  # of the energy of a layer, that comes back to each X0 before it
BACK_DEPTH = 5.0  # X0, how far it comes back
LARGEST_GAP = 4.0  # mm of active material that one deposit crosses, at most
LARGEST_SAMPLING_STEP = 1.5  # X0; the corrections in 1 / F_S were fitted below it
MIP_RATIO = 1.12e-4
"""e/mip = 1 / (1 + MIP_RATIO (Z_passive - Z_active)^2), Z weighted with the ionisation loss: one
constant, set on the response of two Geant4 stacks (docs/simulation.md)."""


@dataclass(frozen=True)
class Medium:
    """Effective numbers of the mixture about each of N places, all [N] float64.

    Args:
        critical_energy: MeV.
        atomic_number: mean Z by mass.
        sampling_frequency: F_S, radiation length over the thickness of one sampling layer.
        e_hat: electron over MIP signal as the profile's corrections take it.
        response: electron over MIP signal of the visible energy.
        moliere: Moliere radius, mm.
        radiation_length: mm.
        interaction_length: mm.
        loss_per_mm: mean loss of a minimum-ionising particle, MeV/mm.
    """

    critical_energy: Tensor
    atomic_number: Tensor
    sampling_frequency: Tensor
    e_hat: Tensor
    response: Tensor
    moliere: Tensor
    radiation_length: Tensor
    interaction_length: Tensor
    loss_per_mm: Tensor

    def __getitem__(self, index: Tensor) -> "Medium":
        return Medium(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class Stack:
    """The layers that a particle flying up or down crosses, nearest first.

    Args:
        layer: number of each layer in the geometry, [K] int64.
        z: middle of the active material, mm, [K].
        radiation: depth along the normal where the sampled shower begins and ends, X0, [K, 2]:
            the active material, or the whole layer where several gaps are read out as one.
        interaction: the same in interaction lengths, [K, 2].
        medium: the mixture about each layer, K of them.
        gap: active thickness that a deposit crosses, mm, [K].
        gaps: number of such gaps in the layer, [K] int64.
        loss: mean loss of a minimum-ionising particle in the active material, MeV/mm, [K].
        width: Landau width xi per thickness, MeV/mm, [K].
        plasma: plasma energy of the active material, MeV, [K].
    """

    layer: Tensor
    z: Tensor
    radiation: Tensor
    interaction: Tensor
    medium: Medium
    gap: Tensor
    gaps: Tensor
    loss: Tensor
    width: Tensor
    plasma: Tensor

    @classmethod
    def of(cls, geometry: Geometry, side: int) -> "Stack | None":
        """The layers at z > 0 (side 1) or z < 0 (side -1); None where there are none."""
        chosen = [n for n, layer in enumerate(geometry.layers) if layer.z * side > 0]
        chosen.sort(key=lambda n: abs(geometry.layers[n].z))
        return cls._build(chosen, [geometry.layers[n] for n in chosen]) if chosen else None

    @classmethod
    def _build(cls, chosen: list[int], layers: list[DetectorLayer]) -> "Stack":
        absorber = [[(material(n), d * layer.gaps) for n, d in layer.absorber] for layer in layers]
        active = [[(material(layer.active[0]), layer.active[1] * layer.gaps)] for layer in layers]
        several = torch.tensor([layer.gaps > 1 for layer in layers])
        radiation = _edges(absorber, active, several, _radiation)
        interaction = _edges(absorber, active, several, lambda m, d: d / m.interaction_length_mm)
        medium = _medium(active, absorber, radiation.mean(1), [layer.gaps for layer in layers])
        thickness = torch.tensor([layer.active[1] for layer in layers], dtype=torch.float64)
        pieces = (thickness / LARGEST_GAP).ceil().clamp(min=1)
        gaps = torch.tensor([layer.gaps for layer in layers]) * pieces
        loss = _column(lambda m: m.minimum_loss_per_mm, active)
        return cls(
            layer=torch.tensor(chosen),
            z=torch.tensor([layer.z for layer in layers], dtype=torch.float64),
            radiation=radiation,
            interaction=interaction,
            medium=medium,
            gap=thickness / pieces,
            gaps=gaps.long(),
            loss=loss,
            width=_column(_landau_width, active),
            plasma=_column(_plasma_energy, active),
        )

    @property
    def visible_radiation(self) -> Tensor:
        """Loss of MIPs in the active material over that of the medium in the same X0, [K]."""
        return self._visible(self.radiation, self.medium.radiation_length)

    @property
    def visible_interaction(self) -> Tensor:
        """The same where the depth is in interaction lengths, [K]."""
        return self._visible(self.interaction, self.medium.interaction_length)

    @cached_property
    def backscatter(self) -> Tensor:
        """Energy in a layer (column) by particles that come back from a deeper one, [K, K]."""
        depth = self.radiation.mean(1)
        step = self.radiation[:, 1].diff(prepend=depth.new_zeros(1))
        away = depth[:, None] - depth
        return BACK_SHARE * torch.where(away > 0, step * (-away / BACK_DEPTH).exp(), 0.0)

    def _visible(self, edges: Tensor, length: Tensor) -> Tensor:
        medium = edges.diff(dim=1)[:, 0] * length * self.medium.loss_per_mm
        return self.loss * self.gap * self.gaps / medium

    def distance(self, depth: Tensor) -> Tensor:
        """Depth |z| in mm at which a normal depth in X0 is reached; [N] to [N]."""
        middle, z = self.radiation.mean(1), self.z.abs()
        face = (z[0] - middle[0] * self.medium.radiation_length[0]).clamp(min=0)
        return face + _interpolate(depth, middle, z - face)

    def radiation_depth(self, depth: Tensor) -> Tensor:
        """Normal depth in X0 at a normal depth in interaction lengths; [N] to [N]."""
        return _interpolate(depth, self.interaction[:, 1], self.radiation[:, 1])

    def at(self, depth: Tensor) -> Tensor:
        """Index of the layer about a normal depth in X0; beyond the end: the last; [N] to [N]."""
        return torch.searchsorted(self.radiation[:, 1].contiguous(), depth).clamp(
            max=len(self.z) - 1
        )


def _interpolate(x: Tensor, nodes: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear from (0, 0) through the nodes, and on along the last piece."""
    zero = nodes.new_zeros(1)
    nodes, values = torch.cat([zero, nodes]), torch.cat([zero, values])
    right = torch.searchsorted(nodes, x.contiguous()).clamp(1, len(nodes) - 1)
    slope = (values[right] - values[right - 1]) / (nodes[right] - nodes[right - 1])
    return values[right - 1] + slope * (x - nodes[right - 1])


Slab = tuple[Material, float]
Rows = Sequence[Sequence[Slab]]


def _edges(
    absorber: Rows, active: Rows, several: Tensor, length: Callable[[Material, float], float]
) -> Tensor:
    """Begin and end of the sampled depth of each layer, [K, 2]."""
    behind = _sums(active, length)
    whole = behind + _sums(absorber, length)
    end = whole.cumsum(0)
    return torch.stack([end - torch.where(several, whole, behind), end], dim=1)


def _column(value: Callable[[Material], float], active: Rows) -> Tensor:
    return torch.tensor([value(row[0][0]) for row in active], dtype=torch.float64)


def _radiation(m: Material, d: float) -> float:
    return d / m.radiation_length_mm


def atomic_number(m: Material) -> float:
    """Effective Z of a material from its critical energy, E_c = 610 MeV / (Z + 1.24).

    Source: PDG review 2022, fig. 34.15, fit for solids; a mixture gets the Z it showers with.
    """
    return 610 / m.critical_energy_MeV - 1.24


def _landau_width(m: Material) -> float:
    return 0.5 * BETHE_CONSTANT * m.charge_to_mass * m.density / cm


def _plasma_energy(m: Material) -> float:
    return 28.816e-6 * math.sqrt(m.density * m.charge_to_mass)


def _sums(rows: Rows, value: Callable[[Material, float], float]) -> Tensor:
    return torch.tensor([sum(value(m, d) for m, d in row) for row in rows], dtype=torch.float64)


def _medium(active: Rows, absorber: Rows, depth: Tensor, gaps: list[int]) -> Medium:
    """Running means about the layers at these depths (X0)."""
    weight = (-(((depth[:, None] - depth) / WINDOW) ** 2) / 2).exp()
    slabs = [[*a, *b] for a, b in zip(absorber, active, strict=True)]

    def mean(value: Callable[[Material, float], float], rows: Rows = slabs) -> Tensor:
        return weight @ _sums(rows, value)

    def charge(weighted: Callable[[Material, float], float], rows: Rows = slabs) -> Tensor:
        total = mean(weighted, rows).clamp(min=1e-9)
        return mean(lambda m, d: atomic_number(m) * weighted(m, d), rows) / total

    active_Z = _column(atomic_number, active)
    passive_Z = charge(lambda m, d: m.density * d, absorber)
    ionising_Z = charge(lambda m, d: m.minimum_loss_per_mm * d, absorber)
    radiation = mean(_radiation)
    length = mean(lambda m, d: d)
    step = radiation / (weight @ torch.tensor(gaps, dtype=torch.float64))
    return Medium(
        critical_energy=mean(lambda m, d: m.critical_energy_MeV * _radiation(m, d)) / radiation,
        atomic_number=charge(lambda m, d: m.density * d),
        sampling_frequency=1 / step.clamp(max=LARGEST_SAMPLING_STEP),
        e_hat=1 / (1 + 0.007 * (passive_Z - active_Z).clamp(min=0)),
        response=1 / (1 + MIP_RATIO * (ionising_Z - active_Z).clamp(min=0) ** 2),
        moliere=length / mean(lambda m, d: d / m.moliere_radius_mm),
        radiation_length=length / radiation,
        interaction_length=length / mean(lambda m, d: d / m.interaction_length_mm),
        loss_per_mm=mean(lambda m, d: m.minimum_loss_per_mm * d) / length,
    )
