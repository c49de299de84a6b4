"""The report of a comparison: one self-contained HTML page, and `metrics.json` beside it."""

import base64
import json
import math
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from pointcalo.validation.compare import Comparison
from pointcalo.validation.metrics.auc_features import MIN_SHOWERS
from pointcalo.validation.metrics.estimate import OK, TOO_FEW, UNDEFINED, Estimate
from pointcalo.validation.observables import OBSERVABLES, Observable
from pointcalo.validation.samples import Sample

REPORT, METRICS_FILE = "report.html", "metrics.json"


@dataclass(frozen=True)
class Report:
    """All that the page says.

    Attributes:
        reference: The sample compared with.
        generated: The sample judged.
        comparisons: Metrics by name.
        broken: One line for each bound that is not kept.
        figures: SVG text by name of the observable.
        about: What to know to do it again: geometry, floor, seeds, versions, command.
    """

    reference: Sample
    generated: Sample
    comparisons: dict[str, Comparison]
    broken: list[str]
    figures: dict[str, str]
    about: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the page and the metrics to a folder."""
        table = {name: compared.as_dict() for name, compared in self.comparisons.items()}
        text = json.dumps(table, indent=2, allow_nan=False)
        (folder / METRICS_FILE).write_text(text + "\n", encoding="utf-8")
        (folder / REPORT).write_text(self.page(), encoding="utf-8")

    def verdict(self) -> str:
        """One line: the AUC with its floor and n, and whether it counts."""
        auc = self.comparisons["auc_features"]
        line = (
            f"auc_features {_pair(auc.estimate)} with {auc.estimate.n} showers a side; "
            f"floor {_pair(auc.floor)} with {auc.floor.n}"
        )
        if auc.estimate.status == TOO_FEW:
            return f"{line}; too few: {MIN_SHOWERS} a side are needed for it to satisfy a bound"
        return line if auc.estimate.status == OK else f"{line}; {auc.estimate.status}"

    def worst(self, number: int = 3) -> list[str]:
        """The metrics of observables that lie farthest above their floor, in standard errors."""
        names = [name for name in self.comparisons if name.startswith(("wasser", "separ"))]
        ranked = sorted(names, key=lambda name: -self.comparisons[name].excess)[:number]
        return [
            f"{name} {_with_unit(self.comparisons[name])}, "
            f"floor {_pair(self.comparisons[name].floor)}"
            for name in ranked
        ]

    def page(self) -> str:
        """The HTML."""
        template = files(__package__).joinpath("template.html")
        parts = {
            "VERDICT": escape(self.verdict()),
            "BOUNDS": self._bounds(),
            "WORST": "".join(f"<li>{escape(line)}</li>" for line in self.worst()),
            "SAMPLES": self._samples(),
            "METRICS": self._metrics(),
            "FIGURES": "".join(self._figure(o) for o in OBSERVABLES if o.name in self.figures),
            "DEFINITIONS": "".join(map(_definition, OBSERVABLES)),
            "ABOUT": "".join(_row([key, value]) for key, value in self.about.items()),
        }
        page = template.read_text(encoding="utf-8")
        for name, part in parts.items():
            page = page.replace(f"<!--{name}-->", part)
        return page

    def _bounds(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self.broken)
        return f'<p class="broken">Bounds not kept:</p><ul>{lines}</ul>' if lines else ""

    def _samples(self) -> str:
        rows = []
        for name, sample in (("reference", self.reference), ("generated", self.generated)):
            kind = " (parametric, not Geant4)" if sample.is_parametric else ""
            rows.append(
                _row(
                    [
                        name + kind,
                        sample.file.path.name,
                        sample.file.source,
                        str(len(sample.measurement)),
                        f"{sample.below_threshold:.2%}",
                        f"{sample.outside:.2%}",
                    ]
                )
            )
        return "".join(rows)

    def _metrics(self) -> str:
        rows = []
        for name, compared in self.comparisons.items():
            status = "" if compared.estimate.status == OK else compared.estimate.status
            floor = f"{_pair(compared.floor)} ({compared.floor.n})"
            value = f"{_with_unit(compared)} ({compared.estimate.n})"
            rows.append(_row([name, value, floor, f"{compared.excess:.1f}", status]))
        return "".join(rows)

    def _figure(self, observable: Observable) -> str:
        coded = base64.b64encode(self.figures[observable.name].encode()).decode()
        distance = self.comparisons[f"wasserstein_{observable.name}"]
        power = self.comparisons[f"separation_{observable.name}"]
        caption = (
            f"{observable.title}. Wasserstein distance {_with_unit(distance)} "
            f"(floor {_pair(distance.floor)}), separation {_pair(power.estimate)} "
            f"(floor {_pair(power.floor)})."
        )
        alt = f"Reference and generated showers with their ratio. {caption}"
        return (
            f'<figure><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{coded}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>\n"
        )


def _pair(estimate: Estimate) -> str:
    """Value and error with the digits that the first two of the error have."""
    if estimate.status == UNDEFINED:
        return UNDEFINED
    error = estimate.uncertainty
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{estimate.value:.{digits}f} ± {error:.{digits}f}"


def _with_unit(compared: Comparison) -> str:
    unit = "" if compared.metric.unit == "1" else f" {compared.metric.unit}"
    return _pair(compared.estimate) + unit


def _definition(observable: Observable) -> str:
    unit = "" if observable.unit == "1" else f" [{observable.unit}]"
    text = f"{observable.definition} ({observable.source})"
    return f"<dt>{escape(observable.name + unit)}</dt><dd>{escape(text)}</dd>"


def _row(cells: list[str]) -> str:
    first, *others = cells
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in others)
    return f'<tr><th scope="row">{escape(first)}</th>{rest}</tr>\n'
