"""The numbers of a report as files: metrics, slices, and what is drawn."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pointcalo.validation.judgement import Judgement
from pointcalo.validation.observables import Observable
from pointcalo.validation.report.curves import Curve

METRICS_FILE, METRICS_TABLE = "metrics.json", "metrics.csv"
SLICES_TABLE, CURVES_TABLE = "slices.csv", "curves.csv"
_ENTRY = ("value", "uncertainty", "floor", "floor_uncertainty", "n", "floor_n", "unit", "status")


def write_metrics(judgements: Sequence[Judgement], folder: Path) -> None:
    """Write `metrics.json`: metrics by name, of several samples by their labels; and the table."""
    tables = {
        judgement.label: {name: c.as_dict() for name, c in judgement.comparisons.items()}
        for judgement in judgements
    }
    content = tables if len(tables) > 1 else next(iter(tables.values()))
    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / METRICS_FILE).write_text(text + "\n", encoding="utf-8")
    rows = (
        [label, name, *(entry[key] for key in _ENTRY)]
        for label, table in tables.items()
        for name, entry in table.items()
    )
    _write(folder / METRICS_TABLE, ["sample", "metric", *_ENTRY], rows)


def write_slices(judgements: Sequence[Judgement], folder: Path) -> None:
    """Write the metrics of each range of energies or angles, where there are any."""
    rows = [
        [
            judgement.label,
            part.kind,
            part.label,
            part.low,
            part.high,
            name,
            *(entry[key] for key in _ENTRY),
        ]
        for judgement in judgements
        for part, comparisons in ((s.slice, s.comparisons) for s in judgement.slices)
        for name, entry in ((n, c.as_dict()) for n, c in comparisons.items())
    ]
    if rows:
        head = ["sample", "kind", "slice", "low", "high", "metric", *_ENTRY]
        _write(folder / SLICES_TABLE, head, rows)


def write_curves(
    drawn: Mapping[Observable, tuple[Curve, Mapping[str, Curve]]], folder: Path
) -> None:
    """Write the curves of the figures."""
    rows = (
        [observable.name, label, observable.unit, *map(float, bin_)]
        for observable, (reference, generated) in drawn.items()
        for label, curve in {"reference": reference, **generated}.items()
        for bin_ in zip(curve.edges[:-1], curve.edges[1:], curve.height, curve.error, strict=True)
    )
    head = ["observable", "sample", "unit", "low", "high", "height", "error"]
    _write(folder / CURVES_TABLE, head, rows)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)
