"""Whether a generator's latent matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.feature_space import columns, mean_and_spread
from pointcalo.validation.metrics.metric import Metric, Pair

NO_RUN = "no run"

Features = NDArray[np.float64]


def latent_share(pair: Pair) -> Estimate:
    """Mean distance of showers with other latents over that of showers with all numbers other.

    0: the latent does nothing; 1: it does all that chance does. Distances are those of
    standardised features between showers of the same incident particle.
    """
    varied = pair.variations
    if varied is None:
        return Estimate.missing(0, NO_RUN)
    n = len(varied["latent"])
    sides = (pair.generated[:n], varied["latent"], varied["all"])
    original, latent, anew = (columns(side, tuple(side.features)) for side in sides)
    _, spread = mean_and_spread(original)
    apart = [_distance(original, other, spread) for other in (latent, anew)]
    resampling = Resampling((n, n), paired=True, seed=pair.seed)
    counts, _ = resampling.counts
    with np.errstate(divide="ignore", invalid="ignore"):
        return resampling.estimate((counts @ apart[0]) / (counts @ apart[1]))


def _distance(first: Features, second: Features, spread: Features) -> Features:
    """Root mean square difference in standard deviations, over what both define, [n]."""
    varies = spread > 0
    apart = (first - second)[:, varies] / spread[varies]
    known = np.isfinite(apart).sum(axis=1)
    return np.sqrt((np.nan_to_num(apart) ** 2).sum(axis=1) / np.maximum(known, 1))


METRICS = (
    Metric(
        "latent_share",
        "What the latent decides",
        "1",
        "mean feature distance between showers that differ in their latents only, over that "
        "between showers of which all random numbers differ; 0: it does nothing (runs only)",
        "this package",
        latent_share,
        ideal=float("nan"),  # a latent has no right share
        more_is_better=True,
        group="sanity",
    ),
)
