"""Bins of an observable, chosen from the reference alone."""

import torch
from torch import Tensor

from pointcalo.validation.values import Values

BINS = 40
MOST_DISCRETE = 64
RANGE = (0.001, 0.999)


def bin_edges(reference: Values, scale: str) -> Tensor:
    """Edges of the bins of an observable.

    A bin for each value where the reference has at most 64 different ones (numbers of hits,
    depths of layers), else 40 bins of equal width (in the logarithm where `scale` is "log") over
    the central 99.8 % of the reference.

    Args:
        reference: Values of the reference.
        scale: "linear" or "log".

    Returns:
        Rising edges [B + 1].
    """
    value = reference.value[reference.weight > 0]
    if scale == "log":
        value = value[value > 0]
    distinct = value.unique()
    if len(distinct) == 0:
        return torch.tensor([0.0, 1.0], dtype=torch.float64)
    if len(distinct) <= MOST_DISCRETE:
        return _around(distinct)
    ordered = value.sort().values
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in RANGE)
    if scale == "log":
        return torch.linspace(low.log(), high.log(), BINS + 1, dtype=torch.float64).exp()
    return torch.linspace(float(low), float(high), BINS + 1, dtype=torch.float64)


def bin_of(values: Tensor, edges: Tensor) -> Tensor:
    """Bin of each value, 0 below the first edge and B + 1 from the last on; [K] int64."""
    return torch.bucketize(values, edges, right=True)


def equal_bins(values: Tensor, number: int) -> Tensor:
    """Edges of up to `number` bins (at least 1) that hold equal numbers of the values [S].

    Fewer where values are equal: each of a few frequent values has a bin of its own. A value on an
    edge lies in the bin above it; the last edge is the next number above the highest value.

    Returns:
        Rising edges [B + 1].
    """
    ordered = values.sort().values
    place = torch.linspace(0, len(ordered), max(1, number) + 1)[:-1].round().long()
    infinity = torch.tensor(torch.inf, dtype=values.dtype)
    return torch.cat([ordered[place].unique(), torch.nextafter(ordered[-1:], infinity)])


def _around(distinct: Tensor) -> Tensor:
    """Edges half-way between neighbouring values, and as far beyond the outer ones."""
    if len(distinct) == 1:
        return torch.cat([distinct - 0.5, distinct + 0.5])
    middle = (distinct[1:] + distinct[:-1]) / 2
    first = 2 * distinct[:1] - middle[:1]
    return torch.cat([first, middle, 2 * distinct[-1:] - middle[-1:]])
