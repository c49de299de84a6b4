"""The report of a comparison: one self-contained HTML page, and its numbers as files beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from pointcalo.validation.judgement import Judgement
from pointcalo.validation.observables import OBSERVABLES, Observable
from pointcalo.validation.report.curves import Curve, curves, deviation
from pointcalo.validation.report.figures import comparison_figure
from pointcalo.validation.report.files import (
    METRICS_FILE,
    write_curves,
    write_metrics,
    write_slices,
)
from pointcalo.validation.report.markup import picture, table
from pointcalo.validation.report.numbers import with_unit
from pointcalo.validation.report.tables import (
    definitions,
    metrics_table,
    samples_table,
    slices_table,
)
from pointcalo.validation.report.verdict import is_of, verdict_line
from pointcalo.validation.report.verdict_cards import verdict_card
from pointcalo.validation.samples import Floor, Sample

REPORT = "report.html"

__all__ = ["METRICS_FILE", "REPORT", "Report"]


@dataclass(frozen=True)
class Report:
    """All that the page says.

    Attributes:
        reference: The sample compared with.
        judgements: The samples judged, at least one.
        floor: Two samples of the reference kind.
        about: What to know to do it again: geometry, floor, seeds, versions, command.
    """

    reference: Sample
    judgements: Sequence[Judgement]
    floor: Floor
    about: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write the page, `metrics.json` and the tables to a folder."""
        write_metrics(self.judgements, folder)
        write_slices(self.judgements, folder)
        write_curves(self.curves, folder)
        (folder / REPORT).write_text(self.page(), encoding="utf-8")

    def verdict(self) -> list[str]:
        """One line a sample: the AUC with its floor and n, and whether it counts."""
        lines = [verdict_line(judgement.comparisons) for judgement in self.judgements]
        if len(lines) == 1:
            return lines
        return [f"{j.label}: {line}" for j, line in zip(self.judgements, lines, strict=True)]

    @cached_property
    def curves(self) -> dict[Observable, tuple[Curve, dict[str, Curve]]]:
        """What is drawn of each observable that the reference has values of."""
        drawn = {}
        for observable in OBSERVABLES:
            reference = self.reference.measurement.values[observable.name]
            if len(reference.value) == 0:
                continue
            labels = [judgement.label for judgement in self.judgements]
            values = [j.sample.measurement.values[observable.name] for j in self.judgements]
            first, *others = curves(observable, reference, values)
            drawn[observable] = first, dict(zip(labels, others, strict=True))
        return drawn

    def page(self) -> str:
        """The HTML."""
        here = files(__package__)
        parts = {
            "STYLE": here.joinpath("page.css").read_text(encoding="utf-8"),
            "SCRIPT": here.joinpath("page.js").read_text(encoding="utf-8"),
            "VERDICT": "".join(map(verdict_card, self.judgements)),
            "SAMPLES": samples_table(self.reference, self.judgements),
            "FIGURES": "".join(self._figures()),
            "METRICS": metrics_table(self.judgements),
            "SLICES": slices_table(self.judgements),
            "DEFINITIONS": definitions(OBSERVABLES),
            "ABOUT": table("How it was made", ["what", "value"], self.about.items()),
        }
        page = here.joinpath("template.html").read_text(encoding="utf-8")
        for name, part in parts.items():
            page = page.replace(f"<!--{name}-->", part)
        return page

    def _figures(self) -> Iterator[str]:
        for observable, (reference, generated) in self.curves.items():
            values = self.reference.measurement.values[observable.name]
            svg = comparison_figure(observable, reference, generated, layered=values.num_groups > 1)
            seen = "; ".join(
                f"{label}: {deviation(curve, reference)}" for label, curve in generated.items()
            )
            yield picture(svg, f"{observable.title}. {seen}.", self._caption(observable))

    def _caption(self, observable: Observable) -> str:
        parts = [
            f"{compared.metric.title} of {j.label} {with_unit(compared)}"
            for j in self.judgements
            for name, compared in j.comparisons.items()
            if is_of(name, observable.name)
        ]
        return f"{observable.title}. " + "; ".join(parts) + "."
