"""Figures of a comparison: both samples, their ratio below, as self-contained SVG."""

import io

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pointcalo.validation.observables import Observable
from pointcalo.validation.report.curves import Curve, curves, ratio
from pointcalo.validation.values import Values

# Okabe and Ito: told apart with any colour vision, and by line style in print.
REFERENCE_COLOUR, GENERATED_COLOUR = "#555555", "#D55E00"
FALLING = ("radial", "cell_energy")
STYLE = {
    "font.size": 11,
    "axes.labelsize": 12,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.frameon": False,
    "svg.hashsalt": "pointcalo",
}


def comparison_figure(observable: Observable, reference: Values, generated: Values) -> str:
    """SVG of an observable in both samples, bands and bars being standard errors.

    Returns:
        The text of the SVG, the same for the same values.
    """
    first, second = curves(observable, reference, generated)
    layered = reference.num_groups > 1
    axis = observable.axis or observable.title
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        _draw(upper, first, second)
        _draw_ratio(lower, first, second)
        upper.set_ylabel(_height_label(observable, layered))
        lower.set_xlabel("Detector layer" if layered else _label(axis, observable.unit))
        if observable.name in FALLING:
            upper.set_yscale("log")
        else:
            upper.set_ylim(bottom=min(0.0, upper.get_ylim()[0]), top=1.25 * upper.get_ylim()[1])
        if observable.scale == "log" and not layered:
            upper.set_xscale("log")
        upper.set_xlim(first.edges[0], first.edges[-1])
        return _svg(figure)


def _draw(axes: Axes, reference: Curve, generated: Curve) -> None:
    axes.stairs(reference.height, reference.edges, fill=True, color=REFERENCE_COLOUR, alpha=0.25)
    axes.stairs(reference.height, reference.edges, color=REFERENCE_COLOUR, label="reference")
    mplhep.histplot(
        generated.height,
        generated.edges,
        yerr=generated.error,
        ax=axes,
        color=GENERATED_COLOUR,
        linestyle="--",
        label="generated",
        flow="none",
    )
    axes.legend(loc="upper right")


def _draw_ratio(axes: Axes, reference: Curve, generated: Curve) -> None:
    value, error = ratio(generated, reference)
    one, band = ratio(reference, reference)
    centres = (reference.edges[1:] + reference.edges[:-1]) / 2
    axes.stairs(
        one + band,
        reference.edges,
        baseline=one - band,
        fill=True,
        color=REFERENCE_COLOUR,
        alpha=0.3,
    )
    axes.axhline(1.0, color=REFERENCE_COLOUR, linewidth=0.8)
    axes.errorbar(centres, value, error, fmt="o", markersize=2.5, color=GENERATED_COLOUR)
    apart = np.nanquantile(np.abs(value - 1), 0.9) if np.isfinite(value).any() else 0.0
    half = float(np.clip(1.6 * apart, 0.1, 1.0))
    axes.set_ylim(1 - half, 1 + half)
    axes.set_ylabel("generated /\nreference")


def _height_label(observable: Observable, layered: bool) -> str:
    if layered:
        return _label("Mean " + observable.title[0].lower() + observable.title[1:], observable.unit)
    return "Density" if observable.unit == "1" else f"Density [1/{observable.unit}]"


def _label(title: str, unit: str) -> str:
    return title if unit == "1" else f"{title} [{unit}]"


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
