"""A shower in space: layers as discs about the axis, and the cells that were hit."""

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.typing import ColorType
from torch import Tensor

from pointcalo.display.outlines import CIRCLE, outlines
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerFrame, Showers, axis_xy
from pointcalo.units import degree

EYE_TURN, EYE_RISE = torch.tensor([38.0, 12.0]) * degree  # off the side of the detector; above it
ARROW = 0.7  # length of the arrow in front of the layers, in radii of a disc
BLUE, SHEET = "#0072b2", "#7d8fa5"


def palette() -> Colormap:
    """Colours of energies on white, light to dark: told apart with any colour vision."""
    return ListedColormap(mpl.colormaps["magma_r"](torch.linspace(0.12, 1.0, 256).numpy()))


def seen(xy: Tensor, z: Tensor, incident: Incident) -> Tensor:
    """Where points [N, D, 2] at depths z [N] appear to the eye, mm; a tilted particle climbs."""
    first = torch.zeros(xy[..., 0].numel(), dtype=torch.int64)
    uv = ShowerFrame(incident, torch.zeros(1)).to_frame(xy.reshape(-1, 2), first, first)
    u, v = uv.reshape(xy.shape).unbind(-1)
    across = z[:, None] * EYE_TURN.cos() - v * EYE_TURN.sin()
    away = z[:, None] * EYE_TURN.sin() + v * EYE_TURN.cos()
    return torch.stack([across, u * EYE_RISE.cos() + away * EYE_RISE.sin()], dim=-1)


def add_polygons(axes: Axes, polygons: Tensor, face: ColorType, edge: ColorType) -> None:
    """Draw polygons [N, D, 2] (mm)."""
    axes.add_collection(PolyCollection(polygons, facecolor=face, edgecolor=edge, linewidths=0.6))


def draw_space(
    axes: Axes,
    showers: Showers,
    geometry: Geometry,
    look: ScalarMappable,
    *,
    radius: float,
    layers: Tensor,
) -> None:
    """Draw the layers about the axis and the cells that were hit, the fainter the less energy.

    Args:
        axes: to draw on.
        showers: one shower on cells.
        geometry: on the CPU.
        look: colours of energies (MeV).
        radius: of the discs in mm; cells farther from the axis are left out.
        layers: the layers to draw, [K] int64.
    """
    incident = showers.incident
    side = float(incident.direction[0, 2].sign())  # towards -z the far layers are the low ones
    z = (side * geometry.layer_z[layers]).sort(descending=True).values
    discs = seen(axis_xy(incident, side * z)[0][:, None] + radius * CIRCLE, z, incident)
    add_polygons(axes, discs, (SHEET, 0.035), (SHEET, 0.25))
    away = showers.xy - axis_xy(incident, geometry.layer_z)[0, showers.layer]
    near = (away.norm(dim=1) < radius).nonzero()[:, 0]
    depth, order = (side * geometry.layer_z[showers.layer[near]]).sort(descending=True)
    value = look.norm(showers.energy[near[order]].numpy())
    cells = seen(outlines(geometry, showers.cell[near[order]]), depth, incident)
    add_polygons(axes, cells, look.cmap(value, alpha=(0.25 + value).clip(max=1.0)), "none")
    ends = z.min() - torch.tensor([ARROW * radius, 0.0])
    start, stop = seen(axis_xy(incident, side * ends)[0][:, None], ends, incident)[:, 0].tolist()
    axes.annotate("", stop, start, arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 2.0})
    axes.update_datalim([start])
