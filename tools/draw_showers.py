"""Draw a reference shower and a generated one of the same incident particle side by side.

    python tools/draw_showers.py --reference hgcal_photon.h5 --generated generated.h5 \
        --split test --shower 5 --output shower.png

Above: the hits on their cells. Below: all hits moved along the axis of the incident particle onto
the layer where the reference has the most energy.
"""

import argparse
import re
from io import BytesIO

import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from pointcalo.display.event import describe
from pointcalo.display.outlines import outlines
from pointcalo.display.space import BLUE, add_polygons, draw_space, palette
from pointcalo.formats import NativeFile, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Showers, axis_xy

RADIUS_MM, BAR_MM = 85.0, 50.0
GRID, TEXT = "#d9dde3", "#55606e"


def along_axis(showers: Showers, geometry: Geometry, layer: int, cell: Tensor) -> Tensor:
    """Energy in cells [N] of a layer, MeV, the hits of all layers moved there along the axis."""
    axis = axis_xy(showers.incident, geometry.layer_z)[0]
    moved = showers.xy - axis[showers.layer] + axis[layer]
    landed = geometry.cell_at(torch.full_like(showers.layer, layer), moved)
    return (cell[:, None] == landed).float() @ showers.energy


def draw_front(
    axes: Axes, energy: Tensor, geometry: Geometry, cell: Tensor, axis: Tensor, look: ScalarMappable
) -> None:
    """Cells [N] of one layer about the axis [2], with their energies [N]; a bar shows the scale."""
    border, hit = outlines(geometry, cell) - axis, energy > 0
    add_polygons(axes, border, "white", GRID)
    add_polygons(axes, border[hit], look.to_rgba(energy[hit].numpy()), "white")
    axes.plot(0, 0, "o", color=BLUE, markersize=4.5, markeredgecolor="white", markeredgewidth=0.8)
    left, low = -1.75 * RADIUS_MM, -RADIUS_MM
    axes.plot([left, left + BAR_MM], [low, low], color=TEXT, linewidth=2)
    axes.text(left, low + 4, f"{BAR_MM:g} mm", color=TEXT, fontsize=9.5)
    axes.text(left, -low, "all layers\nalong the axis", color=TEXT, fontsize=9.5, va="top")


def draw(pair: list[Showers], names: list[str], geometry: Geometry) -> Figure:
    """The figure of a reference shower and a generated one, on cells, and who made them."""
    incident, layer = pair[0].incident, int(pair[0].layer_sums(geometry.num_layers)[1].argmax())
    cell, axis = torch.arange(geometry.num_cells), axis_xy(incident, geometry.layer_z)[0, layer]
    cell = cell[slice(*geometry.layer_start[layer : layer + 2].tolist())]
    cell = cell[(geometry.position(cell)[:, :2] - axis).norm(dim=1) < RADIUS_MM]
    sums = [along_axis(showers, geometry, layer, cell) for showers in pair]
    norm = LogNorm(float(geometry.layer_threshold.min()), float(torch.cat(sums).max()), clip=True)
    look = ScalarMappable(norm, palette())
    layers = torch.arange(geometry.num_layers)
    figure = Figure(figsize=(9.0, 6.6), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.05)
    axes = figure.subplots(2, 2)
    for column, showers, name, energy in zip(axes.T, pair, names, sums, strict=True):
        draw_space(column[0], showers, geometry, look, radius=RADIUS_MM, layers=layers)
        draw_front(column[1], energy, geometry, cell, axis, look)
        hits = f"{showers.num_points} hits, {float(showers.energy.sum()):.0f} MeV visible"
        column[0].set_title(f"{name}\n", fontsize=12.5, fontweight="bold")
        column[0].text(0.5, 1.03, hits, ha="center", transform=column[0].transAxes, fontsize=11)
    for panel in axes.flat:
        panel.set_aspect("equal")
        panel.autoscale_view()
        panel.axis("off")
    bar = figure.colorbar(look, ax=axes, shrink=0.6, aspect=30, pad=0.01, format="%g")
    bar.set_label("energy [MeV]", fontsize=10.5)
    figure.suptitle(f"{describe(incident)}, {geometry.name}", fontsize=12.5, color=TEXT)
    return figure


def short(source: str) -> str:
    """The beginning of the attribute `source`: at most two of its clauses, without brackets."""
    clauses = re.sub(r"\s*\([^)]*\)", "", source).split(",")[:2]
    return ",".join(clauses) if len(",".join(clauses)) <= 42 else clauses[0]


def read(file: NativeFile, number: int, geometry: Geometry) -> Showers:
    """One shower on cells, thresholds applied."""
    file.check_geometry(geometry)
    showers, _ = file.read(slice(number, number + 1)).above_threshold(geometry)
    return Projector(geometry)(showers)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True, help="file of showers")
    parser.add_argument("--generated", required=True, help="file sampled like=reference")
    parser.add_argument("--shower", type=int, default=0, help="number in the generated file")
    parser.add_argument("--split", default="all", help="split of the reference that was sampled")
    parser.add_argument("--output", default="shower.png")
    arguments = parser.parse_args()
    files = [NativeFile(arguments.reference), NativeFile(arguments.generated)]
    geometry = Geometry.load(files[0].geometry_name)
    number = int(split_numbers(len(files[0]), arguments.split)[arguments.shower])
    pair = [read(files[0], number, geometry), read(files[1], arguments.shower, geometry)]
    one, other = (showers.incident.energy * showers.incident.direction for showers in pair)
    if not torch.allclose(one, other, rtol=1e-3):
        raise SystemExit("the two showers have different incident particles: look at --split")
    names = [short(file.attributes["source"]) for file in files]
    picture = BytesIO()
    draw(pair, names, geometry).savefig(picture, dpi=160)
    Image.open(picture).convert("RGB").quantize(256, kmeans=1).save(arguments.output, optimize=True)
    print(arguments.output)


if __name__ == "__main__":
    main()
