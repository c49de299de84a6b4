"""From cells to continuous points: each anywhere inside its own cell, whatever the cell's shape."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry

TRIES = 16
MARGIN = 0.7  # half a box over the distance to a neighbour: covers squares and hexagons


def dequantise(cell: Tensor, geometry: Geometry) -> Tensor:
    """Points with a uniform density inside cells.

    Points are drawn in a box about the cell's centre, as wide as its neighbours are far, until they
    fall into the cell; the few that have not after 16 tries stay at the centre. Random numbers come
    from torch's global generator.

    Args:
        cell: [P] int64.
        geometry: of the cells.

    Returns:
        x, y in mm, [P, 2].
    """
    centre = geometry.position(cell)[:, :2]
    layer = geometry.layer_of(cell)
    half = half_box(cell, geometry)
    xy = centre.clone()
    left = torch.arange(len(cell), device=cell.device)
    for _ in range(TRIES):
        if len(left) == 0:
            break
        tried = centre[left] + half[left] * (2.0 * torch.rand_like(centre[left]) - 1.0)
        inside = geometry.cell_at(layer[left], tried) == cell[left]
        xy[left[inside]] = tried[inside]
        left = left[~inside]
    return xy


def half_box(cell: Tensor, geometry: Geometry) -> Tensor:
    """Half a box about the centre of each cell, as wide as its neighbours are far, mm, [P, 2]."""
    centre = geometry.position(cell)[:, :2]
    table = geometry.neighbour_table(cell)
    position = geometry.position(table.clamp_min(0).flatten())[:, :2].reshape(*table.shape, 2)
    away = (position - centre[:, None]).abs() * (table >= 0)[:, :, None]
    return MARGIN * torch.maximum(away.amax(dim=1), geometry.area(cell).sqrt()[:, None])
