"""Histograms of both samples of an observable, in every bootstrap sample at once."""

from dataclasses import dataclass

import numpy as np
import torch
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
        groups: Groups that have a value on either side.
    """

    edges: NDArray[np.float64]
    reference: NDArray[np.float64]
    generated: NDArray[np.float64]
    groups: int

    @staticmethod
    def of(
        reference: Values, generated: Values, edges: Tensor, resampling: Resampling
    ) -> "Histograms":
        """Fill the histograms of both samples."""
        both = [
            _densities(counts @ shower_table(values, edges), values.num_groups)
            for values, counts in zip((reference, generated), resampling.counts, strict=True)
        ]
        seen = torch.cat([reference.group, generated.group]).unique()
        return Histograms(edges.numpy(), *both, max(1, len(seen)))

    def mean_over_groups(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean [R + 1] over the groups that are seen, of numbers [R + 1, G]."""
        return values.sum(axis=1) / self.groups


def shower_table(values: Values, edges: Tensor) -> csr_array:
    """Weight of each shower in each group and bin, the outer two bins included, [S, G (B + 2)]."""
    column = values.group * (len(edges) + 1) + bin_of(values.value, edges)
    shape = (values.num_showers, values.num_groups * (len(edges) + 1))
    return csr_array((values.weight, (values.shower, column)), shape=shape)


def _densities(weights: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    table = weights.reshape(len(weights), groups, -1)
    total = table.sum(axis=2, keepdims=True)
    return table / np.where(total > 0, total, 1.0)
