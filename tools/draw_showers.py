"""Draw a reference shower and a generated one of the same incident particle side by side.

    python tools/draw_showers.py --reference hgcal_photon.h5 --generated generated.h5 \
        --split test --shower 5 --output shower.png

Above: the hits on their cells. Below: all hits moved along the axis of the incident particle onto
the layer where the reference has the most energy.
"""

import argparse
import re
from io import BytesIO

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.typing import ColorType
from PIL import Image
from torch import Tensor

from pointcalo.formats import NativeFile, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, ShowerFrame, Showers, axis_xy
from pointcalo.simulation import PDG_NUMBERS
from pointcalo.units import GeV, degree

RADIUS_MM, ARROW_MM, BAR_MM = 85.0, 60.0, 50.0
EYE_TURN, EYE_RISE = torch.tensor([38.0, 12.0]) * degree  # off the side of the detector; above it
RAY = torch.arange(72) * (360 * degree / 72)  # every 5 degrees: corners of hexagons and squares
CIRCLE = torch.stack([RAY.cos(), RAY.sin()], dim=1)
BLUE, SHEET, GRID, TEXT = "#0072b2", "#7d8fa5", "#d9dde3", "#55606e"


def outlines(geometry: Geometry, cell: Tensor) -> Tensor:
    """Borders of convex cells [N] of any shape, found by looking up: x, y in mm [N, 72, 2]."""
    centre, layer = geometry.position(cell)[:, None, :2], geometry.layer_of(cell)
    inside = torch.zeros(len(cell), len(RAY))
    outside = (3 * geometry.area(cell).sqrt())[:, None].expand_as(inside)
    for _ in range(14):
        middle = (inside + outside) / 2
        point = (centre + middle[..., None] * CIRCLE).reshape(-1, 2)
        found = geometry.cell_at(layer.repeat_interleave(len(RAY)), point).reshape(middle.shape)
        same = found == cell[:, None]
        inside, outside = torch.where(same, middle, inside), torch.where(same, outside, middle)
    return centre + inside[..., None] * CIRCLE


def along_axis(showers: Showers, geometry: Geometry, layer: int, cell: Tensor) -> Tensor:
    """Energy in cells [N] of a layer, MeV, the hits of all layers moved there along the axis."""
    axis = axis_xy(showers.incident, geometry.layer_z)[0]
    moved = showers.xy - axis[showers.layer] + axis[layer]
    landed = geometry.cell_at(torch.full_like(showers.layer, layer), moved)
    return (cell[:, None] == landed).float() @ showers.energy


def seen(xy: Tensor, z: Tensor, incident: Incident) -> Tensor:
    """Where points [N, D, 2] at depths z [N] appear to the eye, mm; a tilted particle climbs."""
    first = torch.zeros(xy[..., 0].numel(), dtype=torch.int64)
    uv = ShowerFrame(incident, torch.zeros(1)).to_frame(xy.reshape(-1, 2), first, first)
    u, v = uv.reshape(xy.shape).unbind(-1)
    across = z[:, None] * EYE_TURN.cos() - v * EYE_TURN.sin()
    away = z[:, None] * EYE_TURN.sin() + v * EYE_TURN.cos()
    return torch.stack([across, u * EYE_RISE.cos() + away * EYE_RISE.sin()], dim=-1)


def add(axes: Axes, polygons: Tensor, face: ColorType, edge: ColorType) -> None:
    axes.add_collection(PolyCollection(polygons, facecolor=face, edgecolor=edge, linewidths=0.6))


def draw_space(axes: Axes, showers: Showers, geometry: Geometry, look: ScalarMappable) -> None:
    """Layers as discs about the axis and the cells that were hit, the fainter the less energy."""
    incident, z = showers.incident, geometry.layer_z.flip(0)  # far layers first
    discs = seen(axis_xy(incident, z)[0][:, None] + RADIUS_MM * CIRCLE, z, incident)
    add(axes, discs, (SHEET, 0.035), (SHEET, 0.25))
    away = showers.xy - axis_xy(incident, geometry.layer_z)[0, showers.layer]
    near = (away.norm(dim=1) < RADIUS_MM).nonzero()[:, 0]
    depth, order = geometry.layer_z[showers.layer[near]].sort(descending=True)
    value = look.norm(showers.energy[near[order]].numpy())
    cells = seen(outlines(geometry, showers.cell[near[order]]), depth, incident)
    colour = look.cmap(value, alpha=(0.25 + value).clip(max=1.0))
    add(axes, cells, colour, "none")
    ends = z.min() - torch.tensor([ARROW_MM, 0.0])
    start, stop = seen(axis_xy(incident, ends)[0][:, None], ends, incident)[:, 0].tolist()
    axes.annotate("", stop, start, arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 2.0})
    axes.update_datalim([start])


def draw_front(
    axes: Axes, energy: Tensor, geometry: Geometry, cell: Tensor, axis: Tensor, look: ScalarMappable
) -> None:
    """Cells [N] of one layer about the axis [2], with their energies [N]; a bar shows the scale."""
    border, hit = outlines(geometry, cell) - axis, energy > 0
    add(axes, border, "white", GRID)
    add(axes, border[hit], look.to_rgba(energy[hit].numpy()), "white")
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
    colours = mpl.colormaps["magma_r"](torch.linspace(0.12, 1.0, 256).numpy())
    look = ScalarMappable(norm, ListedColormap(colours))
    figure = Figure(figsize=(9.0, 6.6), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.05)
    axes = figure.subplots(2, 2)
    for column, showers, name, energy in zip(axes.T, pair, names, sums, strict=True):
        draw_space(column[0], showers, geometry, look)
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


def describe(incident: Incident) -> str:
    number = int(incident.pdg[0])
    particle = {pdg: name for name, pdg in PDG_NUMBERS.items()}.get(number, f"PDG {number}")
    angle = float(incident.direction[0, 2].clamp(max=1.0).acos()) / degree
    return f"{float(incident.energy[0]) / GeV:.3g} GeV {particle} at {angle:.0f}°"


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
