"""Precision, recall, density and coverage: what lies among the neighbours of what.

Around every shower lies a ball that reaches to its 5th nearest neighbour of the same sample, in
the space of standard features. Precision and density ask whether generated showers lie in balls of
the reference, recall and coverage the reverse: whether all of the reference is reached.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.feature_space import MIN_SHOWERS, standardised
from pointcalo.validation.metrics.metric import Metric, Pair

NEIGHBOURS = 5
MAX_SHOWERS = 10_000
"""A side; of more the first are taken, and `n` of the estimate says so."""
CHUNK_MIB = 64
BALLS_TOO = {"density": 2**0.5, "coverage": 2**0.5}
"""What the error of a mean over one side is multiplied by, where the other side's choice of showers
adds as much. Measured on alike samples: 1.5 for both; for precision and recall 1.0 to 1.1.
"""
KYNKAANNIEMI = "Kynkäänniemi et al. 2019, arXiv:1904.06991"
NAEEM = "Naeem et al. 2020, arXiv:2002.09797"

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbourhoods:
    """What each shower adds to the four means.

    Attributes:
        precision: Whether a generated shower lies in a ball of the reference, [m].
        recall: Whether a reference shower lies in a ball of the generated sample, [n].
        density: Balls of the reference that a generated shower lies in, over 5, [m].
        coverage: Whether the ball of a reference shower holds a generated one, [n].
    """

    precision: Features
    recall: Features
    density: Features
    coverage: Features


def neighbourhoods(reference: Features, generated: Features) -> Neighbourhoods:
    """Balls of both samples and what lies in them, in memory that grows with n, not n^2.

    Args:
        reference: Features [n, D].
        generated: Features [m, D].
    """
    radius = _radii(generated)
    reach = _radii(reference)
    in_balls = np.zeros(len(generated))
    recall, coverage = [], []

    def count(apart: Features, start: int) -> None:
        inside = apart < reach[start : start + len(apart), None]
        in_balls[:] += inside.sum(axis=0)
        coverage.append(inside.any(axis=1))
        recall.append((apart < radius).any(axis=1))

    # Matrices this narrow gain nothing from more threads.
    with threadpool_limits(limits=1):
        for _ in pairwise_distances_chunked(
            reference, generated, reduce_func=count, working_memory=CHUNK_MIB
        ):
            pass
    return Neighbourhoods(
        (in_balls > 0).astype(float),
        np.concatenate(recall).astype(float),
        in_balls / NEIGHBOURS,
        np.concatenate(coverage).astype(float),
    )


def _radii(features: Features) -> Features:
    """Distance to the 5th nearest other row, [n]."""
    with threadpool_limits(limits=1):
        found = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(features)
        return found.kneighbors()[0][:, -1]


def _of_pair(pair: Pair) -> Neighbourhoods:
    both = standardised(pair.reference, pair.generated)
    return neighbourhoods(*(side[:MAX_SHOWERS] for side in both))


def _mean(pair: Pair, *, name: str) -> Estimate:
    each = getattr(pair.once(_of_pair), name)
    n = min(pair.n, MAX_SHOWERS)
    error = BALLS_TOO.get(name, 1.0) * float(each.std(ddof=1)) / len(each) ** 0.5
    return Estimate(float(each.mean()), error, n).needing(MIN_SHOWERS)


def _metric(name: str, title: str, definition: str, source: str, ideal: float) -> Metric:
    return Metric(
        name,
        title,
        "1",
        f"{definition}; balls reach to the 5th neighbour in 20 standard features",
        source,
        partial(_mean, name=name),
        ideal=ideal,
        more_is_better=True,
        group="feature space",
    )


METRICS = (
    _metric(
        "precision",
        "Precision",
        "share of generated showers in a ball of the reference",
        KYNKAANNIEMI,
        1.0,
    ),
    _metric(
        "recall",
        "Recall",
        "share of reference showers in a ball of the generated sample",
        KYNKAANNIEMI,
        1.0,
    ),
    _metric(
        "density",
        "Density",
        "mean number of balls of the reference around a generated shower, over 5",
        NAEEM,
        1.0,
    ),
    _metric(
        "coverage",
        "Coverage",
        "share of balls of the reference that hold a generated shower",
        NAEEM,
        1 - 0.5**NEIGHBOURS,
    ),
)
