"""A geometry made of another one, and which cell of that each of its cells is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pointcalo.geometry.geometry import Geometry


@dataclass(frozen=True)
class Region:
    """A piece of a geometry, or one that goes beyond it.

    Args:
        geometry: the piece, in the same local frame.
        parent_cell: [N] int64, the cell of the whole geometry for each cell of the piece, -1 where
            it has none.
        parent_layer: [L] int64, the same for layers.
    """

    geometry: Geometry
    parent_cell: Tensor
    parent_layer: Tensor


def build_region(
    geometry: Geometry, position: list[float], direction: list[float], radius_mm: float
) -> Region:
    """See `Geometry.region`."""
    if direction[2] == 0.0 or radius_mm <= 0.0:
        raise ValueError(
            f"a region has direction {direction} and radius {radius_mm} mm;"
            " expected a direction with z and a radius above 0"
        )
    layers, ahead = [], []
    for number, layer in enumerate(geometry.layers):
        path = (layer.z - position[2]) / direction[2]
        if path < 0.0:
            continue
        disc = (position[0] + path * direction[0], position[1] + path * direction[1], radius_mm)
        layers.append(replace(layer, segmentation=layer.segmentation.within(disc)))
        ahead.append(number)
    piece = replace(geometry, layers=layers)
    cell = torch.arange(piece.num_cells, device=geometry.device)
    parent_layer = torch.tensor(ahead, device=geometry.device)
    xy = piece.position(cell)[:, :2]
    parent_cell = geometry.cell_at(parent_layer[piece.layer_of(cell)], xy)
    return Region(piece, parent_cell, parent_layer)
