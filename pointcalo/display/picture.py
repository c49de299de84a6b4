"""The picture of a shower: in space, from two sides, and its hottest layers from the front."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from pointcalo.display.cell_map import borders, cells_in, extent
from pointcalo.display.event import Event
from pointcalo.display.outlines import outlines
from pointcalo.display.space import BLUE, draw_space, palette

FRONTS = 4  # layers shown from the front
PIXELS = 700
BORDER, OUTSIDE, NAMED = "#c3c9d2", "#eceef1", "#55606e"
WIDE_ENOUGH = 10  # pixels across a cell for its border to be drawn
STYLE = {"font.size": 9.5, "svg.hashsalt": "pointcalo"}


def draw_event(event: Event) -> Figure:
    """The figure of a shower.

    Above: the cells in space, and seen along y and along x, the hottest in front. Below: the layers
    with the most energy, each with all of its cells about the axis.
    """
    energy = event.showers.energy
    low, high = float(energy.min()), float(energy.max())
    look = ScalarMappable(LogNorm(min(low, high / 10), high, clip=True), palette())
    fronts = event.hottest(FRONTS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13.0, 8.2), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.06, w_pad=0.06)
        grid = figure.add_gridspec(3, FRONTS, height_ratios=[1.0, 1.0, 1.75])
        space = figure.add_subplot(grid[:2, :2])
        upper = figure.add_subplot(grid[0, 2:])
        lower = figure.add_subplot(grid[1, 2:], sharex=upper)
        draw_space(
            *(space, event.showers, event.geometry, look),
            radius=event.radius,
            layers=event.layers,
        )
        space.set_aspect("equal")
        space.autoscale_view()
        space.axis("off")
        space.legend(handles=_legend(), loc="lower right", frameon=False)
        _draw_sides(event, (upper, lower), fronts, look)
        half = _half_window(event, fronts)
        for column, layer in enumerate(fronts):
            _draw_front(figure.add_subplot(grid[2, column]), event, layer, half, look)
        bar = figure.colorbar(look, ax=figure.axes, shrink=0.7, aspect=40, pad=0.01, format="%g")
        bar.set_label("energy of a cell [MeV]")
        figure.suptitle(f"{event.title}\n", fontsize=13)
        figure.text(0.5, 0.955, event.account, ha="center", va="top", fontsize=10, color=NAMED)
    return figure


def write_picture(event: Event, path: Path, suffix: str) -> None:
    """Write the figure of a shower.

    Args:
        event: the shower.
        path: file to write.
        suffix: .png, .pdf or .svg: the format.
    """
    # without dates the same shower gives the same file
    undated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with mpl.rc_context(STYLE):
        draw_event(event).savefig(path, dpi=130, format=suffix[1:], metadata=undated.get(suffix))


def _draw_sides(
    event: Event, pair: tuple[Axes, Axes], marked: list[int], look: ScalarMappable
) -> None:
    """Each cell as wide as it is, the axis as a line, marks at the layers shown below."""
    showers, z = event.showers, event.geometry.layer_z
    order = showers.energy.argsort()
    border = outlines(event.geometry, showers.cell[order])
    depth, colour = z[showers.layer[order]].numpy(), look.to_rgba(showers.energy[order].numpy())
    thick = _thickness(z[event.layers])
    wide = thick[showers.layer[order] - event.layers[0]].tolist()
    low, high = border.amin(dim=1).numpy(), border.amax(dim=1).numpy()
    for number, axes in enumerate(pair):
        bars = [
            Rectangle((at - width / 2, start), width, stop - start)
            for at, width, start, stop in zip(
                depth, wide, low[:, number], high[:, number], strict=True
            )
        ]
        axes.add_collection(PatchCollection(bars, facecolor=colour, edgecolor="none"))
        line = event.axis[event.layers, number]
        axes.plot(z[event.layers], line, color=BLUE, linewidth=1.0, linestyle="--")
        margin = float(thick.max())
        axes.set_xlim(float(z[event.layers].min()) - margin, float(z[event.layers].max()) + margin)
        axes.set_ylim(
            float(line.min()) - 1.1 * event.radius, float(line.max()) + 1.1 * event.radius
        )
        axes.set_ylabel(f"{'xy'[number]} [mm]")
        top = axes.get_xaxis_transform()
        axes.plot(z[marked], [1.03] * len(marked), "v", color=NAMED, ms=4, transform=top, clip_on=0)
    pair[0].tick_params(labelbottom=False)
    pair[1].set_xlabel("z [mm]")


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=BLUE, linewidth=1.0, linestyle="--", label="axis, from the side"),
        Line2D(
            [], [], color=BLUE, marker="o", markersize=4.5, linewidth=0, label="axis, in a layer"
        ),
        Line2D([], [], color=NAMED, marker="v", markersize=4, linewidth=0, label="layers below"),
    ]


def _draw_front(axes: Axes, event: Event, layer: int, half: float, look: ScalarMappable) -> None:
    """All cells of a layer about the axis, coloured where they were hit; grey is no cell."""
    x, y = event.axis[layer].tolist()
    window = (x - half, y - half, x + half, y + half)
    cell = cells_in(event.geometry, layer, window, PIXELS)
    image = np.ones((*cell.shape, 4))
    image[cell < 0] = mpl.colors.to_rgba(OUTSIDE)
    energy = _energy_in(event, cell)
    image[energy > 0] = look.to_rgba(energy[energy > 0])
    if _cell_pixels(cell) >= WIDE_ENOUGH:
        image[borders(cell)] = mpl.colors.to_rgba(BORDER)
    axes.imshow(image, origin="lower", extent=extent(window), interpolation="antialiased")
    axes.plot(x, y, "o", color=BLUE, markersize=4.5, markeredgecolor="white", markeredgewidth=0.8)
    here = event.showers.layer == layer
    total, hits = float(event.showers.energy[here].sum()), int(here.sum())
    cells = "1 cell" if hits == 1 else f"{hits} cells"
    axes.set_title(f"layer {layer}: {_energy(total)} MeV in {cells}", fontsize=10)
    axes.set(xlabel="x [mm]", ylabel="y [mm]" if axes.get_subplotspec().is_first_col() else "")


def _energy_in(event: Event, cell: np.ndarray) -> np.ndarray:
    """Energy in MeV of the cell under each pixel."""
    cells, order = event.showers.cell.sort()
    energy = event.showers.energy[order].numpy()
    place = np.searchsorted(cells.numpy(), cell).clip(max=len(cells) - 1)
    return np.where(cells.numpy()[place] == cell, energy[place], 0.0)


def _cell_pixels(cell: np.ndarray) -> float:
    """Mean width of a cell in pixels."""
    return float(np.sqrt(cell.size / len(np.unique(cell))))


def _half_window(event: Event, layers: list[int]) -> float:
    """Half the side in mm of the front views: what nearly all of the hits there need."""
    shown = torch.isin(event.showers.layer, torch.tensor(layers))
    away = (event.showers.xy - event.axis[event.showers.layer])[shown].abs().amax(dim=1)
    size = float(event.geometry.area(event.showers.cell[shown]).sqrt().median())
    return max(min(float(away.max()) + size, event.radius), 4 * size)


def _thickness(z: torch.Tensor) -> torch.Tensor:
    """Of the bars of each layer [L] in the side views, mm: they do not touch those beside them."""
    apart = (z[:, None] - z).abs()
    apart[apart == 0] = torch.inf
    gap = apart.amin(dim=1)
    return 0.8 * torch.where(gap.isfinite(), gap, 1.0)


def _energy(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
