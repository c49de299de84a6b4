"""The figure of `pointcalo geometry plot`: side view, front view and a close look at the cells."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pointcalo.atomic import written_beside
from pointcalo.display.cell_map import Window, borders, cells_in, extent
from pointcalo.geometry import Geometry

PIXELS = 900
CELLS_ACROSS = 18
TINTS = ("#cfe1f2", "#fbd5b5", "#c9e7cb", "#e3cfea", "#fbe7a1", "#d9d9d9")
BORDER = "#3a4a5a"


def plot_geometry(geometry: Geometry, layer: int, output: Path) -> None:
    """Draw a geometry: all layers from the side, one from the front, some of its cells.

    Args:
        geometry: on the CPU.
        layer: the layer of the front views.
        output: file; its suffix says the format.

    Raises:
        ValueError: a suffix that matplotlib cannot write.
        OSError: the file cannot be written; nothing is left behind.
    """
    figure = Figure(figsize=(15.0, 5.2), layout="constrained")
    formats = figure.canvas.get_supported_filetypes()
    if output.suffix[1:] not in formats:
        raise ValueError(f"cannot draw {output}; expected a name that ends in .png, .pdf or .svg")
    side, front, close = figure.subplots(1, 3)
    _side_view(geometry, side)
    _front_view(geometry, layer, front)
    _close_view(geometry, layer, close)
    title = f"{geometry.name}: {geometry.num_layers} layers, {geometry.num_cells} cells"
    figure.suptitle(title, fontsize=14)
    with written_beside(output) as beside:
        figure.savefig(beside, dpi=130, format=output.suffix[1:])


def _side_view(geometry: Geometry, axes: Axes) -> None:
    """Absorbers in grey, active layers coloured by the radiation lengths in front of them."""
    slabs, lines = [], []
    for number, layer in enumerate(geometry.layers):
        low, high = _radii(geometry, number)
        side = 1.0 if layer.z >= 0 else -1.0
        end = layer.z + side * layer.behind_middle_mm
        slabs.append(Rectangle((end, low), -side * layer.thickness_mm, high - low))
        lines.append([(layer.z, low), (layer.z, high)])
    axes.add_collection(PatchCollection(slabs, facecolor="#e4e7eb", edgecolor="none"))
    colours = LineCollection(lines, cmap="viridis", linewidths=1.6)
    colours.set_array(_depth(geometry))
    axes.add_collection(colours)
    axes.autoscale_view()
    axes.figure.colorbar(colours, ax=axes, label="radiation lengths", shrink=0.85)
    axes.set(xlabel="z [mm]", ylabel="distance from the z axis [mm]", title="from the side")


def _front_view(geometry: Geometry, layer: int, axes: Axes) -> None:
    """The area of the cell under each pixel of the whole layer."""
    xy = _centres(geometry, layer)
    low, high = xy.amin(0), xy.amax(0)
    margin = 0.03 * float((high - low).max()) + 1e-6
    window = tuple((low - margin).tolist() + (high + margin).tolist())
    cell = cells_in(geometry, layer, window, PIXELS)
    area = np.full(cell.shape, np.nan)
    area[cell >= 0] = geometry.area(torch.from_numpy(cell[cell >= 0])).numpy() / 100.0
    shown = axes.imshow(area, origin="lower", extent=extent(window), cmap="YlGnBu_r", vmin=0.0)
    axes.figure.colorbar(shown, ax=axes, label="cell area [cm$^2$]", shrink=0.85)
    axes.set(xlabel="x [mm]", ylabel="y [mm]", title=f"layer {layer} from the front")
    axes.set_aspect("equal" if _is_compact(window) else "auto")


def _close_view(geometry: Geometry, layer: int, axes: Axes) -> None:
    """Cells with their borders, tinted by the colours of the graph colouring."""
    middle, size = _interesting_cell(geometry, layer)
    half = 0.5 * CELLS_ACROSS * size
    window = tuple((middle - half).tolist() + (middle + half).tolist())
    numbers = cells_in(geometry, layer, window, PIXELS)
    colour = np.zeros(numbers.shape, dtype=int)
    inside = numbers >= 0
    colour[inside] = geometry.colour(torch.from_numpy(numbers[inside])).numpy()
    tints = np.array([mpl.colors.to_rgb(tint) for tint in TINTS])
    image = np.where(inside[..., None], tints[colour % len(TINTS)], 1.0)
    image[borders(numbers)] = mpl.colors.to_rgb(BORDER)
    axes.imshow(image, origin="lower", extent=extent(window))
    axes.set(xlabel="x [mm]", ylabel="y [mm]", title=f"cells of layer {layer}")


def _interesting_cell(geometry: Geometry, layer: int) -> tuple[torch.Tensor, float]:
    """Centre [2] and size (mm) of the innermost large cell: where sizes meet, if they do."""
    xy = _centres(geometry, layer)
    cell = geometry.cell_at(torch.full((len(xy),), layer), xy)
    size = geometry.area(cell).sqrt()
    large = (size >= (size.min() * size.max()).sqrt() * 0.999).nonzero().squeeze(1)
    innermost = large[(xy[large] - xy.mean(0)).norm(dim=1).argmin()]
    return xy[innermost], float(size[innermost])


def _depth(geometry: Geometry) -> np.ndarray:
    """Radiation lengths up to and including each layer, on its own side."""
    depth = np.array(
        [0.0 if layer.active is None else layer.radiation_lengths for layer in geometry.layers]
    )
    total = np.zeros_like(depth)
    behind = geometry.layer_z.numpy() < 0
    for side in (behind, ~behind):
        total[side] = depth[side].cumsum()
    return total


def _centres(geometry: Geometry, layer: int) -> torch.Tensor:
    start, stop = geometry.layer_start[layer : layer + 2].tolist()
    return geometry.position(torch.arange(start, stop))[:, :2]


def _radii(geometry: Geometry, layer: int) -> tuple[float, float]:
    radius = _centres(geometry, layer).norm(dim=1)
    return float(radius.min()), float(radius.max())


def _is_compact(window: Window) -> bool:
    width, height = window[2] - window[0], window[3] - window[1]
    return 0.4 < width / height < 2.5
