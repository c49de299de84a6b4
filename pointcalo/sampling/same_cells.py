"""Whether a generator of the cells of one geometry can light those of another."""

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
    return torch.allclose(_kinds(one), _kinds(other), rtol=SAME_AREA, atol=0.0, equal_nan=True)


def _kinds(geometry: Geometry) -> Tensor:
    """Smallest and largest area in mm2, and median number of neighbours, [L, 3]; NaN without."""
    kinds = torch.full((geometry.num_layers, 3), torch.nan)
    for layer, (first, last) in enumerate(pairwise(geometry.layer_start.tolist())):
        if first == last:
            continue
        cell = torch.arange(first, last, device=geometry.device)
        area = geometry.area(cell)
        table = geometry.neighbour_table(cell[:: max(1, len(cell) // SOME_CELLS)])
        beside = (table >= 0).sum(dim=1).median()
        kinds[layer] = torch.stack([area.min(), area.max(), beside.to(area)]).cpu()
    return kinds
