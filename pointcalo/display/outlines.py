"""Borders of cells as polygons, found by looking up which cell a point is in."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.units import degree

# every 5 degrees: corners of hexagons and squares
RAY = torch.arange(72) * (360 * degree / 72)
CIRCLE = torch.stack([RAY.cos(), RAY.sin()], dim=1)
HALVINGS = 15
FAR = 3.0  # beyond every border, in square roots of the area
LONG = 1.5  # longer cells than this have rays that reach into their corners
LONGEST = 12.0


def outlines(geometry: Geometry, cell: Tensor) -> Tensor:
    """Borders of convex cells of any shape, and of rings that are one cell.

    Args:
        geometry: on the CPU.
        cell: [N] int64.

    Returns:
        x, y in mm, [N, D, 2]; a ring is cut open, its inner border runs backwards.
    """
    centre = geometry.mean_position(cell)[:, :2]
    size = geometry.area(cell).sqrt()
    # a ring has its middle outside of itself, its position on itself
    start = (geometry.position(cell)[:, :2] - centre).norm(dim=1) / size
    ways = size[:, None, None] * CIRCLE * _stretch(geometry, cell, centre, size)
    near = start[:, None].expand(-1, len(CIRCLE))
    outer = centre[:, None] + _edge(geometry, cell, centre, ways, near, near + FAR)
    if not bool((start > 0).any()):
        return outer
    inner = centre[:, None] + _edge(geometry, cell, centre, ways, near, 0 * near)
    inner = torch.where((start > 0)[:, None, None], inner, outer[:, :1])
    return torch.cat([outer, outer[:, :1], inner[:, :1], inner.flip(1)], dim=1)


def _stretch(geometry: Geometry, cell: Tensor, centre: Tensor, size: Tensor) -> Tensor:
    """Factors of x and y [N, 1, 2] that give long cells rays into their corners."""
    axes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    near = torch.zeros(len(cell), 4)
    ways = size[:, None, None] * axes
    reach = _edge(geometry, cell, centre, ways, near, near + LONGEST).norm(dim=2)
    half = (reach[:, :2] + reach[:, 2:]) / 2 / size[:, None]
    long = half.amax(dim=1) > LONG * half.amin(dim=1).clamp(min=1e-6)
    return torch.where(long[:, None], half, 1.0)[:, None]


def _edge(
    geometry: Geometry, cell: Tensor, centre: Tensor, ways: Tensor, near: Tensor, far: Tensor
) -> Tensor:
    """Where rays [N, R, 2] (mm) leave their cell between near (inside) and far [N, R], mm."""
    layer = geometry.layer_of(cell).repeat_interleave(ways.shape[1])
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        point = (centre[:, None] + middle[..., None] * ways).reshape(-1, 2)
        same = geometry.cell_at(layer, point).reshape(middle.shape) == cell[:, None]
        near, far = torch.where(same, middle, near), torch.where(same, far, middle)
    return near[..., None] * ways
