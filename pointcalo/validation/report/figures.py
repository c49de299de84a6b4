"""Figures of observables: all samples, their ratio to the reference below."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pointcalo.validation.metrics.spectrum import MipPeak
from pointcalo.validation.observables import Observable
from pointcalo.validation.report.curves import Curve, ratio
from pointcalo.validation.report.drawing import (
    REFERENCE_COLOUR,
    STYLE,
    legend_label,
    looks,
    quantity,
    svg_of,
)

FALLING = ("radial", "cell_energy")
ROOM = 1.3  # above the highest bin, for the legend
MARGINS = {"left": 0.16, "right": 0.97, "top": 0.97, "bottom": 0.12, "hspace": 0.06}


def comparison_figure(
    observable: Observable,
    reference: Curve,
    generated: Mapping[str, Curve],
    *,
    layered: bool,
    peaks: Mapping[str, MipPeak] | None = None,
) -> str:
    """SVG of an observable in all samples, bands and bars being standard errors.

    Args:
        observable: What is drawn.
        reference: Its curve in the reference.
        generated: Its curves in the generated samples, by label.
        layered: Whether the curves are means or medians of groups, as the detector layers.
        peaks: MIP peaks fitted to the samples, drawn over them, by label.

    Returns:
        The text of the SVG, the same for the same curves.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4.6))
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1], gridspec_kw=MARGINS)
        _draw(upper, reference, generated)
        _draw_peaks(upper, list(generated), peaks or {})
        _draw_ratio(lower, reference, list(generated.values()))
        upper.set_ylabel(_height_label(observable, layered))
        axis = quantity(observable.axis or observable.title, observable.unit)
        lower.set_xlabel(observable.groups if layered else axis)
        _scale(upper, observable, [reference, *generated.values()], layered=layered)
        figure.align_ylabels([upper, lower])
        return svg_of(figure)


def _draw(axes: Axes, reference: Curve, generated: Mapping[str, Curve]) -> None:
    axes.stairs(reference.height, reference.edges, fill=True, color=REFERENCE_COLOUR, alpha=0.2)
    axes.stairs(
        reference.height, reference.edges, color=REFERENCE_COLOUR, linewidth=1.5, label="reference"
    )
    for (label, curve), (colour, line, _) in zip(
        generated.items(), looks(len(generated)), strict=True
    ):
        mplhep.histplot(
            curve.height,
            curve.edges,
            yerr=curve.error,
            ax=axes,
            color=colour,
            linestyle=line,
            label=legend_label(label),
            flow="none",
        )
    axes.legend(loc="upper right", fontsize=11 if len(generated) < 4 else 9)


def _draw_peaks(axes: Axes, labels: Sequence[str], peaks: Mapping[str, MipPeak]) -> None:
    colours = {"reference": REFERENCE_COLOUR}
    colours |= {
        label: colour for label, (colour, *_) in zip(labels, looks(len(labels)), strict=True)
    }
    for label, peak in peaks.items():
        energy = np.linspace(*peak.window, 100)
        axes.plot(energy, peak.density(energy), color=colours[label], linewidth=0.8)


def _draw_ratio(axes: Axes, reference: Curve, generated: Sequence[Curve]) -> None:
    draw_band(axes, reference)
    centres = (reference.edges[1:] + reference.edges[:-1]) / 2
    width = np.diff(reference.edges)
    apart = []
    for number, (curve, (colour, _, marker)) in enumerate(
        zip(generated, looks(len(generated)), strict=True), start=1
    ):
        value, error = ratio(curve, reference)
        place = centres + width * (number / (len(generated) + 1) - 0.5) * 0.6
        axes.errorbar(place, value, error, fmt=marker, markersize=2.5, color=colour, elinewidth=0.9)
        apart.append(np.abs(value[np.isfinite(value)] - 1))
    apart = np.concatenate(apart)
    half = float(np.clip(1.6 * np.quantile(apart, 0.9), 0.1, 1.0)) if len(apart) else 0.1
    axes.set_ylim(1 - half, 1 + half)
    axes.set_ylabel("ratio")


def draw_band(axes: Axes, reference: Curve) -> None:
    """The reference's own errors about the ratio 1."""
    one, band = ratio(reference, reference)
    axes.stairs(
        one + band,
        reference.edges,
        baseline=one - band,
        fill=True,
        color=REFERENCE_COLOUR,
        alpha=0.3,
    )
    axes.axhline(1.0, color=REFERENCE_COLOUR, linewidth=0.8)


def _scale(axes: Axes, observable: Observable, curves: list[Curve], *, layered: bool) -> None:
    """Logarithmic axes where the observable asks for them, room for the legend."""
    heights = np.concatenate([curve.height for curve in curves])
    positive = heights[np.isfinite(heights) & (heights > 0)]
    if observable.name in FALLING and len(positive):
        axes.set_yscale("log")
        low, high = positive.min(), positive.max()
        axes.set_ylim(low / 2, high * (high / low) ** 0.25)
    else:
        axes.set_ylim(min(0.0, axes.get_ylim()[0]), ROOM * axes.get_ylim()[1])
    edges = curves[0].edges
    if (observable.edges if layered else observable.scale == "log") and edges[0] > 0:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])


def _height_label(observable: Observable, layered: bool) -> str:
    if layered:
        title = observable.title[0].lower() + observable.title[1:]
        return quantity(f"{observable.curve.capitalize()} {title}", observable.unit)
    return "Density" if observable.unit == "1" else f"Density [1/{observable.unit}]"
