"""Hits of a sample in the frame of their showers, their sums, and what lies around each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import (
    TIME,
    Incident,
    ShowerFrame,
    Showers,
    ptr_from_counts,
    segment_sum,
)
from pointcalo.units import SPEED_OF_LIGHT
from pointcalo.validation.groups import Groups
from pointcalo.validation.surroundings import Surroundings, surroundings_of
from pointcalo.validation.values import Values

MIN_SCALE = 0.01
"""MeV; the unit of `Hits.excess` in detector layers whose threshold is lower, or none."""

THRESHOLDS_PER_MIP = 2.0
"""Thresholds are half the energy of a minimum-ionising particle."""


@dataclass(frozen=True)
class Hits:
    """All hits of S showers on L detector layers, above threshold, as flat columns.

    Attributes:
        incident: The incident particles, S of them.
        geometry: Their detector.
        axis: Where the incident axis crosses each layer, x, y in mm, [S, L, 2].
        shower: Number of the hit's shower, rising, [P].
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
        return segment_sum(values.double(), self.ptr)

    def mean(self, values: Tensor, where: Tensor | None = None) -> Tensor:
        """Mean of `values` [P] over the hits of each shower, [S]; NaN where there is none."""
        if where is None:
            return self.per_shower(values) / self.number
        return self.per_shower(values * where) / self.per_shower(where)

    @cached_property
    def ptr(self) -> Tensor:
        """Shower s has the hits ptr[s]:ptr[s+1], [S+1]."""
        return ptr_from_counts(torch.bincount(self.shower, minlength=self.num_showers))

    @cached_property
    def number(self) -> Tensor:
        """Number of hits of each shower, [S] float64."""
        return self.ptr.diff().double()

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
    def mips(self) -> Tensor:
        """Energy of each hit over that of a MIP in its layer, which is twice the threshold, [P]."""
        return self.excess / THRESHOLDS_PER_MIP

    @cached_property
    def log_excess(self) -> Tensor:
        """Logarithm of `excess`, [P]."""
        return self.excess.log()

    @cached_property
    def central(self) -> tuple[Tensor, Tensor, Tensor]:
        """u, v and depth of each hit less their energy-weighted means in its shower, mm, [P]."""
        u, v, z = (
            place - self.weighted_mean(place)[self.shower] for place in (*self.uv.T, self.depth)
        )
        return u, v, z

    @cached_property
    def covariance(self) -> Tensor:
        """Energy-weighted covariances of u, v and depth in mm2, [S, 3, 3]; NaN without hits."""
        u, v, z = self.central
        uu, uv, uz, vv, vz, zz = (
            self.weighted_mean(a * b) for a, b in ((u, u), (u, v), (u, z), (v, v), (v, z), (z, z))
        )
        return torch.stack([uu, uv, uz, uv, vv, vz, uz, vz, zz], dim=1).view(-1, 3, 3)

    @cached_property
    def spread(self) -> Tensor:
        """Energy-weighted spreads of u, v and depth, mm, [S, 3]; NaN for fewer than two hits."""
        spread = self.covariance.diagonal(dim1=1, dim2=2).sqrt()
        return torch.where(self.number[:, None] > 1, spread, torch.nan)

    @cached_property
    def outwards(self) -> Tensor:
        """Hits by shower and, within it, by rising distance from the axis, [P]."""
        return self.order_by(self.radius)

    @cached_property
    def delay(self) -> Tensor:
        """Time of each hit behind light along the incident axis from z = 0, in ns, [P].

        NaN in showers whose times are all 0, which is how files without times are read.
        """
        slowness = 1 / (self.incident.direction[:, 2].double() * SPEED_OF_LIGHT)
        timed = self.per_shower((self.time != 0).double()) > 0
        late = self.time - self.depth * slowness[self.shower]
        return torch.where(timed[self.shower], late, torch.nan)

    @cached_property
    def layers(self) -> Groups:
        """Sums over the hits of each shower in each detector layer."""
        return self.grouped(self.layer, self.num_layers)

    def grouped(self, group: Tensor, num_groups: int) -> Groups:
        """Sums over the hits of each shower in groups, given the group of each hit [P]."""
        return Groups(self.energy, self.uv, self.shower, self.num_showers, group, num_groups)

    @cached_property
    def log_excess_beside(self) -> Tensor:
        """Mean of `log_excess` over the lit neighbours in the same layer, [P]; 0 for none."""
        near = self.surroundings
        beside = torch.where(near.same >= 0, self.log_excess[near.same], 0.0)
        return beside.sum(1) / near.number.clamp(min=1)

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

    def correlation(self, a: Tensor, b: Tensor, where: Tensor) -> Tensor:
        """Pearson correlation of a and b [P] over the chosen hits of each shower, [S]."""
        mean_a, mean_b = self.mean(a, where), self.mean(b, where)
        covariance = self.mean(a * b, where) - mean_a * mean_b
        spread = (self.mean(a * a, where) - mean_a**2) * (self.mean(b * b, where) - mean_b**2)
        return torch.where(spread > 1e-12, covariance / spread.clamp(min=1e-12).sqrt(), torch.nan)

    def ranks(self, values: Tensor) -> Tensor:
        """Rank of each of `values` [P] in its shower, from 0; equal ones share their mean rank."""
        order = values.argsort()
        order = order[self.shower[order].argsort(stable=True)]
        ordered, shower = values[order], self.shower[order]
        first = torch.ones_like(shower, dtype=torch.bool)
        first[1:] = (ordered.diff() != 0) | (shower.diff() != 0)
        tie = first.cumsum(0) - 1
        place = (torch.arange(len(order)) - self.ptr[shower]).double()
        rank = torch.empty_like(place)
        rank[order] = (torch.bincount(tie, place) / torch.bincount(tie))[tie].double()
        return rank

    def rank_correlation(self, a: Tensor, b: Tensor) -> Tensor:
        """Spearman correlation of a and b [P] over the hits of each shower, [S].

        NaN where one of them is the same for all hits, or is not defined (NaN).
        """
        known = ~(a.isnan() | b.isnan())
        return self.correlation(self.ranks(a), self.ranks(b), known)

    def order_by(self, values: Tensor) -> Tensor:
        """Hits by shower and, within it, by rising value [P], not negative, in float32; [P]."""
        bits = values.float().view(torch.int32).long()  # of floats >= 0 they have the same order
        return torch.from_numpy(np.argsort((self.shower << 32 | bits).numpy()))

    def values(self, values: Tensor, weight: Tensor | None = None) -> Values:
        """One value [P] a hit, each weighing 1 or its `weight` [P], for an observable."""
        weight = torch.ones_like(self.energy) if weight is None else weight
        return Values.of_hits(values, weight, self.shower, self.num_showers)

    def grouped_values(self, values: Tensor, group: Tensor, num_groups: int) -> Values:
        """One value [P] a hit, each weighing 1, for an observable of hits in groups [P]."""
        shape = self.num_showers, num_groups
        return Values.of_groups(values, torch.ones_like(self.energy), self.shower, group, shape)


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
