"""Sums over the hits of each shower that share a group."""

from functools import cached_property

import torch
from torch import Tensor


class Groups:
    """Sums over the hits of each shower that share a group: a detector layer, or several.

    Args:
        energy: Energy of each hit in MeV, [P] float64.
        uv: Transverse position of each hit about the axis in mm, [P, 2] float64.
        shower: Shower of each hit, [P].
        num_showers: S.
        group: Group of each hit, 0..num_groups-1, [P].
        num_groups: G.
    """

    def __init__(
        self,
        energy: Tensor,
        uv: Tensor,
        shower: Tensor,
        num_showers: int,
        group: Tensor,
        num_groups: int,
    ) -> None:
        self.hit_energy, self.uv = energy, uv
        self.shape = (num_showers, num_groups)
        self.slot = shower * num_groups + group

    def sum(self, values: Tensor) -> Tensor:
        """Sum of `values` [P] over each group, [S, G]; 0 for a group without hits."""
        sums = torch.bincount(self.slot, values, self.shape[0] * self.shape[1])
        return sums.double().view(self.shape)  # float32 where there is no hit at all

    @cached_property
    def energy(self) -> Tensor:
        """Energy in MeV, [S, G]."""
        return self.sum(self.hit_energy)

    @cached_property
    def number(self) -> Tensor:
        """Number of hits, [S, G] float64."""
        return self.sum(torch.ones_like(self.hit_energy))

    @cached_property
    def centre(self) -> Tensor:
        """Centre of energy (u, v) in mm, [S, G, 2]; NaN for a group without hits."""
        u, v = self.uv.unbind(1)
        sums = [self.sum(self.hit_energy * position) for position in (u, v)]
        return torch.stack(sums, dim=-1) / self.energy[..., None]

    @cached_property
    def spread(self) -> Tensor:
        """Energy-weighted spreads (u, v) in mm, [S, G, 2]; NaN for fewer than two hits."""
        apart = self.uv - self.centre.view(-1, 2)[self.slot]
        sums = [self.sum(self.hit_energy * a * a) for a in apart.unbind(1)]
        spread = (torch.stack(sums, dim=-1) / self.energy[..., None]).sqrt()
        return torch.where(self.number[..., None] > 1, spread, torch.nan)

    @property
    def width_mm(self) -> Tensor:
        """Energy-weighted spread sqrt(<(u - <u>)^2 + (v - <v>)^2>) in mm, [S, G]; NaN if empty."""
        apart = self.uv - self.centre.view(-1, 2)[self.slot]
        return (self.sum(self.hit_energy * apart.square().sum(1)) / self.energy).sqrt()

    @property
    def hottest(self) -> Tensor:
        """Largest energy of one hit in MeV, [S, G]; 0 for a group without hits."""
        largest = torch.zeros(self.shape[0] * self.shape[1], dtype=torch.float64)
        return largest.scatter_reduce(0, self.slot, self.hit_energy, "amax").view(self.shape)
