"""The comparison of two samples: every metric, with its floor."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Estimate, Metric, Pair
from pointcalo.validation.metrics.estimate import OK, TOO_FEW
from pointcalo.validation.samples import Floor

MIN_SHOWERS = 20
MIN_FLOOR = MIN_SHOWERS // 2  # halves of a reference


@dataclass(frozen=True)
class Comparison:
    """A metric of generated against reference, and of reference against reference.

    Attributes:
        metric: What is compared.
        estimate: Generated against reference.
        floor: The same of two samples of the reference kind.
    """

    metric: Metric
    estimate: Estimate
    floor: Estimate

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Entry of `metrics.json`; a number that is not finite becomes None."""
        scale = self.estimate.scale
        return {
            "value": _finite(self.estimate.value),
            "uncertainty": _finite(self.estimate.uncertainty),
            "floor": _finite(self.floor.value),
            "floor_uncertainty": _finite(self.floor.uncertainty),
            "n": self.estimate.n,
            "floor_n": self.floor.n,
            "unit": self.metric.unit,
            "status": self.estimate.status,
            **({} if scale is None else {"reference_spread": _finite(scale)}),
        }

    @property
    def excess(self) -> float:
        """How much farther from the ideal than the floor, in standard errors; 0 if undefined.

        Where there can be no floor, the ideal takes its place; where only the showers for one are
        too few, the excess is not known and 0.
        """
        if self.floor.status == TOO_FEW and not math.isfinite(self.floor.value):
            return 0.0
        floor, spread = 0.0, 0.0
        if math.isfinite(self.floor.value):
            floor, spread = abs(self.floor.value - self.metric.ideal), self.floor.uncertainty
        error = math.hypot(self.estimate.uncertainty, spread)
        away = abs(self.estimate.value - self.metric.ideal)
        excess = (away - floor) / error if error > 0 else 0.0
        return excess if math.isfinite(excess) else 0.0


def compare(
    reference: Measurement,
    generated: Measurement,
    floor: Floor,
    *,
    seed: int = 1,
    repeats: int = 1,
    training: Measurement | None = None,
    variations: Mapping[str, Measurement] | None = None,
    metrics: Iterable[Metric] = METRICS,
) -> dict[str, Comparison]:
    """Metrics by name, in their order.

    Args:
        reference: Showers to compare with.
        generated: The sample to judge; its first n with the first n of the reference.
        floor: Two samples of the reference kind.
        seed: Of all that is drawn.
        repeats: Divisions into folds that classifiers average over.
        training: Showers that the generator learnt from, where they are known.
        variations: Of the generated showers, see `Pair`.
        metrics: Which.

    Raises:
        ValueError: If a side has fewer than 20 showers, or one of the floor fewer than 10.
    """
    n = min(len(reference), len(generated))
    if n < MIN_SHOWERS:
        raise ValueError(f"validation needs at least {MIN_SHOWERS} showers a side, got {n}")
    pair = Pair(reference[:n], generated[:n], seed, repeats, training, variations)
    chance = Pair(floor.reference, floor.other, seed, repeats)
    if chance.n < MIN_FLOOR:
        raise ValueError(f"the floor needs at least {MIN_FLOOR} showers a side, got {chance.n}")
    found = {}
    for metric in metrics:
        known = metric.name, seed, repeats
        if known not in floor.estimates:  # the same for all generated samples
            floor.estimates[known] = metric(chance)
        found[metric.name] = Comparison(metric, metric(pair), floor.estimates[known])
    return found


def check_bounds(bounds: Mapping[str, float | None]) -> None:
    """Raise ValueError where a bound is on no metric, or is no positive number."""
    names = [metric.name for metric in METRICS]
    for name, bound in bounds.items():
        if name not in names:
            close = [other for other in names if name in other][:3]
            close = close or difflib.get_close_matches(name, names, n=3)
            meant = f"did you mean {' or '.join(close)}?" if close else f"one is {names[0]}"
            raise ValueError(f"bounds.{name}: no such metric; {meant} (docs/validation.md)")
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not bound > 0:
            raise ValueError(f"bounds.{name}: got {bound!r}, expected a number above 0")


def broken_bounds(
    comparisons: Mapping[str, Comparison], bounds: Mapping[str, float | None]
) -> list[str]:
    """One line for each bound that is not kept, or whose metric has a status other than ok.

    Args:
        comparisons: By name.
        bounds: By name of the metric: largest |value|, or least value where more is better; None
            for no bound.
    """
    broken = []
    for name, bound in bounds.items():
        if bound is None:
            continue
        compared = comparisons[name]
        estimate = compared.estimate
        if estimate.status != OK:
            broken.append(f"{name}: {estimate.status} (n = {estimate.n}), satisfies no bound")
        elif not compared.metric.keeps(estimate.value, bound):
            broken.append(f"{name}: {estimate.value:.4g}, the bound is {bound:.4g}")
    return broken


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
