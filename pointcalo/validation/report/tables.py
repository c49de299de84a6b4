"""The tables of the page."""

from collections.abc import Iterator, Sequence
from html import escape

from pointcalo.validation.compare import Comparison
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.metrics import Metric
from pointcalo.validation.observables import Observable
from pointcalo.validation.report.markup import Cell, table
from pointcalo.validation.report.numbers import note, pair, with_unit
from pointcalo.validation.samples import Sample

PARAMETRIC = "parametric, not Geant4"


def samples_table(reference: Sample, judgements: Sequence[Judgement]) -> str:
    """Where the showers are from."""
    head = ["sample", "file", "source", "showers", "energy below threshold", "outside the cells"]
    labelled = [("reference", reference), *((j.label, j.sample) for j in judgements)]
    return table("Samples", head, (_sample_row(label, sample) for label, sample in labelled))


def metrics_table(judgements: Sequence[Judgement]) -> str:
    """Every metric of every sample."""
    head = ["metric", "sample", "value", "floor", "above the floor, in errors", "showers", "note"]
    rows = (
        [Cell(name, order), judgement.label, *_entry(compared)]
        for judgement in judgements
        for order, (name, compared) in enumerate(judgement.comparisons.items())
    )
    return table("Metrics of generated against reference", head, rows)


def slices_table(judgements: Sequence[Judgement]) -> str:
    """Metrics in ranges of energy or angle; empty where there are none."""
    head = ["range", "metric", "sample", "value", "floor", "above the floor, in errors"]
    rows = list(_slice_rows(judgements))
    return table("Metrics in ranges of energy and angle", [*head, "showers", "note"], rows)


def definitions(named: Sequence[Observable | Metric]) -> str:
    """Names with units, what they mean, and where that is from."""
    return "".join(
        f"<dt><code>{escape(one.name)}</code>{_unit(one.unit)}</dt>"
        f"<dd>{escape(one.definition)} ({escape(one.source)})</dd>\n"
        for one in named
    )


def shown_as(sample: Sample, label: str) -> str:
    """The label, with a warning where the showers are parametric."""
    return f"{label} ({PARAMETRIC})" if sample.is_parametric else label


def _sample_row(label: str, sample: Sample) -> list[str | Cell]:
    number = len(sample.measurement)
    return [
        shown_as(sample, label),
        sample.file.path.name,
        sample.file.source,
        Cell(str(number), number),
        Cell(f"{sample.below_threshold:.2%}", sample.below_threshold),
        Cell(f"{sample.outside:.2%}", sample.outside),
    ]


def _entry(compared: Comparison) -> list[str | Cell]:
    estimate, floor = compared.estimate, compared.floor
    return [
        Cell(with_unit(compared), estimate.value),
        Cell(pair(floor), floor.value),
        Cell(f"{compared.excess:.1f}", compared.excess),
        Cell(f"{estimate.n} ({floor.n})", estimate.n),
        note(estimate),
    ]


def _slice_rows(judgements: Sequence[Judgement]) -> Iterator[list[str | Cell]]:
    for judgement in judgements:
        for order, part in enumerate(judgement.slices):
            for name, compared in part.comparisons.items():
                yield [Cell(part.slice.label, order), name, judgement.label, *_entry(compared)]


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" [{escape(unit)}]"
