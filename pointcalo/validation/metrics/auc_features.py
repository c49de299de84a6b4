"""`auc_features`: how well gradient boosting tells generated showers from the reference.

The area under the ROC curve of held-out predictions is 0.5 for samples that nothing among the
features distinguishes and 1 for samples that are always told apart. It grows with the number of
showers the classifier learns from, so it says nothing without its n.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pointcalo.validation.metrics.estimate import DIFFERENT_INCIDENT, OK, TOO_FEW, Estimate
from pointcalo.validation.metrics.metric import Metric, Pair

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Log odds of being generated, [m], of m showers with features [m, D]."""

MIN_SHOWERS = 1000
MIN_PAIRS = 10
MIN_TO_SPLIT = 100  # with fewer the trees cannot split, and 0.5 would say nothing
FOLDS = 5
BOOTSTRAPS = 200
SHARED_TRAINING = 2**0.5
"""Factor on the bootstrap error over pairs, which takes the folds for independent.

What fold i learns from fold j it shares with what j learns from i: for samples that are alike the
covariances double the variance. For an AUC far from 0.5 the factor is 1, hence cautious. Measured
in docs/validation.md.
"""


def auc_features(pair: Pair) -> Estimate:
    """AUC of gradient boosting on high-level features, from held-out predictions in 5 folds.

    Shower k of both sides should belong to the same incident particle (`sample like=`): the pair
    stays in one fold, so that neither half is learnt from while the other is judged. The first n
    showers are used where one side has more than the other.

    Returns:
        The AUC with its error (see `SHARED_TRAINING`); status "too few" below 1000 showers a side,
        "different incident particles" where the pairs are none; no value below 100 pairs. None
        of these satisfies a bound.

    Source: as a measure of generators: Krause and Shih 2021, arXiv:2106.05285.
    """
    n = pair.n
    if n < MIN_TO_SPLIT:
        return Estimate.missing(n, TOO_FEW)
    sides = (side.feature_matrix[:n].numpy() for side in (pair.reference, pair.generated))
    return auc_over_seeds(pair, n, partial(held_out_scores, *sides))


def auc_over_seeds(pair: Pair, n: int, held_out: Callable[[int], NDArray[np.float64]]) -> Estimate:
    """The AUC of a pair's first n showers from held-out scores [2, n], given a seed of theirs."""
    seeds = range(pair.seed, pair.seed + pair.repeats)
    value, uncertainty = auc_over_pairs([held_out(seed) for seed in seeds], pair.seed)
    status = OK if pair.paired else DIFFERENT_INCIDENT
    return Estimate(value, uncertainty, n, TOO_FEW if n < MIN_SHOWERS else status)


def held_out_scores(
    reference: NDArray[np.float32], generated: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    """Score of every shower by a classifier that saw neither it nor its partner.

    Args:
        reference: Features [n, D].
        generated: Features [n, D] of their partners.
        seed: Of folds and boosting.

    Returns:
        Log odds of being generated, [2, n]: reference, generated.
    """
    scores = np.empty((2, len(reference)))
    for held_out, score in judges(reference, generated, seed):
        for side, sample in enumerate((reference, generated)):
            scores[side, held_out] = score(sample[held_out])
    return scores


def judges(
    reference: NDArray[np.float32], generated: NDArray[np.float32], seed: int
) -> Iterator[tuple[NDArray[np.bool_], Score]]:
    """For each fold: which pairs it holds out, [n], and the scores by a classifier of the others.

    Args: as for `held_out_scores`.
    """
    fold = np.random.default_rng(seed).permutation(len(reference)) % FOLDS
    for k in range(FOLDS):
        learn = fold != k
        features = np.concatenate([reference[learn], generated[learn]])
        used = ~np.isnan(features).all(axis=0)  # the binning stops at a column without a number
        label = np.repeat([0, 1], learn.sum())
        # Trees this small gain nothing from more threads, and lose much on a busy machine.
        with threadpool_limits(limits=1):
            classifier = _classifier(seed).fit(features[:, used], label)
            yield ~learn, lambda sample, c=classifier, u=used: c.decision_function(sample[:, u])


def _classifier(seed: int) -> HistGradientBoostingClassifier:
    # Small steps, small trees and a share of the features at each split: of the settings tried,
    # the sharpest at about 1350 showers a side (docs/validation.md).
    return HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=300,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        max_features=0.2,
        early_stopping=False,
        random_state=seed,
    )


def area_under_curve(negative: NDArray[np.float64], positive: NDArray[np.float64]) -> float:
    """Probability that a positive scores above a negative, ties counting one half.

    AUC = mean over pairs of [s_- < s_+] + [s_- = s_+] / 2 (Mann and Whitney 1947).
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float((below + upto).mean() / (2 * len(negative)))


def auc_over_pairs(scores: list[NDArray[np.float64]], seed: int) -> tuple[float, float]:
    """Mean AUC over repeats, and its error from resampled pairs, the same in every repeat."""
    random = np.random.default_rng(seed)
    n = scores[0].shape[1]

    def mean_auc(chosen: NDArray[np.int64]) -> float:
        return float(np.mean([area_under_curve(s[0, chosen], s[1, chosen]) for s in scores]))

    resampled = [mean_auc(random.integers(n, size=n)) for _ in range(BOOTSTRAPS)]
    return mean_auc(np.arange(n)), SHARED_TRAINING * float(np.std(resampled, ddof=1))


METRICS = (
    Metric(
        "auc_features",
        "AUC of a classifier on features",
        "1",
        "area under the ROC curve of gradient boosting on high-level features, held-out showers",
        "Krause and Shih 2021, arXiv:2106.05285",
        auc_features,
        ideal=0.5,
        group="classifiers",
    ),
)
