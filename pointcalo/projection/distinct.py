"""From continuous points to as many different cells."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry


def distinct_cells(
    geometry: Geometry, shower: Tensor, layer: Tensor, xy: Tensor, priority: Tensor
) -> Tensor:
    """A cell for each point, no two points of a shower in the same cell.

    In the order of their priority, the points take the nearest cell of their layer that is free.
    This is computed for all at once: everyone asks for its nearest cell, a cell keeps the first of
    those that ask, the others ask for their next one (Gale and Shapley 1962,
    doi:10.1080/00029890.1962.11989827), so that the result does not depend on the batch.

    Args:
        geometry: the cells.
        shower: of each point, [P] int64.
        layer: of each point, [P] int64.
        xy: mm, [P, 2].
        priority: [P]; of equal ones the first point goes first.

    Returns:
        cell [P] int64.

    Raises:
        ValueError: a layer has fewer cells than a shower has points in it.
    """
    slot = shower * geometry.num_layers + layer
    count = torch.bincount(slot)[slot]
    order = priority.argsort(descending=True, stable=True)
    cell = torch.full_like(layer, -1)
    most, reach = int(count.max()) if len(count) else 0, 1
    while reach // 2 < most:
        rows = order[(count[order] <= reach) & (count[order] > reach // 2)]
        wishes = geometry.nearest(layer[rows], xy[rows], reach)
        cell[rows] = _match(shower[rows], wishes, geometry.num_cells)
        reach *= 2
    if bool((cell < 0).any()):
        at = int((cell < 0).nonzero()[0])
        raise ValueError(
            f"profile: {int(count[at])} hits in layer {int(layer[at])}, "
            "which has fewer cells; use the geometry that the model was trained on"
        )
    return cell


def _match(shower: Tensor, wishes: Tensor, num_cells: int) -> Tensor:
    """Cells [P] of points in order of priority with wishes [P, k]; -1 where none is left."""
    num_points = len(shower)
    last = torch.full_like(shower, -1)[:, None]
    wishes = torch.cat([wishes, last], dim=1)
    rank = torch.zeros_like(shower)
    rows = torch.arange(num_points, device=shower.device)
    while True:
        cell = wishes[rows, rank]
        # without a wish left a point asks for a key of its own, which it gets
        key = torch.where(cell >= 0, shower * num_cells + cell, -1 - rows)
        key, order = key.sort(stable=True)
        refused = order[1:][key.diff() == 0]
        if len(refused) == 0:
            return cell
        rank[refused] += 1
