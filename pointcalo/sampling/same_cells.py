"""How much the cells of two geometries differ."""

from itertools import pairwise

import torch
from torch import Tensor

from pointcalo.geometry import Geometry

SAME_AREA = 1e-3  # relative
SOME_CELLS = 1000  # of a layer, whose neighbours are counted


def same_cells(one: Geometry, other: Geometry) -> bool:
    """Whether the layers of two geometries have cells of the same sizes and kind.

    The same are the areas of the smallest and the largest cell of each layer and the median number
    of neighbours: holes, dead cells, shifts and other outlines do not matter.

    Args:
        one: a geometry.
        other: another one with as many layers.
    """
    if one.hash == other.hash:
        return True
    beside = (_neighbours(geometry) for geometry in (one, other))
    return torch.equal(*beside) and area_ratio(one, other) <= 1.0 + SAME_AREA


def area_ratio(one: Geometry, other: Geometry) -> float:
    """Largest ratio, above 1, of the smallest or of the largest areas of cells in a layer."""
    logs = (_areas(one).log() - _areas(other).log()).abs()
    return float(logs.nan_to_num(0.0).max().exp())


def _areas(geometry: Geometry) -> Tensor:
    """Smallest and largest area in each layer in mm2, [L, 2]; NaN without cells."""
    areas = torch.full((geometry.num_layers, 2), torch.nan)
    for layer, (first, last) in enumerate(pairwise(geometry.layer_start.tolist())):
        if last > first:
            area = geometry.area(torch.arange(first, last, device=geometry.device))
            areas[layer] = torch.stack([area.min(), area.max()]).cpu()
    return areas


def _neighbours(geometry: Geometry) -> Tensor:
    """Median number of neighbours of a cell of each layer, [L] int64; 0 without cells."""
    numbers = torch.zeros(geometry.num_layers, dtype=torch.int64)
    for layer, (first, last) in enumerate(pairwise(geometry.layer_start.tolist())):
        if last > first:
            step = max(1, (last - first) // SOME_CELLS)
            table = geometry.neighbour_table(
                torch.arange(first, last, step, device=geometry.device)
            )
            numbers[layer] = (table >= 0).sum(dim=1).median()
    return numbers
