"""Comparisons of two samples of an observable, each a value with its uncertainty.

The uncertainty is the standard deviation over bootstrap samples of showers. Where both sides hold
the same incident particles, pairs are resampled, so that the common choice of energies and angles
adds nothing to it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from pointcalo.validation.binning import bin_of
from pointcalo.validation.observables import Values

OK = "ok"
TOO_FEW = "too few"
DIFFERENT_INCIDENT = "different incident particles"
UNDEFINED = "undefined"
BOOTSTRAPS = 100
FINE_BINS = 400


@dataclass(frozen=True)
class Metric:
    """Value of a comparison.

    Attributes:
        value: The number.
        uncertainty: Its standard error.
        n: Showers a side, the fewer of both.
        status: `OK`, or why the value satisfies no bound.
    """

    value: float
    uncertainty: float
    n: int
    status: str = OK


def wasserstein(
    reference: Values, generated: Values, *, paired: bool = False, seed: int = 1
) -> Metric:
    """Wasserstein-1 distance in the unit of the observable, mean over its groups.

    W = integral |F_reference - F_generated|, with F the cumulative distributions: the mean
    distance that the values have to be moved.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        paired: Whether shower k of both sides has the same incident particle.
        seed: Of the bootstrap.

    Source: Ramdas, Garcia and Cuturi 2015, arXiv:1509.02237.
    """
    edges = _fine_edges(reference, generated)
    tables = shower_table(reference, edges), shower_table(generated, edges)
    shape = (reference.num_groups, len(edges) + 1)
    width = np.gradient(edges.numpy()) if len(edges) > 1 else np.ones(1)

    def distance(first: Tensor, second: Tensor) -> float:
        counts = (first.numpy(), second.numpy())
        a, b = (_density(t.T @ c, shape) for t, c in zip(tables, counts, strict=True))
        apart = np.abs((a - b).cumsum(axis=1))[:, :-1]
        return float((apart * width).sum()) / _groups_seen(reference, generated)

    value = _exact_wasserstein(reference, generated)
    return _with_error(value, distance, reference, generated, paired, seed)


def _exact_wasserstein(reference: Values, generated: Values) -> float:
    value = torch.cat([reference.value, generated.value])
    group = torch.cat([reference.group, generated.group])
    signed = torch.cat([_normalised(reference), -_normalised(generated)])
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(group[order], stable=True)]
    # The cumulative distributions of a group both end at 1: one sum runs through all groups.
    step = value[order].diff() * (group[order].diff() == 0)
    apart = signed[order].cumsum(0)[:-1].abs()
    return float((apart * step).sum()) / _groups_seen(reference, generated)


def _fine_edges(reference: Values, generated: Values) -> Tensor:
    """Quantiles of both samples, fine enough for the error of a distance."""
    ordered = torch.cat([reference.value, generated.value]).sort().values
    slot = torch.linspace(0, len(ordered) - 1, FINE_BINS + 1).long()
    return ordered[slot].unique()


def separation(
    reference: Values, generated: Values, edges: Tensor, *, paired: bool = False, seed: int = 1
) -> Metric:
    """Separation power of two histograms, 0 for equal and 1 for disjoint ones; mean over groups.

    S = 1/2 sum over bins of (a - b)^2 / (a + b), with a and b normalised to 1. Two samples of the
    same distribution have S > 0: about (bins - 1) / 4 (1/n_a + 1/n_b); compare with the floor.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        edges: Of the bins. What lies outside counts in up to four bins more: below and above,
            within and beyond the range of the reference.
        paired: Whether shower k of both sides has the same incident particle.
        seed: Of the bootstrap.

    Source: CaloChallenge, Krause et al. 2024, arXiv:2410.21611 (there without the bins outside).
    """
    edges = _with_tails(edges, reference)
    first_table, second_table = shower_table(reference, edges), shower_table(generated, edges)
    shape = (reference.num_groups, len(edges) + 1)

    def power(first: Tensor, second: Tensor) -> float:
        a = _density(first_table.T @ first.numpy(), shape)
        b = _density(second_table.T @ second.numpy(), shape)
        sums = np.where(a + b > 0, a + b, 1.0)
        return float(((a - b) ** 2 / sums).sum()) / 2 / _groups_seen(reference, generated)

    value = power(_once(reference), _once(generated))
    return _with_error(value, power, reference, generated, paired, seed)


def _with_tails(edges: Tensor, reference: Values) -> Tensor:
    value = reference.value[reference.weight > 0]
    infinity = torch.tensor(torch.inf, dtype=value.dtype)
    beyond = torch.nextafter(value.max(), infinity)  # the highest value itself lies within
    return torch.cat([value.min()[None], edges, beyond[None]]).unique()


def relative_bias(
    reference: Values, generated: Values, *, paired: bool = False, seed: int = 1
) -> Metric:
    """Weighted mean of the generated values over that of the reference, less 1."""

    def bias(first: Tensor, second: Tensor) -> float:
        means = [
            float((_normalised(values, count) * values.value).sum())
            for values, count in ((reference, first), (generated, second))
        ]
        return means[1] / means[0] - 1 if means[0] else float("nan")

    value = bias(_once(reference), _once(generated))
    return _with_error(value, bias, reference, generated, paired, seed)


def _with_error(
    value: float,
    statistic: Callable[[Tensor, Tensor], float],
    reference: Values,
    generated: Values,
    paired: bool,
    seed: int,
) -> Metric:
    """The value with the spread of a statistic of how often each shower is taken ([S], [S])."""
    random = torch.Generator().manual_seed(seed)

    def resample(size: int) -> Tensor:
        drawn = torch.randint(size, (size,), generator=random)
        return torch.bincount(drawn, minlength=size).double()

    def resampled() -> float:
        first = resample(reference.num_showers)
        return statistic(first, first if paired else resample(generated.num_showers))

    uncertainty = float(np.std([resampled() for _ in range(BOOTSTRAPS)], ddof=1))
    finite = bool(np.isfinite([value, uncertainty]).all())
    n = min(reference.num_showers, generated.num_showers)
    return Metric(value, uncertainty, n, OK if finite else UNDEFINED)


def _once(values: Values) -> Tensor:
    """Every shower taken once, [S]."""
    return torch.ones(values.num_showers, dtype=torch.float64)


def _normalised(values: Values, count: Tensor | None = None) -> Tensor:
    """Weights with each shower taken `count` [S] times, summing to 1 in each group, [K]."""
    weight = values.weight if count is None else values.weight * count[values.shower]
    total = torch.bincount(values.group, weight, values.num_groups)
    return weight / total[values.group].clamp(min=1e-300)


def _groups_seen(reference: Values, generated: Values) -> int:
    return max(1, len(torch.cat([reference.group, generated.group]).unique()))


def shower_table(values: Values, edges: Tensor) -> csr_array:
    """Weight of each shower in each group and bin, the outer two bins included, [S, G (B + 2)]."""
    column = values.group * (len(edges) + 1) + bin_of(values.value, edges)
    shape = (values.num_showers, values.num_groups * (len(edges) + 1))
    return csr_array((values.weight, (values.shower, column)), shape=shape)


def _density(weights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Histograms of each group, normalised to 1 (0 where a group is empty)."""
    table = weights.reshape(shape)
    total = table.sum(axis=1, keepdims=True)
    return table / np.where(total > 0, total, 1.0)
