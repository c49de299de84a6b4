"""Borders of cells as polygons."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.units import degree

# every 5 degrees: corners of hexagons and squares
RAY = torch.arange(72) * (360 * degree / 72)
CIRCLE = torch.stack([RAY.cos(), RAY.sin()], dim=1)
HALVINGS = 14


def outlines(geometry: Geometry, cell: Tensor) -> Tensor:
    """Borders of convex cells of any shape, found by looking up which cell a point is in.

    Of a ring that is one cell, which is not convex, only what its point sees is enclosed.

    Args:
        geometry: on the CPU.
        cell: [N] int64.

    Returns:
        x, y in mm, [N, 72, 2].
    """
    centre, layer = geometry.position(cell)[:, None, :2], geometry.layer_of(cell)
    inside = torch.zeros(len(cell), len(RAY))
    outside = (3 * geometry.area(cell).sqrt())[:, None].expand_as(inside)
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        point = (centre + middle[..., None] * CIRCLE).reshape(-1, 2)
        found = geometry.cell_at(layer.repeat_interleave(len(RAY)), point).reshape(middle.shape)
        same = found == cell[:, None]
        inside, outside = torch.where(same, middle, inside), torch.where(same, outside, middle)
    return centre + inside[..., None] * CIRCLE
