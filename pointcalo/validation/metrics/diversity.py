"""Whether showers of similar incident particles differ as much as those of the reference do."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.feature_space import MIN_SHOWERS, STANDARD_FEATURES, columns
from pointcalo.validation.metrics.metric import Metric, Pair

FOLLOW_THE_ENERGY = ("visible_energy_log", "hits")
FEATURES = tuple(name for name in STANDARD_FEATURES if name not in FOLLOW_THE_ENERGY)


def diversity(pair: Pair) -> Estimate:
    """Mean distance of generated showers of similar particles over that of the reference.

    1 for fluctuations as large as the reference's, 0 for one shower for all particles of similar
    energy, 1/2 for fluctuations half as large; above 1 where they are larger. The partner of a
    shower is the nearest of its sample in log energy and tangent of the angle to the normal;
    distances are in standard features (without those that follow the energy), each in units of
    its root mean square difference in the reference. Status "too few" below 200 showers.

    Source: this package.
    """
    first, second = (_differences(side) for side in (pair.reference, pair.generated))
    scale = np.sqrt((first**2).mean(axis=0))
    used = scale > 0
    distance = [np.sqrt((side[:, used] ** 2 / scale[used] ** 2).sum(1)) for side in (first, second)]
    means = [
        counts @ side / counts.sum(axis=1)
        for counts, side in zip(pair.resampling.counts, distance, strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return pair.resampling.estimate(means[1] / means[0]).needing(MIN_SHOWERS)


def _differences(side: Measurement) -> NDArray[np.float64]:
    """Features of each shower less those of its partner, [S, D]; 0 where one is undefined."""
    energy, slope = side.incident.energy.double(), side.features["incident_slope"]
    particle = torch.stack([energy.log(), slope], dim=1)
    spread = particle.std(dim=0)
    particle = particle / torch.where(spread > 1e-6, spread, torch.ones_like(spread))
    partner = NearestNeighbors(n_neighbors=1).fit(particle.numpy()).kneighbors()[1][:, 0]
    table = columns(side, FEATURES)
    return np.nan_to_num(table - table[partner])


METRICS = (
    Metric(
        "diversity",
        "Diversity",
        "1",
        "mean distance between generated showers of similar incident particles, over that between "
        "reference showers",
        "this package",
        diversity,
        ideal=1.0,
        more_is_better=True,
        group="sanity",
    ),
)
