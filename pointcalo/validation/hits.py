"""Hits of a sample in the frame of their showers, their sums, and what lies around each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import TIME, Incident, ShowerFrame, Showers
from pointcalo.validation.groups import Groups
from pointcalo.validation.surroundings import Surroundings, surroundings_of
from pointcalo.validation.values import Values

MIN_SCALE = 0.01
"""MeV; the unit of `Hits.excess` in detector layers whose threshold is lower, or none."""


@dataclass(frozen=True)
class Hits:
    """All hits of S showers on L detector layers, above threshold, as flat columns.

    Attributes:
        incident: The incident particles, S of them.
        geometry: Their detector.
        axis: Where the incident axis crosses each layer, x, y in mm, [S, L, 2].
        shower: Number of the hit's shower, [P].
        layer: Its detector layer, [P].
        cell: Its cell, [P].
        energy: Its energy in MeV, [P] float64.
        time: Its time in ns, [P] float64.
        xy: Its transverse position in mm, [P, 2].
        uv: Transverse position about the incident axis, u along the tilt, in mm, [P, 2] float64.
        excess: Its energy in units of its layer's threshold (at least MIN_SCALE), [P] float64.
    """

    incident: Incident
    geometry: Geometry
    axis: Tensor
    shower: Tensor
    layer: Tensor
    cell: Tensor
    energy: Tensor
    time: Tensor
    xy: Tensor
    uv: Tensor
    excess: Tensor

    @property
    def num_showers(self) -> int:
        """S."""
        return len(self.incident)

    @property
    def num_layers(self) -> int:
        """L."""
        return self.geometry.num_layers

    @cached_property
    def layer_z(self) -> Tensor:
        """Depth of the layers in mm, [L] float64."""
        return self.geometry.layer_z.double()

    @cached_property
    def depth(self) -> Tensor:
        """Depth of each hit in mm, [P]."""
        return self.layer_z[self.layer]

    @cached_property
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

    @cached_property
    def total(self) -> Tensor:
        """Energy of each shower in MeV, [S]."""
        return self.per_shower(self.energy)

    @cached_property
    def share(self) -> Tensor:
        """Share of its shower's energy that each hit has, [P]."""
        return self.energy / self.total[self.shower]

    def weighted_mean(self, values: Tensor) -> Tensor:
        """Energy-weighted mean of `values` [P] in each shower, [S]; NaN for one without hits."""
        return self.per_shower(self.energy * values) / self.total

    @cached_property
    def layers(self) -> Groups:
        """Sums over the hits of each shower in each detector layer."""
        return self.grouped(self.layer, self.num_layers)

    def grouped(self, group: Tensor, num_groups: int) -> Groups:
        """Sums over the hits of each shower in groups, given the group of each hit [P]."""
        return Groups(self.energy, self.uv, self.shower, self.num_showers, group, num_groups)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What lies around each hit."""
        return surroundings_of(
            self.geometry,
            self.shower,
            self.layer,
            self.cell,
            self.xy - self.axis[self.shower, self.layer],
            self.axis,
        )

    def values(self, values: Tensor, weight: Tensor | None = None) -> Values:
        """One value [P] a hit, each weighing 1 or its `weight` [P], for an observable."""
        weight = torch.ones_like(self.energy) if weight is None else weight
        return Values.of_hits(values, weight, self.shower, self.num_showers)


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
        geometry=geometry,
        axis=frame.axis,
        shower=showers.index,
        layer=showers.layer,
        cell=cell,
        energy=showers.energy.double(),
        time=showers.points[:, TIME].double(),
        xy=showers.xy,
        uv=frame.to_frame(showers.xy, showers.layer, showers.index).double(),
        excess=showers.energy.double() / scale[showers.layer],
    )
