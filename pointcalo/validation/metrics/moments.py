"""Means and spreads of the generated sample, relative to those of the reference."""

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.values import Values


def relative_bias(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Weighted mean of the generated values over that of the reference, less 1."""
    first, second = _both_means(reference, generated, resampling)
    with np.errstate(divide="ignore", invalid="ignore"):
        return resampling.estimate(second / first - 1)


def _both_means(
    reference: Values, generated: Values, resampling: Resampling
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = resampling.counts
    return _means(reference, first), _means(generated, second)


def _means(values: Values, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean in each bootstrap sample, [R + 1], from counts [R + 1, S]."""
    shower, weight = values.shower.numpy(), values.weight.numpy()
    size = values.num_showers
    total = np.bincount(shower, weight, size)
    value = np.bincount(shower, weight * values.value.numpy(), size)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (counts @ value) / (counts @ total)


def _response_bias(pair: Pair) -> Estimate:
    both = (side.values["response"] for side in (pair.reference, pair.generated))
    return relative_bias(*both, pair.resampling)


METRICS = (
    Metric(
        "response_bias",
        "Mean response",
        "1",
        "mean response over that of the reference, less 1",
        "CaloChallenge, Krause et al. 2024, arXiv:2410.21611",
        _response_bias,
    ),
)
