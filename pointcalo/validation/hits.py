"""Hits of a sample in the frame of their showers, and lit cells looked up by cell."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerFrame, Showers

MIN_SCALE = 0.01
"""MeV; the unit of `Hits.excess` in detector layers whose threshold is lower, or none."""


@dataclass(frozen=True)
class Hits:
    """All hits of S showers on L detector layers, above threshold, as flat columns.

    Attributes:
        incident: The incident particles, S of them.
        layer_z: Depth of the layers in mm, [L] float64.
        shower: Number of the hit's shower, [P].
        layer: Its detector layer, [P].
        cell: Its cell, [P].
        energy: Its energy in MeV, [P] float64.
        uv: Transverse position about the incident axis, u along the tilt, in mm, [P, 2] float64.
        excess: Its energy in units of its layer's threshold (at least MIN_SCALE), [P] float64.
    """

    incident: Incident
    layer_z: Tensor
    shower: Tensor
    layer: Tensor
    cell: Tensor
    energy: Tensor
    uv: Tensor
    excess: Tensor

    @property
    def num_showers(self) -> int:
        """S."""
        return len(self.incident)

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self.layer_z)

    @property
    def radius(self) -> Tensor:
        """Distance from the incident axis in the plane of the layer in mm, [P]."""
        return self.uv.norm(dim=1)

    def per_shower(self, values: Tensor) -> Tensor:
        """Sum of `values` [P] over the hits of each shower, [S]; 0 for a shower without hits."""
        return torch.bincount(self.shower, values, self.num_showers)

    def mean(self, values: Tensor, where: Tensor | None = None) -> Tensor:
        """Mean of `values` [P] over the hits of each shower, [S]; NaN where there is none."""
        weight = torch.ones_like(self.energy) if where is None else where.double()
        return self.per_shower(values.double() * weight) / self.per_shower(weight)


def hits_of(showers: Showers, geometry: Geometry) -> Hits:
    """Hits of `showers` (rows on cells, already above threshold) in the frame of their showers.

    Raises:
        ValueError: If a row lies on no cell of the geometry.
    """
    cell = showers.cell
    if cell is None:
        cell = geometry.cell_at(showers.layer, showers.xy)
    outside = int((cell < 0).sum())
    if outside:
        raise ValueError(
            f"{outside} of {showers.num_points} rows lie on no cell of geometry "
            f"{geometry.name!r}; validate with the geometry that the showers were made on"
        )
    scale = geometry.layer_threshold.double().clamp(min=MIN_SCALE)
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    return Hits(
        incident=showers.incident,
        layer_z=geometry.layer_z.double(),
        shower=showers.index,
        layer=showers.layer,
        cell=cell,
        energy=showers.energy.double(),
        uv=frame.to_frame(showers.xy, showers.layer, showers.index).double(),
        excess=showers.energy.double() / scale[showers.layer],
    )


class Groups:
    """Sums over the hits of each shower that share a group: a detector layer, or several.

    Args:
        hits: Hits of S showers.
        group: Group of each hit, 0..number-1, [P].
        number: Number of groups, G.
    """

    def __init__(self, hits: Hits, group: Tensor, number: int) -> None:
        self.hits = hits
        self.shape = (hits.num_showers, number)
        self.slot = hits.shower * number + group

    def sum(self, values: Tensor) -> Tensor:
        """Sum of `values` [P] over each group, [S, G]; 0 for a group without hits."""
        return torch.bincount(self.slot, values, self.shape[0] * self.shape[1]).view(self.shape)

    @cached_property
    def energy(self) -> Tensor:
        """Energy in MeV, [S, G]."""
        return self.sum(self.hits.energy)

    @cached_property
    def centre(self) -> Tensor:
        """Centre of energy (u, v) in mm, [S, G, 2]; NaN for a group without hits."""
        u, v = self.hits.uv.unbind(1)
        sums = [self.sum(self.hits.energy * position) for position in (u, v)]
        return torch.stack(sums, dim=-1) / self.energy[..., None]

    @property
    def width_mm(self) -> Tensor:
        """Energy-weighted spread sqrt(<(u - <u>)^2 + (v - <v>)^2>) in mm, [S, G]; NaN if empty."""
        apart = self.hits.uv - self.centre.view(-1, 2)[self.slot]
        return (self.sum(self.hits.energy * apart.square().sum(1)) / self.energy).sqrt()

    @property
    def hottest(self) -> Tensor:
        """Largest energy of one hit in MeV, [S, G]; 0 for a group without hits."""
        largest = torch.zeros(self.shape[0] * self.shape[1], dtype=torch.float64)
        return largest.scatter_reduce(0, self.slot, self.hits.energy, "amax").view(self.shape)


class LitCells:
    """Energy of any (shower, cell), by binary search in the sorted keys of the lit cells."""

    def __init__(self, hits: Hits, num_cells: int) -> None:
        self.num_cells = num_cells
        self.key, self.order = torch.sort(hits.shower * num_cells + hits.cell)
        self.energy = hits.energy[self.order]

    def hit_at(self, shower: Tensor, cell: Tensor) -> Tensor:
        """Number of the hit on each cell, -1 where it is not lit or is no cell (-1); any shape."""
        if not len(self.key):
            return torch.full_like(cell, -1)
        key = shower * self.num_cells + cell
        slot = torch.searchsorted(self.key, key).clamp(max=len(self.key) - 1)
        lit = (self.key[slot] == key) & (cell >= 0)
        return torch.where(lit, self.order[slot], -1)
