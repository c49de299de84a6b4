"""Histograms of both samples of an observable, in every bootstrap sample at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from pointcalo.validation.metrics.binning import bin_of
from pointcalo.validation.metrics.estimate import Resampling
from pointcalo.validation.values import Values


@dataclass(frozen=True)
class Histograms:
    """Shares of both samples in each bin, normalised to 1 in each group.

    Attributes:
        edges: Of the bins, [B + 1]; the bins below the first and above the last count too.
        reference: [R + 1, G, B + 2], the first row without resampling; 0 where a group is empty.
        generated: The same of the generated sample.
    """

    edges: NDArray[np.float64]
    reference: NDArray[np.float64]
    generated: NDArray[np.float64]

    @staticmethod
    def of(
        reference: Values, generated: Values, edges: Tensor, resampling: Resampling
    ) -> "Histograms":
        """Fill the histograms of both samples."""
        both = [
            _densities(counts @ shower_table(values, edges), values.num_groups)
            for values, counts in zip((reference, generated), resampling.counts, strict=True)
        ]
        return Histograms(edges.numpy(), *both)

    @cached_property
    def sides(self) -> NDArray[np.int64]:
        """How many of the two samples have values in a group, [R + 1, G]."""
        there = [side.any(axis=2) for side in (self.reference, self.generated)]
        return np.sum(there, axis=0)

    @property
    def cumulative_difference(self) -> NDArray[np.float64]:
        """|F_reference - F_generated| at each edge, [R + 1, G, B + 1]."""
        apart = self.reference - self.generated
        np.cumsum(apart, axis=2, out=apart)
        return np.abs(apart, out=apart)[..., :-1]


def mean_over_groups(values: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean [R] of numbers [R, G] over the groups named by `where` [R, G]; NaN where it has none."""
    number = where.sum(axis=1)
    total = np.where(where, values, 0.0).sum(axis=1)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def shower_table(values: Values, edges: Tensor) -> csr_array:
    """Weight of each shower in each group and bin, the outer two bins included, [S, G (B + 2)]."""
    column = values.group * (len(edges) + 1) + bin_of(values.value, edges)
    shape = (values.num_showers, values.num_groups * (len(edges) + 1))
    return csr_array((values.weight, (values.shower, column)), shape=shape)


def _densities(weights: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    table = weights.reshape(len(weights), groups, -1)
    total = table.sum(axis=2, keepdims=True)
    return table / np.where(total > 0, total, 1.0)
