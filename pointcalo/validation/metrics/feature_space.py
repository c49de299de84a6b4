"""Showers as points in a space of features, for distances between them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.measurement import Measurement

STANDARD_FEATURES = (
    "visible_energy_log",
    "response",
    "hits",
    "energy_log_mean",
    "energy_log_square",
    "hottest_0_share",
    "depth_mean_mm",
    "depth_spread_mm",
    "depth_skewness",
    "u_mm",
    "v_mm",
    "width_u_mm",
    "width_v_mm",
    "radius_hits_mm",
    "third_0_radius_mm",
    "third_1_radius_mm",
    "third_2_radius_mm",
    "neighbours_mean",
    "coincidence",
    "isolated_3d_share",
)
"""Few, so that a covariance is known from some hundred showers, and the same for every detector.

Energy and number of hits, spectrum of the cells, depth, centre and widths about the axis, radius in
the front, middle and rear third of the layers, lit neighbours in and between layers.
"""
MIN_SHOWERS = 200
"""Ten for each standard feature."""
FARTHEST = 5.0
"""Spreads of the reference from its mean, at which a feature is cut: single showers far out would
otherwise make up most of a squared distance, and of its error."""


def standardised(
    reference: Measurement, generated: Measurement, names: Sequence[str] = STANDARD_FEATURES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features [S, D] of both sides, less the mean of the reference, over its spread, -5 to 5.

    A feature that a shower does not define (NaN: the radius in an empty third) is put at the mean
    of the reference, 0; one that does not vary in the reference keeps its unit.
    """
    first, second = (columns(side, names) for side in (reference, generated))
    mean, spread = mean_and_spread(first)
    spread = np.where(spread > 0, spread, 1.0)
    first, second = ((side - mean) / spread for side in (first, second))
    return _within(first), _within(second)


def mean_and_spread(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of columns [S, D], NaN left out; 0 where nothing varies."""
    known = ~np.isnan(table)
    number = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, table, 0.0).sum(axis=0) / number
    spread = np.sqrt((np.where(known, table - mean, 0.0) ** 2).sum(axis=0) / number)
    return mean, np.where(spread > 1e-9 * np.abs(mean), spread, 0.0)


def _within(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num(features).clip(-FARTHEST, FARTHEST)


def columns(side: Measurement, names: Sequence[str]) -> NDArray[np.float64]:
    """Features by name, [S, D]; NaN where a shower does not define one."""
    table = np.stack([side.features[name].double().numpy() for name in names], axis=1)
    return np.where(np.isfinite(table), table, np.nan)
