"""The report of a comparison: one self-contained HTML page, and its numbers as files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from plotly.offline import get_plotlyjs

from pointcalo.validation.judgement import Judgement
from pointcalo.validation.observables import OBSERVABLES, Observable
from pointcalo.validation.report.curves import Curve, curves
from pointcalo.validation.report.events import events_json, scenes
from pointcalo.validation.report.files import (
    METRICS_FILE,
    write_curves,
    write_metrics,
    write_slices,
)
from pointcalo.validation.report.markup import table
from pointcalo.validation.report.sections import (
    averages_section,
    correlations_section,
    event_boxes,
    event_buttons,
    observables_section,
)
from pointcalo.validation.report.tables import (
    definitions,
    metrics_table,
    samples_table,
    slices_table,
)
from pointcalo.validation.report.verdict import verdict_lines
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
        """One line a sample and classifier: its AUC with floor and n, and whether it counts."""
        several = len(self.judgements) > 1
        return [
            f"{judgement.label}: {line}" if several else line
            for judgement in self.judgements
            for line in verdict_lines(judgement.comparisons)
        ]

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
        page = here.joinpath("template.html").read_text(encoding="utf-8")
        for name in ("page.css", "page.js"):
            text = here.joinpath(name).read_text(encoding="utf-8")
            page = page.replace(f"<!--{name}-->", text)
        for name, part in (self._words() | self._sights()).items():
            page = page.replace(f"<!--{name}-->", part)
        return page

    def _words(self) -> dict[str, str]:
        """Verdict and tables, by their place in the template."""
        slices = slices_table(self.judgements) if any(j.slices for j in self.judgements) else ""
        metrics = [compared.metric for compared in self.judgements[0].comparisons.values()]
        return {
            "VERDICT": "".join(map(verdict_card, self.judgements)),
            "SAMPLES": samples_table(self.reference, self.judgements),
            "METRICS": metrics_table(self.judgements),
            "SLICES": slices or "<p>None were asked for.</p>",
            "OBSERVABLES": definitions(OBSERVABLES),
            "DISTANCES": definitions(metrics),
            "ABOUT": table("How it was made", ["what", "value"], self.about.items()),
        }

    def _sights(self) -> dict[str, str]:
        """Figures and event displays, by their place in the template."""
        measured = self.reference.measurement
        labels = ["reference", *(judgement.label for judgement in self.judgements)]
        return {
            "FIGURES": observables_section(self.curves, measured, self.judgements),
            "CORRELATIONS": correlations_section(measured, self.judgements),
            "AVERAGES": averages_section(measured, self.judgements),
            "EVENTS": event_boxes(labels),
            "CHOICE": event_buttons(),
            "SCENES": events_json(scenes(measured, self.judgements)),
            "PLOTLY": get_plotlyjs(),
        }
