"""From continuous points to as many different cells."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry

FIRST_REACH = 8  # nearest cells that a point asks for


def distinct_cells(
    geometry: Geometry, shower: Tensor, layer: Tensor, xy: Tensor, priority: Tensor
) -> Tensor:
    """A cell for each point, no two points of a shower in the same cell.

    In the order of their priority, the points take the nearest cell of their layer that is free.
    This is computed for all at once: everyone asks for its nearest cell, a cell keeps the first of
    those that ask, the others ask for their next one (Gale and Shapley 1962,
    doi:10.1080/00029890.1962.11989827), so that the result does not depend on the batch. Layers
    where a point was refused all of its nearest few cells are done again with as many as it needs.

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
    cell = torch.full_like(layer, -1)

    def place(rows: Tensor, reach: int) -> None:
        wishes = geometry.nearest(layer[rows], xy[rows], reach)
        cell[rows] = _match(slot[rows], shower[rows] * geometry.num_cells, wishes)

    order = priority.argsort(descending=True, stable=True)
    place(order, FIRST_REACH)
    order = _in_layers_of(order[cell[order] < 0], order, slot)
    most, reach = int(count[order].max()) if len(order) else 0, FIRST_REACH
    while reach < most:
        reach *= 2
        place(order[(count[order] <= reach) & (count[order] > reach // 2)], reach)
    if bool((cell < 0).any()):
        at = int((cell < 0).nonzero()[0])
        raise ValueError(
            f"profile: {int(count[at])} hits in layer {int(layer[at])}, "
            "which has fewer cells; use the geometry that the model was trained on"
        )
    return cell


def _match(slot: Tensor, first_key: Tensor, wishes: Tensor) -> Tensor:
    """Cells [P] of points in order of priority with wishes [P, k]; -1 where none is left.

    Args:
        slot: layer of a shower, one number for both, [P].
        first_key: what makes cells of different showers different when it is added, [P].
        wishes: [P, k].
    """
    cell = wishes[:, 0].clone()
    wishes = torch.cat([wishes, torch.full_like(cell, -1)[:, None]], dim=1)
    rank = torch.zeros_like(slot)
    rows = torch.arange(len(slot), device=slot.device)
    while len(rows):
        asked = wishes[rows, rank[rows]]
        cell[rows] = asked
        # without a wish left a point asks for a key of its own, which it gets
        key, order = torch.where(asked >= 0, first_key[rows] + asked, -1 - rows).sort(stable=True)
        refused = rows[order[1:][key.diff() == 0]]
        rank[refused] += 1
        rows = _in_layers_of(refused, rows, slot)
    return cell


def _in_layers_of(some: Tensor, rows: Tensor, slot: Tensor) -> Tensor:
    """Those of `rows` that share their layer with one of `some`, which are among them."""
    if len(some) == 0:
        return some
    of_row = slot[rows]
    marked = torch.zeros(int(of_row.max()) + 1, dtype=torch.bool, device=slot.device)
    marked[slot[some]] = True
    return rows[marked[of_row]]
