"""One metric for each observable and distance."""

from functools import partial

from pointcalo.validation.metrics.binning import bin_edges
from pointcalo.validation.metrics.distances import cumulative_distances, separation
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.observables import OBSERVABLES, Observable
from pointcalo.validation.values import Values

CALOCHALLENGE = (
    "Diefenbacher et al. 2020, arXiv:2009.03796, eq. 15; CaloChallenge, Krause et al. 2024, "
    "arXiv:2410.21611"
)


def _distances(pair: Pair, observable: str) -> tuple[Estimate, Estimate]:
    first, second = pair.values(observable)
    if _nothing_in(first, second):
        return Estimate.missing(pair.n), Estimate.missing(pair.n)
    return cumulative_distances(first, second, pair.resampling)


def _nothing_in(first: Values, second: Values) -> bool:
    """Whether a sample has no value at all, as a file without times has no delays."""
    return len(first.value) == 0 or len(second.value) == 0


def _wasserstein(pair: Pair, *, observable: Observable) -> Estimate:
    return pair.once(_distances, observable.name)[0]


def _kolmogorov_smirnov(pair: Pair, *, observable: Observable) -> Estimate:
    return pair.once(_distances, observable.name)[1]


def _separation(pair: Pair, *, observable: Observable) -> Estimate:
    first, second = pair.values(observable.name)
    if _nothing_in(first, second):
        return Estimate.missing(pair.n)
    return separation(first, second, bin_edges(first, observable.scale), pair.resampling)


def _metrics(observable: Observable) -> tuple[Metric, ...]:
    return (
        Metric(
            f"wasserstein_{observable.name}",
            f"Wasserstein distance: {observable.title}",
            observable.unit,
            f"Wasserstein-1 distance of: {observable.definition}",
            "Ramdas, Garcia and Cuturi 2015, arXiv:1509.02237",
            partial(_wasserstein, observable=observable),
            observable=observable.name,
            group="observables",
        ),
        Metric(
            f"ks_{observable.name}",
            f"Kolmogorov-Smirnov distance: {observable.title}",
            "1",
            f"largest difference of the cumulative distributions of: {observable.definition}",
            "Smirnov 1948, Ann. Math. Statist. 19, 279",
            partial(_kolmogorov_smirnov, observable=observable),
            observable=observable.name,
            group="observables",
        ),
        Metric(
            f"separation_{observable.name}",
            f"Separation power: {observable.title}",
            "1",
            f"separation power, 0 to 1, of: {observable.definition}",
            CALOCHALLENGE,
            partial(_separation, observable=observable),
            observable=observable.name,
            group="observables",
        ),
    )


METRICS = tuple(metric for observable in OBSERVABLES for metric in _metrics(observable))
