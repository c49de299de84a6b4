"""Linear correlations between detector layers."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair

LEAST_VARIANCE = 1e-12
"""Of a layer's values over their mean square: below it they do not vary."""


def layer_correlations(measurement: Measurement, observable: str) -> Tensor:
    """Linear correlation coefficients of an observable between layers.

    Args:
        measurement: The sample.
        observable: One with a value for each shower and layer, as "layer_energy", "layer_hits".

    Returns:
        Symmetric, [L, L]; NaN for layers where the observable does not vary.
    """
    table = measurement.layers(observable).numpy()
    return torch.from_numpy(_correlations(table, np.ones((1, len(table))))[0])


def _correlations(table: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices of all bootstrap samples, [R + 1, L, L], of values [S, L] and counts [R + 1, S]."""
    table = np.nan_to_num(table)
    size = np.sqrt((table**2).mean(axis=0))
    table = table / np.where(size > 0, size, 1.0)
    table = table - table.mean(axis=0)  # keeps the digits of the differences below
    number = counts.sum(axis=1)[:, None]
    mean = counts @ table / number
    with threadpool_limits(limits=1):  # products this small lose by threads on a busy machine
        square = np.stack([(row[:, None] * table).T @ table for row in counts])
    square /= number[..., None]
    covariance = square - mean[:, :, None] * mean[:, None, :]
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    spread = np.sqrt(np.where(variance > LEAST_VARIANCE, variance, np.nan))
    return covariance / (spread[:, :, None] * spread[:, None, :])


def correlation_distance(pair: Pair, *, observable: str) -> Estimate:
    """Root mean square difference of the correlation coefficients of two layers.

    Frobenius norm of the difference of the two matrices over the square root of its number of
    entries, the diagonal left out. A layer that does not vary in one sample counts as uncorrelated
    there; what varies in neither sample is left out.
    """
    first, second = (
        _correlations(side.layers(observable).numpy(), counts)
        for side, counts in zip(
            (pair.reference, pair.generated), pair.resampling.counts, strict=True
        )
    )
    used = ~(np.isnan(first) & np.isnan(second)) & ~np.eye(first.shape[1], dtype=bool)
    apart = np.where(used, np.nan_to_num(first) - np.nan_to_num(second), 0.0)
    with np.errstate(invalid="ignore"):
        distance = np.sqrt((apart**2).sum(axis=(1, 2)) / used.sum(axis=(1, 2)))
    return pair.resampling.estimate(distance)


METRICS = tuple(
    Metric(
        f"correlation_{name}",
        f"Correlations between layers: {what}",
        "1",
        f"root mean square difference of the linear correlation coefficients of {what} in two "
        "layers, over all pairs of layers (normalised Frobenius distance of the matrices)",
        "CaloChallenge, Krause et al. 2024, arXiv:2410.21611",
        partial(correlation_distance, observable=name),
    )
    for name, what in (
        ("layer_energy", "energies"),
        ("layer_hits", "numbers of hits"),
        ("layer_centre_u", "centres of energy along the tilt"),
        ("layer_centre_v", "centres of energy across the tilt"),
    )
)
