"""Figures in two dimensions: correlations of layer energies, and the average shower."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pointcalo.projection import Rectangle
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.correlations import layer_correlations
from pointcalo.validation.report.drawing import STYLE, legend_label, svg_of

Array = NDArray[np.float64]
DIVERGING, RISING = "RdBu_r", "magma_r"
NOTHING = "#dddddd"  # where a number is not defined
DECADES = 4.0  # of the mean energy that are shown
LEAST_DIFFERENCE, LARGEST_RATIO = 0.1, 2.0
TILES = {"left": 0.07, "right": 0.92, "top": 0.89, "bottom": 0.1, "wspace": 0.08, "hspace": 0.12}
RATIO_TICKS = (0.5, 0.7, 1.0, 1.4, 2.0)
COLUMNS = ("reference", "{label}", "{label} / reference")


def correlation_figure(reference: Measurement, generated: Measurement, label: str) -> str:
    """SVG of the correlation matrices of layer energies: reference, generated, difference."""
    first, second = _both_correlations(reference, generated)
    largest = max(LEAST_DIFFERENCE, _largest(second - first))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 3.9), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        names = ("reference", legend_label(label), "difference")
        for axes, matrix, name, end in zip(
            panels, (first, second, second - first), names, (1.0, 1.0, largest), strict=True
        ):
            image = _show(axes, matrix, Normalize(-end, end), DIVERGING)
            axes.set_title(name)
            axes.set_xlabel("Detector layer")
            figure.colorbar(image, ax=axes, shrink=0.85)
        panels[0].set_ylabel("Detector layer")
        return svg_of(figure)


def correlation_words(reference: Measurement, generated: Measurement) -> str:
    """What the difference of the correlation matrices shows."""
    first, second = _both_correlations(reference, generated)
    apart = second - first
    if not np.isfinite(apart).any():
        return "no layers to compare"
    one, other = np.unravel_index(np.nanargmax(np.abs(apart)), apart.shape)
    return (
        f"largest difference {apart[one, other]:+.2f} between layers {one} and {other}; "
        f"root mean square {np.sqrt(np.nanmean(apart**2)):.3f}"
    )


def _both_correlations(reference: Measurement, generated: Measurement) -> list[Array]:
    return [layer_correlations(one, "layer_energy").numpy() for one in (reference, generated)]


def side_figure(reference: Array, generated: Array, window: Rectangle, label: str) -> str:
    """SVG of average showers [G, ny, nx] from the side: energy by depth and u, and their ratio."""
    both = [one.sum(axis=1).T for one in (reference, generated)]
    columns = window.columns.numpy()
    extent = (-0.5, both[0].shape[1] - 0.5, columns[0], columns[-1])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 3.6), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        _triple(panels, both, legend_label(label), extent=extent)
        for axes in panels:
            axes.set_xlabel("Group of layers in depth")
        panels[0].set_ylabel("u [mm]")
        return svg_of(figure)


def slices_figure(reference: Array, generated: Array, window: Rectangle, label: str) -> str:
    """SVG of average showers [G, ny, nx] in groups of layers: energy by u and v, and ratio."""
    both = [reference, generated]
    ends = [float(edges[at]) for edges in (window.columns, window.rows) for at in (0, -1)]
    groups = len(both[0])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 4.4))
        shared = {"sharex": True, "sharey": True, "squeeze": False}
        panels = figure.subplots(3, groups, gridspec_kw=TILES, **shared)
        norm = _energies(both)
        ratio = _ratio(*both)
        for group in range(groups):
            for axes, image in zip(panels[:, group], (*both, ratio), strict=True):
                scale, colours = (_RATIO, DIVERGING) if image is ratio else (norm, RISING)
                _show(axes, image[group], scale, colours, extent=ends)
            panels[0, group].set_title(str(group), fontsize=11)
        names = ("reference", legend_label(label), "ratio")
        for axes, name in zip(panels[:, 0], names, strict=True):
            axes.set_ylabel(f"{name}\nv [mm]", fontsize=10)
        figure.text(0.5, 0.02, "u [mm]", ha="center")
        figure.text(0.5, 0.95, "Group of layers in depth", ha="center")
        bar = figure.colorbar(
            ScalarMappable(norm, RISING), cax=figure.add_axes((0.935, 0.42, 0.012, 0.45))
        )
        bar.set_label("mean energy [MeV]", fontsize=10)
        _ratio_bar(figure, figure.add_axes((0.935, 0.1, 0.012, 0.22)))
        return svg_of(figure)


def average_words(first: Array, second: Array) -> str:
    """What the ratio of a generated average shower to that of the reference shows."""
    whole = second.sum() / first.sum()
    weight = first / first.sum()
    ratio = np.divide(second, first, out=np.ones_like(first), where=first > 0)
    mean = float((weight * np.abs(ratio - 1)).sum())
    return (
        f"the mean energy in the image is {whole:.3f} of that of the reference, a pixel deviates "
        f"by {mean:.1%} on average, weighted with its energy"
    )


_RATIO = LogNorm(1 / LARGEST_RATIO, LARGEST_RATIO)


def _triple(
    panels: Sequence[Axes], both: Sequence[Array], label: str, *, extent: Sequence[float]
) -> None:
    """Both samples with one scale of colours, and their ratio."""
    norm = _energies(both)
    for axes, image, name in zip(panels, both, COLUMNS[:2], strict=False):
        shown = _show(axes, image, norm, RISING, extent=extent)
        axes.set_title(name.format(label=label))
        axes.figure.colorbar(shown, ax=axes, shrink=0.85).set_label("mean energy [MeV]")
    _show(panels[2], _ratio(*both), _RATIO, DIVERGING, extent=extent)
    panels[2].set_title(COLUMNS[2].format(label=label))
    _ratio_bar(panels[2].figure, panels[2].inset_axes((1.04, 0.08, 0.05, 0.84)))


def _ratio_bar(figure: Figure, axes: Axes) -> None:
    bar = figure.colorbar(ScalarMappable(_RATIO, DIVERGING), cax=axes)
    bar.set_ticks(RATIO_TICKS, labels=[f"{tick:g}" for tick in RATIO_TICKS])
    bar.minorticks_off()
    bar.set_label("ratio", fontsize=10)


def _show(
    axes: Axes,
    image: Array,
    norm: Normalize,
    colours: str,
    *,
    extent: Sequence[float] | None = None,
) -> mpl.image.AxesImage:
    axes.set_facecolor(NOTHING)
    return axes.imshow(
        np.ma.masked_invalid(image),
        norm=norm,
        cmap=colours,
        origin="lower",
        extent=extent,
        aspect="auto" if extent is not None and extent[1] - extent[0] < 50 else "equal",
        interpolation="none",
    )


def _energies(both: Sequence[Array]) -> LogNorm:
    """One scale of colours for both."""
    highest = max(float(image.max()) for image in both)
    return LogNorm(highest / 10**DECADES, highest, clip=True)


def _ratio(reference: Array, generated: Array) -> Array:
    """Generated over reference; NaN where the reference has next to nothing."""
    there = reference > reference.max() / 10**DECADES
    return np.divide(generated, reference, out=np.full_like(reference, np.nan), where=there)


def _largest(matrix: Array) -> float:
    finite = np.abs(matrix[np.isfinite(matrix)])
    return float(finite.max()) if len(finite) else 0.0
