"""The parts of the page that are looked at: figures, maps and event displays."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from pointcalo.validation.images import average_shower, image_window
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.spectrum import MipPeak, mip_peak
from pointcalo.validation.observables import HEADINGS, Observable
from pointcalo.validation.report.curves import Curve, deviation
from pointcalo.validation.report.events import SHARES
from pointcalo.validation.report.figures import comparison_figure
from pointcalo.validation.report.maps import (
    average_words,
    correlation_figure,
    correlation_words,
    side_figure,
    slices_figure,
)
from pointcalo.validation.report.markup import picture
from pointcalo.validation.report.numbers import pair, with_unit

Drawn = Mapping[Observable, tuple[Curve, Mapping[str, Curve]]]


def observables_section(
    drawn: Drawn, reference: Measurement, judgements: Sequence[Judgement]
) -> str:
    """All figures of observables under their headings; those without values are named."""
    parts, missing = [], []
    for heading, observables in HEADINGS.items():
        there = [observable for observable in observables if observable in drawn]
        missing += [observable.title for observable in observables if observable not in drawn]
        if there:
            figures = "".join(
                _figure(observable, drawn[observable], reference, judgements)
                for observable in there
            )
            parts.append(f'<h3>{escape(heading)}</h3><div class="figures">{figures}</div>\n')
    if missing:
        named = escape(", ".join(missing))
        parts.append(f"<p>Without values in the reference, so not drawn: {named}.</p>")
    return "".join(parts)


def correlations_section(reference: Measurement, judgements: Sequence[Judgement]) -> str:
    """Correlation matrices of layer energies of each sample beside those of the reference."""
    return "".join(
        picture(
            correlation_figure(reference, judgement.sample.measurement, judgement.label),
            f"Three matrices: reference, {judgement.label}, difference. "
            + correlation_words(reference, judgement.sample.measurement),
            f"{judgement.label}: {correlation_words(reference, judgement.sample.measurement)}.",
            "wide",
        )
        for judgement in judgements
    )


def averages_section(reference: Measurement, judgements: Sequence[Judgement]) -> str:
    """The average shower of each sample beside that of the reference, and their ratio."""
    first = average_shower(reference).numpy()
    return "".join(_averages(first, reference, judgement) for judgement in judgements)


def event_boxes(labels: Sequence[str]) -> str:
    """A box for each sample that the script draws a shower in."""
    return "".join(
        f'<figure><h3>{escape(label)}</h3><div class="space" id="space-{number}" role="img" '
        f'data-label="{escape(label)}"></div><figcaption class="account"></figcaption></figure>\n'
        for number, label in enumerate(labels)
    )


def event_buttons() -> str:
    """A button for each energy."""
    return "".join(
        f'<button type="button" aria-pressed="false">{name} energy</button>' for name in SHARES
    )


def _averages(first: NDArray[np.float64], reference: Measurement, judgement: Judgement) -> str:
    second = average_shower(judgement.sample.measurement).numpy()
    window = image_window(reference.geometry)
    words = f"{judgement.label}: {average_words(first, second)}."
    figures = (
        (side_figure, "Seen from the side, depth and u", words),
        (slices_figure, "Seen along the axis, u and v in groups of layers", ""),
    )
    return "".join(
        picture(
            draw(first, second, window, judgement.label),
            f"{seen}: reference, {judgement.label} and their ratio. {words}",
            f"{seen}. {said}".strip(),
            "wide",
        )
        for draw, seen, said in figures
    )


def _figure(
    observable: Observable,
    curves: tuple[Curve, Mapping[str, Curve]],
    measurement: Measurement,
    judgements: Sequence[Judgement],
) -> str:
    reference, generated = curves
    layered = measurement.values[observable.name].num_groups > 1
    peaks = _peaks(measurement, judgements) if observable.name == "cell_energy" else {}
    svg = comparison_figure(observable, reference, generated, layered=layered, peaks=peaks)
    seen = "; ".join(f"{name}: {deviation(one, reference)}" for name, one in generated.items())
    caption = (
        f"{observable.title}. {_distances(observable, judgements)} {_peak_words(peaks)}".strip()
    )
    return picture(svg, f"{observable.title}, with the ratio below. {seen}.", caption)


def _peaks(reference: Measurement, judgements: Sequence[Judgement]) -> dict[str, MipPeak]:
    """The MIP peak of each sample that has one."""
    samples = {"reference": reference, **{j.label: j.sample.measurement for j in judgements}}
    found = {label: mip_peak(measurement) for label, measurement in samples.items()}
    return {label: peak for label, peak in found.items() if peak is not None}


def _peak_words(peaks: Mapping[str, MipPeak]) -> str:
    fits = [
        f"{label} at {peak.position:.4g} MeV, width {peak.width:.3g} MeV"
        for label, peak in peaks.items()
    ]
    return f"Fitted MIP peak (lines): {'; '.join(fits)}." if fits else ""


def _distances(observable: Observable, judgements: Sequence[Judgement]) -> str:
    """Its metrics; of several samples the first, which is the Wasserstein distance."""
    parts = []
    for judgement in judgements:
        metrics = [
            f"{c.metric.title.partition(':')[0]} {with_unit(c)} (floor {pair(c.floor)})"
            for c in judgement.comparisons.values()
            if c.metric.observable == observable.name
        ]
        shown = metrics if len(judgements) == 1 else metrics[:1]
        if shown:
            parts.append(f"{judgement.label}: {', '.join(shown)}.")
    return " ".join(parts)
