"""The values of an observable in a sample: weighted, each of a shower and of a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pointcalo.showers import index_from_ptr, ptr_from_counts, rows_of

BINS_PER_E, BINS_PER_E_GROUPED = 64, 8
SMALLEST = 1e-4
"""In the unit of the observable: below it bins of equal width, above it logarithmic ones."""


@dataclass(frozen=True)
class Values:
    """Values of an observable in one sample, K of them, sorted by shower.

    Attributes:
        value: [K] float64, finite.
        weight: [K] float64, not negative.
        shower: Shower of each value, rising, [K].
        group: Group of each value, 0..num_groups-1: the detector layer, where there is one
            distribution a layer, or a bin of another quantity, else 0; [K].
        num_showers: S.
        num_groups: G.
    """

    value: Tensor
    weight: Tensor
    shower: Tensor
    group: Tensor
    num_showers: int
    num_groups: int = 1

    @staticmethod
    def of_showers(values: Tensor) -> Values:
        """One value [S] a shower; showers that define none (NaN) are left out."""
        return Values.of_layers(values[:, None])

    @staticmethod
    def of_layers(values: Tensor, weight: Tensor | None = None) -> Values:
        """One value a shower and layer [S, L], a distribution for each layer.

        NaN and what has no weight [S, L] are left out.
        """
        weight = torch.ones_like(values) if weight is None else weight
        shower, group = (values.isfinite() & (weight > 0)).nonzero(as_tuple=True)
        value, weight = values[shower, group].double(), weight[shower, group].double()
        return Values(value, weight, shower, group, *values.shape)

    @staticmethod
    def of_hits(values: Tensor, weight: Tensor, shower: Tensor, num_showers: int) -> Values:
        """One value a hit [P], hits sorted by shower; NaN and what has no weight are left out."""
        group = torch.zeros_like(shower)
        return Values.of_groups(values, weight, shower, group, (num_showers, 1))

    @staticmethod
    def of_groups(
        values: Tensor, weight: Tensor, shower: Tensor, group: Tensor, shape: tuple[int, int]
    ) -> Values:
        """The same with the group of each hit [P], of S showers and G groups."""
        there = values.isfinite() & (weight > 0)
        rows = (column[there] for column in (values.double(), weight.double(), shower, group))
        return Values(*rows, *shape)

    @staticmethod
    def cat(parts: Sequence[Values]) -> Values:
        """The values of several batches of showers, in order."""
        first = torch.tensor([0, *(part.num_showers for part in parts)]).cumsum(0)
        shower = [part.shower + start for part, start in zip(parts, first, strict=False)]
        return Values(
            torch.cat([part.value for part in parts]),
            torch.cat([part.weight for part in parts]),
            torch.cat(shower),
            torch.cat([part.group for part in parts]),
            int(first[-1]),
            parts[0].num_groups,
        )

    def __getitem__(self, showers: Tensor) -> Values:
        """The values of some showers [n] int64, in the order named."""
        ptr = ptr_from_counts(torch.bincount(self.shower, minlength=self.num_showers))
        rows = rows_of(ptr, showers)
        shower = index_from_ptr(ptr_from_counts(ptr.diff()[showers]))
        return Values(
            self.value[rows],
            self.weight[rows],
            shower,
            self.group[rows],
            len(showers),
            self.num_groups,
        )

    def pooled(self) -> Values:
        """The same values as one group."""
        return replace(self, group=torch.zeros_like(self.group), num_groups=1)

    def merged(self) -> Values:
        """Values of one shower and group within 1.6 % of one another as one, at their mean.

        Where there are several groups, within 13 %: many share the values. Keeps sums and means;
        bounds what a sample of many hits takes.
        """
        if bool(((self.shower * self.num_groups + self.group).diff() > 0).all()):
            return self  # one value each
        scaled = torch.asinh(self.value / SMALLEST)
        per_e = BINS_PER_E if self.num_groups == 1 else BINS_PER_E_GROUPED
        key = (scaled * per_e).floor().long()
        low = int(key.min()) if len(key) else 0
        size = int(key.max()) - low + 1 if len(key) else 1
        slot = (self.shower * self.num_groups + self.group) * size + key - low
        slot, place = torch.unique(slot, return_inverse=True)
        weight = torch.bincount(place, self.weight, len(slot))
        lowest = self.value.new_full((len(slot),), torch.inf)
        lowest.scatter_reduce_(0, place, self.value, "amin")  # equal values stay equal to the bit
        above = self.weight * (self.value - lowest[place])
        value = lowest + torch.bincount(place, above, len(slot)) / weight
        owner = torch.div(slot, size, rounding_mode="floor")
        shower = torch.div(owner, self.num_groups, rounding_mode="floor")
        return Values(
            value, weight, shower, owner % self.num_groups, self.num_showers, self.num_groups
        )
