"""Distances between the distributions of an observable in two samples."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.histograms import Histograms, mean_over_groups
from pointcalo.validation.values import Values

FINE_BINS = 400


def wasserstein(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Wasserstein-1 distance in the unit of the observable, mean over the groups that both have.

    W = integral |F_reference - F_generated|, with F the cumulative distributions: the mean
    distance that the values have to be moved. The value is exact, its error is that of 400 bins.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        resampling: Bootstrap samples of their showers.

    Returns:
        The distance; its scale is the spread of the reference.

    Source: Ramdas, Garcia and Cuturi 2015, arXiv:1509.02237.
    """
    return cumulative_distances(reference, generated, resampling)[0]


def kolmogorov_smirnov(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Largest difference of two cumulative distributions, sup |F - G|; mean over groups.

    0 for equal samples, 1 for disjoint ones and for groups that only one sample has. The value is
    exact, with ties and weights; its error is that of 400 bins.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        resampling: Bootstrap samples of their showers.

    Source: Smirnov 1948, Ann. Math. Statist. 19, 279.
    """
    return cumulative_distances(reference, generated, resampling)[1]


def cumulative_distances(
    reference: Values, generated: Values, resampling: Resampling
) -> tuple[Estimate, Estimate]:
    """`wasserstein` and `kolmogorov_smirnov` of the same values, in half the time."""
    steps = _steps(reference, generated)
    histograms = Histograms.of(reference, generated, _quantiles(steps.ordered), resampling)
    apart, sides = histograms.cumulative_difference, histograms.sides
    edges = histograms.edges
    width = np.gradient(edges) if len(edges) > 1 else np.ones(1)
    area = mean_over_groups(apart @ width, sides == 2)
    largest = mean_over_groups(np.where(sides == 2, apart.max(axis=2), 1.0), sides > 0)
    return (
        replace(resampling.estimate(area, _exact_wasserstein(steps)), scale=spread(reference)),
        resampling.estimate(largest, _exact_smirnov(steps)),
    )


def spread(values: Values) -> float:
    """Standard deviation of values about the mean of their group; NaN where there is none."""
    mean = torch.bincount(values.group, _normalised(values) * values.value, values.num_groups)
    apart = values.weight * (values.value - mean[values.group]).square()
    return float((apart.sum() / values.weight.sum()).sqrt())


@dataclass(frozen=True)
class _Steps:
    """Values of both samples, in order of group and value.

    Attributes:
        ordered: All values, rising, [K].
        value: In order of group and value, [K].
        group: [K], rising.
        apart: |F_reference - F_generated| from each value to the next, [K]; NaN in groups that
            only one sample has.
    """

    ordered: Tensor
    value: Tensor
    group: Tensor
    apart: Tensor


def _steps(reference: Values, generated: Values) -> _Steps:
    sides = (reference, generated)
    ordered, order = torch.cat([side.value for side in sides]).sort()
    group = torch.cat([side.group for side in sides])[order]
    signed = torch.cat([_normalised(reference), -_normalised(generated)])[order]
    value = ordered
    if reference.num_groups > 1:
        group, order = group.sort(stable=True)
        value, signed = value[order], signed[order]
    number = [torch.bincount(side.group, minlength=reference.num_groups) for side in sides]
    both = ((number[0] > 0) & (number[1] > 0))[group]
    # In a group that both have, both distributions end at 1: one sum runs through all groups.
    apart = torch.where(both, signed, 0.0).cumsum(0).abs()
    return _Steps(ordered, value, group, torch.where(both, apart, torch.nan))


def _exact_wasserstein(steps: _Steps) -> float:
    area = steps.value.diff() * steps.apart[:-1] * (steps.group.diff() == 0)
    groups = len(steps.group[steps.apart.isfinite()].unique_consecutive())
    return float(area.nansum()) / groups if groups else math.nan


def _exact_smirnov(steps: _Steps) -> float:
    ends = torch.ones_like(steps.group, dtype=torch.bool)  # the last of equal values
    ends[:-1] = (steps.value.diff() != 0) | (steps.group.diff() != 0)
    groups, place = steps.group[ends].unique_consecutive(return_inverse=True)
    largest = torch.zeros(len(groups), dtype=torch.float64)
    largest.scatter_reduce_(0, place, steps.apart[ends].nan_to_num(1.0), "amax")
    return float(largest.mean())


def _quantiles(ordered: Tensor) -> Tensor:
    """Edges of up to 400 bins at quantiles of sorted values, for the error of a distance."""
    if len(ordered) == 0:
        return torch.zeros(1, dtype=torch.float64)
    return ordered[torch.linspace(0, len(ordered) - 1, FINE_BINS + 1).long()].unique()


def _normalised(values: Values) -> Tensor:
    """Weights summing to 1 in each group, [K]."""
    total = torch.bincount(values.group, values.weight, values.num_groups)
    return values.weight / total[values.group].clamp(min=1e-300)


def separation(
    reference: Values, generated: Values, edges: Tensor, resampling: Resampling
) -> Estimate:
    """Separation power of two histograms, 0 for equal and 1 for disjoint ones; mean over groups.

    S = 1/2 sum over bins of (a - b)^2 / (a + b), with a and b normalised to 1. Two samples of the
    same distribution have S > 0: about (bins - 1) / 4 (1/n_a + 1/n_b); compare with the floor.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        edges: Of the bins. What lies outside counts in up to four bins more: below and above,
            within and beyond the range of the reference.
        resampling: Bootstrap samples of their showers.

    Source: Diefenbacher et al. 2020, arXiv:2009.03796, eq. 15, as used by the CaloChallenge,
        Krause et al. 2024, arXiv:2410.21611 (there without the bins outside).
    """
    histograms = Histograms.of(reference, generated, _with_tails(edges, reference), resampling)
    a, b = histograms.reference, histograms.generated
    power = ((a - b) ** 2 / np.where(a + b > 0, a + b, 1.0)).sum(axis=2) / 2
    power = np.where(histograms.sides == 2, power, 1.0)
    return resampling.estimate(mean_over_groups(power, histograms.sides > 0))


def _with_tails(edges: Tensor, reference: Values) -> Tensor:
    value = reference.value[reference.weight > 0]
    if len(value) == 0:
        return edges
    infinity = torch.tensor(torch.inf, dtype=value.dtype)
    ends = torch.stack([value.min(), torch.nextafter(value.max(), infinity)])  # both lie within
    outside = (ends < edges[0]) | (ends > edges[-1])
    return torch.cat([edges, ends[outside]]).unique()
