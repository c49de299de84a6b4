"""Whether a generator's latent matters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pointcalo.validation.metrics.estimate import UNDEFINED, Estimate, Resampling
from pointcalo.validation.metrics.metric import Metric, Pair

NO_RUN = "no run"


def latent_share(pair: Pair) -> Estimate:
    """Mean distance of showers with other latents over that of showers with all numbers other.

    0: the latent does nothing; 1: it does all that chance does. Distances are those of
    standardised features between showers of the same incident particle.
    """
    varied = pair.variations
    if varied is None:
        return Estimate(float("nan"), float("nan"), 0, NO_RUN)
    latent, anew = varied["latent"], varied["all"]
    n = len(latent)
    original = pair.generated[:n].feature_matrix.double()
    spread = _spread(original)
    apart = [_distance(original, m.feature_matrix.double(), spread) for m in (latent, anew)]
    counts, _ = Resampling((n, n), paired=True, seed=pair.seed).counts
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (counts @ apart[0].numpy()) / (counts @ apart[1].numpy())
    estimate = Resampling((n, n)).estimate(ratio)
    return estimate if np.isfinite(estimate.value) else Estimate(np.nan, np.nan, n, UNDEFINED)


def _spread(matrix: Tensor) -> Tensor:
    """Standard deviation of each column, NaN where it has none."""
    known = matrix.isfinite()
    number = known.sum(0).clamp(min=1)
    mean = matrix.nan_to_num(0.0).sum(0) / number
    square = torch.where(known, (matrix - mean) ** 2, 0.0).sum(0) / number
    return torch.where(square > 0, square.sqrt(), torch.nan)


def _distance(first: Tensor, second: Tensor, spread: Tensor) -> Tensor:
    """Root mean square difference in standard deviations, over what both define, [n]."""
    apart = ((first - second) / spread) ** 2
    known = apart.isfinite()
    return (apart.nan_to_num(0.0).sum(1) / known.sum(1).clamp(min=1)).sqrt()


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
        group="checks",
    ),
)
