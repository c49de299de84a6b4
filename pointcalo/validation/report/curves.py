"""What is drawn of an observable: a histogram, or the mean in each layer, with errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pointcalo.validation.metrics.binning import bin_edges
from pointcalo.validation.metrics.histograms import shower_table
from pointcalo.validation.observables import Observable
from pointcalo.validation.values import Values


@dataclass(frozen=True)
class Curve:
    """A step function with errors.

    Attributes:
        edges: Of the bins, [B + 1].
        height: Of the bins, [B]; NaN where it is not defined.
        error: Standard errors of the heights, from the spread between showers, [B].
    """

    edges: NDArray[np.float64]
    height: NDArray[np.float64]
    error: NDArray[np.float64]


def curves(observable: Observable, reference: Values, generated: Sequence[Values]) -> list[Curve]:
    """Curves of all samples, the reference first.

    Means or medians of each group, or densities in bins chosen by the reference.
    """
    if reference.num_groups > 1:
        draw = _group_medians if observable.curve == "median" else _group_means
        edges = np.asarray(observable.edges or np.arange(reference.num_groups + 1) - 0.5)
        return [Curve(edges, *draw(values)) for values in (reference, *generated)]
    edges = bin_edges(reference, observable.scale)
    return [_density(values, edges) for values in (reference, *generated)]


def ratio(generated: Curve, reference: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Generated over reference, and the error by the generated side alone; NaN where it is 0/0."""
    divisor = np.where(reference.height != 0, reference.height, np.nan)
    return generated.height / divisor, generated.error / np.abs(divisor)


def deviation(generated: Curve, reference: Curve) -> str:
    """Where the ratio is farthest from 1 in standard errors, and its mean distance from 1."""
    value, error = ratio(generated, reference)
    one, band = ratio(reference, reference)
    both = np.hypot(error, band)
    known = np.isfinite(value) & (both > 0) & np.isfinite(one)
    if not known.any():
        return "no bin to compare"
    pull = np.abs(value[known] - 1) / both[known]
    at = np.flatnonzero(known)[pull.argmax()]
    middle = (reference.edges[at] + reference.edges[at + 1]) / 2
    share = np.abs(reference.height * np.diff(reference.edges))[known]
    mean = float(np.average(np.abs(value[known] - 1), weights=share)) if share.sum() > 0 else 0.0
    return (
        f"mean deviation {mean:.1%}, most significant near {middle:.3g} "
        f"where the ratio is {value[at]:.2f} ± {both[at]:.2f}"
    )


def _density(values: Values, edges: torch.Tensor) -> Curve:
    """Density in each bin, normalised with what lies outside included; 0 where nothing is."""
    table = shower_table(values, edges)
    total, square = table.sum(axis=0), table.power(2).sum(axis=0)
    scale = np.diff(edges.numpy()) * (total.sum() or 1.0)
    return Curve(edges.numpy(), total[1:-1] / scale, np.sqrt(square[1:-1]) / scale)


def _group_means(values: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over showers in each group, and its error; NaN where no shower has a value."""
    number = torch.bincount(values.group, values.weight, values.num_groups)
    mean = torch.bincount(values.group, values.weight * values.value, values.num_groups) / number
    apart = (values.value - mean[values.group]) ** 2
    variance = torch.bincount(values.group, values.weight * apart, values.num_groups) / number
    return mean.numpy(), (variance / number).sqrt().numpy()


def _group_medians(values: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted median of each group, and its error; NaN where there is no value.

    The error takes the values of a shower as one: half of what lies between the quantiles
    1/2 -+ 1/2 n^(-1/2) of n showers.
    """
    found = np.full((2, values.num_groups), np.nan)
    order = values.value.argsort()
    order = order[values.group[order].argsort(stable=True)]
    for group in values.group.unique().tolist():
        rows = order[values.group[order] == group]
        value, weight = values.value[rows], values.weight[rows].cumsum(0)
        half = 0.5 / len(values.shower[rows].unique()) ** 0.5
        shares = torch.tensor([0.5 - half, 0.5, 0.5 + half], dtype=torch.float64)
        place = torch.searchsorted(weight, shares * weight[-1]).clamp(max=len(value) - 1)
        low, middle, high = value[place].tolist()
        found[:, group] = middle, (high - low) / 2
    return found[0], found[1]
