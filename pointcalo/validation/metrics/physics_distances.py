"""Fréchet and kernel physics distance: two samples as clouds in the space of standard features.

Both follow Kansal et al. 2022, arXiv:2211.10295, with two changes for samples of some thousand
showers. Batches are drawn without replacement: showers drawn twice would add a bias of the order
1/n, which no extrapolation removes. And where both sides hold the same incident particles, batches
are of pairs, so that the common choice of energies and angles adds nothing.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.feature_space import MIN_SHOWERS, standardised
from pointcalo.validation.metrics.metric import Metric, Pair

SOURCE = "Kansal et al. 2022, arXiv:2211.10295"
FPD_SIZES = 10
FPD_BATCHES = 20
KPD_BATCHES = 10
KPD_LARGEST = 2500
KPD_DEGREE = 4

Features = NDArray[np.float64]


def fpd(pair: Pair) -> Estimate:
    """Fréchet physics distance on the standard features; status "too few" below 200 showers."""
    return _distance(pair, extrapolated_frechet)


def kpd(pair: Pair) -> Estimate:
    """Kernel physics distance on the standard features; status "too few" below 200 showers."""
    return _distance(pair, median_kernel_distance)


def _distance(pair: Pair, distance: Callable[..., Estimate]) -> Estimate:
    first, second = standardised(pair.reference, pair.generated)
    return distance(first, second, paired=pair.paired, seed=pair.seed).needing(MIN_SHOWERS)


def extrapolated_frechet(first: Features, second: Features, *, paired: bool, seed: int) -> Estimate:
    """Squared Fréchet distance of two normal distributions, extrapolated to samples without end.

    d = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 sqrt(C_1 C_2)) rises by c/N in samples of N: a line through
    20 batches each of ten sizes from n/2 to n, at equal steps of 1/N, gives its value at 1/N = 0,
    not below 0. The error is the spread of d of halves: the standard error of the whole, and up to
    twice that where d is near 0.

    Args:
        first: Features of the reference [n, D].
        second: Features of the sample to judge [m, D].
        paired: Whether shower k of both has the same incident particle.
        seed: Of the batches.

    Source: Kansal et al. 2022, arXiv:2211.10295; extrapolation: Chong and Forsyth 2020,
    arXiv:1911.07023.
    """
    random = np.random.default_rng(seed)
    n = min(len(first), len(second))
    inverse = np.linspace(1 / n, 2 / n, FPD_SIZES)
    distances = np.array(
        [
            [
                frechet_distance(*_batch(first, second, size, paired, random))
                for _ in range(FPD_BATCHES)
            ]
            for size in np.round(1 / inverse).astype(int)
        ]
    )
    value = float(np.polyfit(inverse, distances.mean(axis=1), 1)[1])
    return Estimate(max(0.0, value), float(distances[-1].std(ddof=1)), n)


def frechet_distance(first: Features, second: Features) -> float:
    """Squared Fréchet distance of the normal distributions with the moments of two samples.

    Args:
        first: Features [n, D].
        second: Features [m, D].
    """
    apart = first.mean(axis=0) - second.mean(axis=0)
    covariance = [np.atleast_2d(np.cov(side, rowvar=False)) for side in (first, second)]
    # Eigenvalues of a product of two covariances are real and not negative, but for rounding.
    eigenvalues = np.linalg.eigvals(covariance[0] @ covariance[1]).real.clip(min=0)
    total = np.trace(covariance[0] + covariance[1])
    return float(apart @ apart + total - 2 * np.sqrt(eigenvalues).sum())


def _batch(
    first: Features, second: Features, size: int, paired: bool, random: np.random.Generator
) -> tuple[Features, Features]:
    """Some showers of both sides, none twice; partners where the sides are paired."""
    chosen = random.permutation(len(first))[:size]
    other = chosen if paired else random.permutation(len(second))[:size]
    return first[chosen], second[other]


def median_kernel_distance(
    first: Features, second: Features, *, paired: bool, seed: int
) -> Estimate:
    """Median over 10 batches of the squared mean discrepancy of a polynomial kernel.

    k(x, y) = (x y / D + 1)^4. Batches are halves of the samples, at most 2500 showers (in the
    paper 5000). The error is half the range of the central 68 % of the batches: for halves the
    standard error of the whole, above 5000 showers more than that.

    Args:
        first: Features of the reference [n, D].
        second: Features of the sample to judge [m, D].
        paired: Whether shower k of both has the same incident particle.
        seed: Of the batches.

    Source: Kansal et al. 2022, arXiv:2211.10295.
    """
    random = np.random.default_rng(seed)
    n = min(len(first), len(second))
    size = min(KPD_LARGEST, n // 2)
    values = [
        kernel_distance(*_batch(first, second, size, paired, random), paired=paired)
        for _ in range(KPD_BATCHES)
    ]
    low, median, high = np.quantile(values, [0.16, 0.5, 0.84])
    return Estimate(float(median), float(high - low) / 2, n)


def kernel_distance(first: Features, second: Features, *, paired: bool = False) -> float:
    """Squared maximum mean discrepancy of two samples, without bias: below 0 by chance.

    Args:
        first: Features [n, D].
        second: Features [m, D].
        paired: Whether row k of both is dependent: such pairs are left out, as are rows with
            themselves (Gretton et al. 2012, eq. 4).
    """
    within = (_mean_kernel(side, side, others=True) for side in (first, second))
    return sum(within) - 2 * _mean_kernel(first, second, others=paired)


def _mean_kernel(first: Features, second: Features, *, others: bool) -> float:
    """Mean kernel over pairs of rows, the pairs (k, k) left out where `others`."""
    kernel = ((first @ second.T / first.shape[1] + 1) ** 2) ** (KPD_DEGREE // 2)
    if not others:
        return float(kernel.mean())
    n = len(kernel)
    return float(kernel.sum() - np.trace(kernel)) / (n * (n - 1))


METRICS = (
    Metric(
        "fpd",
        "Fréchet physics distance",
        "1",
        "squared Fréchet distance of 20 standard features, in units of their spread in the "
        "reference, extrapolated to samples without end",
        SOURCE,
        fpd,
        group="feature space",
    ),
    Metric(
        "kpd",
        "Kernel physics distance",
        "1",
        "squared mean discrepancy of 20 standard features, in units of their spread in the "
        "reference, with a polynomial kernel of degree 4, median of 10 batches",
        SOURCE,
        kpd,
        group="feature space",
    ),
)
