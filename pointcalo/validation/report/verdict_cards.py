"""The verdict on a sample as a card: the AUC on a scale, in words, and the worst observables."""

from html import escape

from pointcalo.validation.compare import Comparison
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.metrics.estimate import UNDEFINED, Estimate
from pointcalo.validation.report.markup import Cell, bullets, table
from pointcalo.validation.report.numbers import pair, with_unit
from pointcalo.validation.report.tables import shown_as
from pointcalo.validation.report.verdict import CLASSIFIERS, SEEN, statement, verdict_lines, worst

LOW, HIGH = 0.45, 1.0  # ends of the scale of the AUC
WIDTH, HEIGHT = 320, 64


def verdict_card(judgement: Judgement) -> str:
    """What is found of a sample, first of all."""
    comparisons = judgement.comparisons
    broken = ""
    if judgement.broken:
        broken = '<p class="broken">Bounds not kept:</p>' + bullets(judgement.broken, "broken")
    scales = [auc_scale(comparisons[name]) for name in CLASSIFIERS if name in comparisons]
    lines = [f"<p>{escape(line)}</p>" for line in verdict_lines(comparisons)]
    told = "".join(part for pair in zip(scales, lines, strict=True) for part in pair)
    return (
        f'<article class="card"><h3>{escape(shown_as(judgement.sample, judgement.label))}</h3>'
        f'<p class="statement">{escape(statement(comparisons))}</p>{broken}{told}'
        f"{_worst(judgement)}</article>\n"
    )


def auc_scale(auc: Comparison) -> str:
    """The AUC and its floor on a scale from 0.5 to 1."""
    if UNDEFINED in (auc.estimate.status, auc.floor.status):
        return ""
    ticks = "".join(
        f'<line x1="{_x(at)}" x2="{_x(at)}" y1="34" y2="40" class="axis"></line>'
        f'<text x="{_x(at)}" y="56" text-anchor="middle">{at:.1f}</text>'
        for at in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    )
    said = (
        f"{auc.metric.name} {pair(auc.estimate)} on a scale from 0.5 to 1, floor {pair(auc.floor)}"
    )
    x, y = _x(auc.estimate.value), 18
    left, right = _ends(auc.estimate)
    return (
        f'<svg class="auc" role="img" aria-label="{escape(said)}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{_band(auc.floor)}"
        f'<line x1="{_x(LOW)}" x2="{_x(HIGH)}" y1="37" y2="37" class="axis"></line>{ticks}'
        f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" class="error"></line>'
        f'<circle cx="{x}" cy="{y}" r="6" class="value"></circle></svg>'
    )


def _band(floor: Estimate) -> str:
    left, right = _ends(floor)
    width = max(right - left, 2.0)
    return (
        f'<rect x="{left}" y="2" width="{width:.1f}" height="35" class="floor"></rect>'
        f'<line x1="{_x(floor.value)}" x2="{_x(floor.value)}" y1="2" y2="37" class="axis"></line>'
    )


def _ends(estimate: Estimate) -> tuple[float, float]:
    return _x(estimate.value - estimate.uncertainty), _x(estimate.value + estimate.uncertainty)


def _x(auc: float) -> float:
    share = (min(max(auc, LOW), HIGH) - LOW) / (HIGH - LOW)
    return round(10 + share * (WIDTH - 20), 1)


def _worst(judgement: Judgement) -> str:
    found = worst(judgement.comparisons)
    if not found:
        return "<p>No observable lies above its floor.</p>"
    rows = [
        [
            c.metric.title,
            Cell(with_unit(c), c.estimate.value),
            Cell(pair(c.floor), c.floor.value),
            Cell(f"{c.excess:.1f}", c.excess),
        ]
        for c in found
    ]
    caption = f"Worst observables of {judgement.label}; above {SEEN:g} errors is more than chance"
    return table(caption, ["metric", "value", "floor", "errors above"], rows)
