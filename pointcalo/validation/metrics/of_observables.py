"""One metric for each observable and distance."""

from functools import partial

from pointcalo.validation.metrics.binning import bin_edges
from pointcalo.validation.metrics.distances import separation, wasserstein
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.observables import OBSERVABLES, Observable

CALOCHALLENGE = "CaloChallenge, Krause et al. 2024, arXiv:2410.21611"


def _wasserstein(pair: Pair, *, observable: Observable) -> Estimate:
    values = (side.values[observable.name] for side in (pair.reference, pair.generated))
    return wasserstein(*values, pair.resampling)


def _separation(pair: Pair, *, observable: Observable) -> Estimate:
    first, second = (side.values[observable.name] for side in (pair.reference, pair.generated))
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
            group="observables",
        ),
        Metric(
            f"separation_{observable.name}",
            f"Separation power: {observable.title}",
            "1",
            f"separation power, 0 to 1, of: {observable.definition}",
            CALOCHALLENGE,
            partial(_separation, observable=observable),
            group="observables",
        ),
    )


METRICS = tuple(metric for observable in OBSERVABLES for metric in _metrics(observable))
