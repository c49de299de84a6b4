"""Distances between the distributions of an observable in two samples."""

import numpy as np
import torch
from torch import Tensor

from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.histograms import Histograms
from pointcalo.validation.values import Values

FINE_BINS = 400


def wasserstein(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Wasserstein-1 distance in the unit of the observable, mean over its groups.

    W = integral |F_reference - F_generated|, with F the cumulative distributions: the mean
    distance that the values have to be moved. The value is exact, its error is that of 400 bins.

    Args:
        reference: Values of the reference.
        generated: Values of the sample to judge.
        resampling: Bootstrap samples of their showers.

    Source: Ramdas, Garcia and Cuturi 2015, arXiv:1509.02237.
    """
    edges = _fine_edges(reference, generated)
    width = np.gradient(edges.numpy()) if len(edges) > 1 else np.ones(1)
    histograms = Histograms.of(reference, generated, edges, resampling)
    apart = np.abs((histograms.reference - histograms.generated).cumsum(axis=2))[..., :-1]
    distance = histograms.mean_over_groups(apart @ width)
    return resampling.estimate(distance, _exact_wasserstein(reference, generated))


def _exact_wasserstein(reference: Values, generated: Values) -> float:
    value = torch.cat([reference.value, generated.value])
    group = torch.cat([reference.group, generated.group])
    signed = torch.cat([_normalised(reference), -_normalised(generated)])
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(group[order], stable=True)]
    # The cumulative distributions of a group both end at 1: one sum runs through all groups.
    step = value[order].diff() * (group[order].diff() == 0)
    apart = signed[order].cumsum(0)[:-1].abs()
    return float((apart * step).sum()) / max(1, len(group.unique()))


def _normalised(values: Values) -> Tensor:
    """Weights summing to 1 in each group, [K]."""
    total = torch.bincount(values.group, values.weight, values.num_groups)
    return values.weight / total[values.group].clamp(min=1e-300)


def _fine_edges(reference: Values, generated: Values) -> Tensor:
    """Quantiles of both samples, fine enough for the error of a distance."""
    ordered = torch.cat([reference.value, generated.value]).sort().values
    if len(ordered) == 0:
        return torch.zeros(1, dtype=torch.float64)
    slot = torch.linspace(0, len(ordered) - 1, FINE_BINS + 1).long()
    return ordered[slot].unique()


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

    Source: CaloChallenge, Krause et al. 2024, arXiv:2410.21611 (there without the bins outside).
    """
    histograms = Histograms.of(reference, generated, _with_tails(edges, reference), resampling)
    a, b = histograms.reference, histograms.generated
    power = ((a - b) ** 2 / np.where(a + b > 0, a + b, 1.0)).sum(axis=2) / 2
    return resampling.estimate(histograms.mean_over_groups(power))


def _with_tails(edges: Tensor, reference: Values) -> Tensor:
    value = reference.value[reference.weight > 0]
    if len(value) == 0:
        return edges
    infinity = torch.tensor(torch.inf, dtype=value.dtype)
    beyond = torch.nextafter(value.max(), infinity)  # the highest value itself lies within
    return torch.cat([value.min()[None], edges, beyond[None]]).unique()
