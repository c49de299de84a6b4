"""What the report says first: can each sample be told from the reference, and by what."""

from collections.abc import Mapping

from pointcalo.validation.compare import Comparison
from pointcalo.validation.metrics import METRICS
from pointcalo.validation.metrics.auc_features import MIN_SHOWERS
from pointcalo.validation.metrics.estimate import OK, TOO_FEW
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.report.numbers import pair

CLASSIFIERS = tuple(metric.name for metric in METRICS if metric.group == "classifiers")
SEEN = 3.0  # standard errors; of a hundred metrics one lies above 2.6 by chance


def verdict_lines(comparisons: Mapping[str, Comparison]) -> list[str]:
    """One line a classifier: its AUC with floor and n, and whether it counts."""
    return [_line(comparisons[name]) for name in CLASSIFIERS if name in comparisons]


def _line(auc: Comparison) -> str:
    line = (
        f"{auc.metric.name} {pair(auc.estimate)} with {auc.estimate.n} showers a side; "
        f"floor {pair(auc.floor)} with {auc.floor.n}"
    )
    if auc.estimate.status == TOO_FEW:
        return f"{line}; too few: {MIN_SHOWERS} a side are needed for it to satisfy a bound"
    return line if auc.estimate.status == OK else f"{line}; {auc.estimate.status}"


def statement(comparisons: Mapping[str, Comparison]) -> str:
    """What that means, in one or two sentences."""
    defined = [c for c in comparisons.values() if c.estimate.status == OK]
    far = sum(compared.excess > SEEN for compared in defined)
    metrics = f"{far} of {len(defined)} metrics lie more than {SEEN:g} errors above their floor."
    aucs = [comparisons[name] for name in CLASSIFIERS if name in comparisons]
    if not aucs:
        return metrics
    useful = [auc for auc in aucs if auc.estimate.status == OK]
    if not useful:
        return f"No verdict by a classifier ({aucs[0].estimate.status}). {metrics}"
    if max(auc.excess for auc in useful) > SEEN:
        return f"A classifier tells it from the reference. {metrics}"
    return f"A classifier tells it from the reference no better than the floor. {metrics}"


def worst(comparisons: Mapping[str, Comparison], number: int = 6) -> list[Comparison]:
    """The observables farthest above their floor in standard errors, by their worst metric."""
    found = []
    for observable in OBSERVABLES:
        metrics = [c for c in comparisons.values() if c.metric.observable == observable.name]
        found += [max(metrics, key=lambda compared: compared.excess)] if metrics else []
    ranked = sorted(found, key=lambda compared: -compared.excess)
    return [compared for compared in ranked[:number] if compared.excess > 0]
