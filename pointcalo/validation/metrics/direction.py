"""Whether the direction reconstructed by principal components follows that of the particle."""

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.metrics.moments import Moments, core
from pointcalo.validation.observables.observable import NEW_ANGLES

ANGLE = "angle_along"
LEAST_RANGE = 1e-3
"""Of the true angles, in rad: over less there is no slope."""


def angle_bias(pair: Pair) -> Estimate:
    """Mean of reconstructed less true angle along the tilt, less that of the reference, in rad."""
    first, second = (
        Moments(values, counts).mean[:, 0]
        for values, counts in zip(pair.values(ANGLE), pair.resampling.counts, strict=True)
    )
    return pair.resampling.estimate(second - first)


def angle_spread(pair: Pair) -> Estimate:
    """Half the central 68 % of reconstructed less true angle, over the reference's, less 1."""
    (low, high), (lower, higher) = (
        core(values, counts)[::2, :, 0]
        for values, counts in zip(pair.values(ANGLE), pair.resampling.counts, strict=True)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return pair.resampling.estimate((higher - lower) / (high - low) - 1)


def angle_response(pair: Pair) -> Estimate:
    """Slope of the reconstructed against the true angle, less that of the reference."""
    first, second = (
        _slopes(side, counts)
        for side, counts in zip(
            (pair.reference, pair.generated), pair.resampling.counts, strict=True
        )
    )
    return pair.resampling.estimate(second - first)


def _slopes(side: Measurement, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares slope in each bootstrap sample, [R + 1]; NaN where all angles are the same."""
    direction = side.incident.direction.double()
    truth = np.arctan2(direction[:, :2].norm(dim=1).numpy(), direction[:, 2].abs().numpy())
    deviation = side.column(ANGLE).numpy()
    known = np.isfinite(deviation)
    truth, deviation, counts = truth[known], deviation[known], counts[:, known]
    if len(truth) == 0 or np.ptp(truth) < LEAST_RANGE:
        return np.full(len(counts), np.nan)
    truth = truth - truth.mean()
    number = counts.sum(axis=1)
    sums = [counts @ column for column in (truth, deviation, truth**2, truth * deviation)]
    x, y, xx, xy = (column / number for column in sums)
    return 1 + (xy - x * y) / (xx - x**2)


METRICS = (
    Metric(
        "angle_bias",
        "Reconstructed angle, bias",
        "rad",
        "mean of reconstructed (energy-weighted principal axis) less true angle along the tilt, "
        "less that of the reference",
        NEW_ANGLES,
        angle_bias,
    ),
    Metric(
        "angle_spread",
        "Reconstructed angle, resolution",
        "1",
        "half the width of the central 68 % of reconstructed less true angle along the tilt, over "
        "that of the reference, less 1",
        NEW_ANGLES,
        angle_spread,
    ),
    Metric(
        "angle_response",
        "Reconstructed angle, linearity",
        "1",
        "slope of the reconstructed against the true angle to the layers' normal (least squares), "
        "less that of the reference",
        NEW_ANGLES,
        angle_response,
    ),
)
