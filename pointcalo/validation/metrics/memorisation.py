"""Whether generated showers are copies of those that the generator learnt from."""

import re

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.feature_space import columns
from pointcalo.validation.metrics.metric import Metric, Pair

NO_TRAINING = "no training showers"
SHARES = re.compile(r"layer_\d+_share|hottest_\d+_share|layer_\d+_hottest_share")

Features = NDArray[np.float64]


def memorisation(pair: Pair) -> Estimate:
    """Share of generated showers that are copies of training showers, 0 for none and 1 for all.

    For each shower the nearest one is sought among the training and the reference showers, itself
    and its partner excepted. An honest shower, good or bad, is as little drawn to the training
    showers as one of the reference is, which was held out too; a copy always is. With the shares
    t_g and t_r of showers whose nearest is a training shower, the value is
    (t_g - t_r) / (1 - t_r). Chance makes it negative as often as positive.

    The training showers should be of the same kind of particles as the reference, and none of them
    in it. Status "no training showers" where none are known; "undefined" where all of the
    reference lie nearest to training showers, as they do when they are training showers.

    Source: nearest training and held-out showers as in Meehan, Chaudhuri and Dasgupta 2020,
    arXiv:2004.05675, made a share of copies.
    """
    if pair.training is None or len(pair.training) == 0:
        return Estimate.missing(pair.n, NO_TRAINING)
    learnt, held_out, made = (
        shapes(side) for side in (pair.training, pair.reference, pair.generated)
    )
    to_training = _nearest(learnt, np.concatenate([held_out, made]))
    among = NearestNeighbors(algorithm="brute").fit(held_out)
    own, partner = np.arange(len(held_out)), np.arange(len(made)) if pair.paired else None
    drawn = (
        to_training[: len(held_out)] < _nearest_other(among, held_out, own),
        to_training[len(held_out) :] < _nearest_other(among, made, partner),
    )
    shares = [
        counts @ side / counts.sum(axis=1)
        for counts, side in zip(pair.resampling.counts, drawn, strict=True)
    ]
    chance = np.where(shares[0] < 1, shares[0], np.nan)
    return pair.resampling.estimate((shares[1] - chance) / (1 - chance))


def shapes(side: Measurement) -> Features:
    """What of a shower neither its energy nor where and how it lies in the detector changes.

    Square roots of the shares of the energy that layers, the hottest cells, and the hottest cell of
    each layer have, so that distances are those of Hellinger between profiles, [S, D]; 0 where
    there is no energy.
    """
    names = [name for name in side.features if SHARES.fullmatch(name)]
    return np.sqrt(np.nan_to_num(columns(side, names)).clip(min=0))


def _nearest(pool: Features, showers: Features) -> Features:
    """Distance of each shower [n, D] to the nearest of a pool [m, D], [n]."""
    return _nearest_other(NearestNeighbors(algorithm="brute").fit(pool), showers, None)


def _nearest_other(
    pool: NearestNeighbors, showers: Features, excepted: NDArray[np.int64] | None
) -> Features:
    """The same, one member of the pool excepted for each shower, [n]."""
    # Matrices this narrow gain nothing from more threads.
    with threadpool_limits(limits=1):
        distance, member = pool.kneighbors(showers, 1 if excepted is None else 2)
    if excepted is None:
        return distance[:, 0]
    return np.where(member[:, 0] == excepted, distance[:, 1], distance[:, 0])


METRICS = (
    Metric(
        "memorisation",
        "Memorised training showers",
        "1",
        "share of generated showers that are copies of training showers, from how often the "
        "nearest in the shape of the profiles is a training shower and not one held out",
        "after Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675",
        memorisation,
        group="sanity",
    ),
)
