"""From continuous points to as many different cells."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry

FIRST_REACH = 8  # nearest cells that a point asks for
EXPORTED_REACH = 32  # in an exported program: beyond an edge few sites are cells
MOST_PLACED = 4096  # hits of a layer in an exported program, which stops where there are more


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
        cell [P] int64. In an exported program -1 for points that lie so far beyond an edge of the
        detector that no cell is near.

    Raises:
        ValueError: a layer has fewer cells than a shower has points in it.
    """
    slot = shower * geometry.num_layers + layer
    count = torch.bincount(slot)[slot]
    cell = torch.full_like(layer, -1)
    order = priority.argsort(descending=True, stable=True)

    def placed(rows: Tensor, reach: int) -> Tensor:
        wishes = geometry.nearest(layer[rows], xy[rows], reach)
        found = _match(slot[rows], shower[rows] * geometry.num_cells, wishes)
        return cell.index_copy(0, rows, found)

    if torch.jit.is_tracing():  # a program does not know which layers there will be
        sizes = geometry.layer_start.diff().clamp_max(MOST_PLACED)
        rows, reach, most = order, EXPORTED_REACH, int(sizes.max())
    else:
        cell = placed(order, FIRST_REACH)
        rows, reach = _in_layers_of(order[cell[order] < 0], order, slot), 2 * FIRST_REACH
        most = int(count[rows].max()) if len(rows) else 0
    low = 0
    while low < most:
        cell = placed(rows[(count[rows] > low) & (count[rows] <= reach)], reach)
        low, reach = reach, 2 * reach
    if torch.jit.is_tracing():
        return torch.where(count > sizes[layer], geometry.num_cells, cell)  # no such cell: it stops
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
    wishes = torch.cat([wishes, torch.full_like(wishes[:, :1], -1)], dim=1)
    if torch.jit.is_tracing():
        rank = _ranks(first_key, wishes)
    else:
        rank = torch.zeros_like(slot)
        rows = torch.arange(len(slot), device=slot.device)
        while len(rows):
            refused = rows[_refused(wishes[rows, rank[rows]], first_key[rows])]
            rank[refused] += 1
            rows = _in_layers_of(refused, rows, slot)
    return wishes.gather(1, rank[:, None])[:, 0]


def _refused(asked: Tensor, first_key: Tensor) -> Tensor:
    """Rows of those that ask for a cell [P] that a point before them asks for, too."""
    # without a wish left a point asks for a key of its own, which it gets
    own = -torch.ones_like(asked).cumsum(0)
    key, order = torch.where(asked >= 0, first_key + asked, own).sort(stable=True)
    return order[1:][key[1:] == key[:-1]]


@torch.jit.script_if_tracing
def _ranks(first_key: Tensor, wishes: Tensor) -> Tensor:
    """The wish that each point gets, [P], as a loop of a program: all ask again in each turn."""
    rank = torch.zeros_like(first_key)
    left = wishes.size(0)
    while left > 0:
        refused = _refused(wishes.gather(1, rank[:, None])[:, 0], first_key)
        rank = rank.index_add(0, refused, torch.ones_like(refused))
        left = refused.size(0)
    return rank


def _in_layers_of(some: Tensor, rows: Tensor, slot: Tensor) -> Tensor:
    """Those of `rows` that share their layer with one of `some`, which are among them."""
    if len(some) == 0:
        return some
    of_row = slot[rows]
    marked = torch.zeros(int(of_row.max()) + 1, dtype=torch.bool, device=slot.device)
    marked[slot[some]] = True
    return rows[marked[of_row]]
