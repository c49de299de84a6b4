"""The comparison of two samples: every metric of every observable, with its floor."""

import math
from dataclasses import dataclass

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.binning import bin_edges
from pointcalo.validation.classifier import auc_features
from pointcalo.validation.hits import hits_of
from pointcalo.validation.metrics import (
    OK,
    Metric,
    relative_bias,
    separation,
    wasserstein,
)
from pointcalo.validation.observables import OBSERVABLES, Observable, Values
from pointcalo.validation.pairing import same_incident
from pointcalo.validation.samples import Floor

MIN_SHOWERS = 20
METRICS = (
    "auc_features",
    "response_bias",
    *(f"{kind}_{seen.name}" for kind in ("wasserstein", "separation") for seen in OBSERVABLES),
)
"""Names of all metrics, those of `metrics.json`."""


@dataclass(frozen=True)
class Comparison:
    """A metric of generated against reference, and of reference against reference.

    Attributes:
        metric: Generated against reference.
        floor: The same of two samples of the reference kind.
        unit: Of both values.
    """

    metric: Metric
    floor: Metric
    unit: str = "1"

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Entry of `metrics.json`; a number that is not finite becomes None."""
        return {
            "value": _finite(self.metric.value),
            "uncertainty": _finite(self.metric.uncertainty),
            "floor": _finite(self.floor.value),
            "floor_uncertainty": _finite(self.floor.uncertainty),
            "n": self.metric.n,
            "floor_n": self.floor.n,
            "unit": self.unit,
            "status": self.metric.status,
        }


def compare(
    reference: Showers,
    generated: Showers,
    floor: Floor,
    geometry: Geometry,
    *,
    seed: int = 1,
    repeats: int = 1,
) -> dict[str, Comparison]:
    """All metrics by name, in the order of `METRICS`.

    Args:
        reference: Showers on cells, above threshold.
        generated: The sample to judge; its first n with the first n of the reference.
        floor: Two samples of the reference kind.
        geometry: Their detector.
        seed: Of folds, boosting and bootstrap.
        repeats: Divisions into folds to average the AUC over.

    Raises:
        ValueError: If a side has fewer than 20 showers.
    """
    n = min(len(reference), len(generated))
    if n < MIN_SHOWERS:
        raise ValueError(f"validation needs at least {MIN_SHOWERS} showers a side, got {n}")
    pairs = ((reference[:n], generated[:n]), (floor.reference, floor.other))
    auc = [auc_features(*pair, geometry, seed=seed, repeats=repeats) for pair in pairs]
    metrics = [_observable_metrics(*pair, geometry, seed) for pair in pairs]
    units = {f"wasserstein_{observable.name}": observable.unit for observable in OBSERVABLES}
    metrics = [{"auc_features": a} | rest for a, rest in zip(auc, metrics, strict=True)]
    return {
        name: Comparison(metrics[0][name], metrics[1][name], units.get(name, "1"))
        for name in METRICS
    }


def check_bounds(bounds: dict[str, float | None]) -> None:
    """Raise ValueError where a bound is on no metric, or is no positive number."""
    for name, bound in bounds.items():
        if name not in METRICS:
            raise ValueError(f"bounds.{name}: no such metric; there are: {', '.join(METRICS)}")
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not bound > 0:
            raise ValueError(f"bounds.{name}: got {bound!r}, expected a number above 0")


def broken_bounds(comparisons: dict[str, Comparison], bounds: dict[str, float | None]) -> list[str]:
    """One line for each bound that is not kept: |value| above it, or a status other than ok.

    Args:
        comparisons: By name.
        bounds: Largest |value| by name of the metric; None for no bound.
    """
    broken = []
    for name, bound in bounds.items():
        metric = comparisons[name].metric
        if bound is None:
            continue
        if metric.status != OK:
            broken.append(f"{name}: {metric.status} (n = {metric.n}), satisfies no bound")
        elif not abs(metric.value) <= bound:
            broken.append(f"{name}: {metric.value:.4g}, the bound is {bound:.4g}")
    return broken


def _observable_metrics(
    first: Showers, second: Showers, geometry: Geometry, seed: int
) -> dict[str, Metric]:
    paired = same_incident(first.incident, second.incident)
    hits = hits_of(first, geometry), hits_of(second, geometry)
    metrics = {}
    for observable in OBSERVABLES:
        values = observable(hits[0]), observable(hits[1])
        metrics |= _metrics_of(observable, *values, paired=paired, seed=seed)
    return metrics


def _metrics_of(
    observable: Observable, first: Values, second: Values, *, paired: bool, seed: int
) -> dict[str, Metric]:
    edges = bin_edges(first, observable.scale)
    metrics = {
        f"wasserstein_{observable.name}": wasserstein(first, second, paired=paired, seed=seed),
        f"separation_{observable.name}": separation(first, second, edges, paired=paired, seed=seed),
    }
    if observable.name == "response":
        metrics["response_bias"] = relative_bias(first, second, paired=paired, seed=seed)
    return metrics


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
