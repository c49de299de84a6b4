"""Metrics: comparisons of two samples, each a value with its uncertainty."""

from pointcalo.validation.metrics import (
    auc_cells,
    auc_features,
    conditioning,
    correlations,
    direction,
    diversity,
    images,
    latent,
    memorisation,
    moments,
    neighbourhoods,
    of_observables,
    physics_distances,
    spectrum,
)
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair

METRICS: tuple[Metric, ...] = (
    *auc_features.METRICS,
    *auc_cells.METRICS,
    *physics_distances.METRICS,
    *neighbourhoods.METRICS,
    *memorisation.METRICS,
    *conditioning.METRICS,
    *diversity.METRICS,
    *moments.METRICS,
    *direction.METRICS,
    *correlations.METRICS,
    *spectrum.METRICS,
    *latent.METRICS,
    *of_observables.METRICS,
    *images.METRICS,
)
"""All metrics, in the order of `metrics.json`."""

__all__ = ["METRICS", "Estimate", "Metric", "Pair"]
