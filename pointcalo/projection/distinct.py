"""From continuous points to as many different cells."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry

FIRST_REACH = 8  # nearest cells that a point asks for
FEWEST_EXPORTED = 32  # nearest cells in an exported program: beyond an edge few sites are cells
MOST_EXPORTED = 4096  # hits of a layer in an exported program, which stops where there are more


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
    count = _count(slot)
    cell = torch.full_like(layer, -1)
    order = priority.argsort(descending=True, stable=True)

    def placed(rows: Tensor, reach: int) -> Tensor:
        wishes = geometry.nearest(layer[rows], xy[rows], reach)
        found = _match(slot[rows], shower[rows] * geometry.num_cells, wishes)
        return cell.index_copy(0, rows, found)

    if torch.jit.is_tracing():  # a program does not know which layers there will be
        low, sizes = 0, geometry.layer_start.diff().clamp_max(MOST_EXPORTED)
        for reach in _exported_reaches(geometry):
            cell = placed(order[(count[order] <= reach) & (count[order] > low)], reach)
            low = reach
        return torch.where(count > sizes[layer], geometry.num_cells, cell)  # no such cell: it stops
    cell = placed(order, FIRST_REACH)
    order = _in_layers_of(order[cell[order] < 0], order, slot)
    most, reach = int(count[order].max()) if len(order) else 0, FIRST_REACH
    while reach < most:
        reach *= 2
        cell = placed(order[(count[order] <= reach) & (count[order] > reach // 2)], reach)
    if bool((cell < 0).any()):
        at = int((cell < 0).nonzero()[0])
        raise ValueError(
            f"profile: {int(count[at])} hits in layer {int(layer[at])}, "
            "which has fewer cells; use the geometry that the model was trained on"
        )
    return cell


def _count(slot: Tensor) -> Tensor:
    """How many points are in the layer of each point, ``[P]``."""
    if not torch.jit.is_tracing():
        return torch.bincount(slot)[slot]
    rising = slot.sort().values
    return torch.searchsorted(rising, slot, right=True) - torch.searchsorted(rising, slot)


def _exported_reaches(geometry: Geometry) -> list[int]:
    """Powers of two, up to the cells of the largest layer or what a program may ask for."""
    most = min(int(geometry.layer_start.diff().max()), MOST_EXPORTED)
    least = FEWEST_EXPORTED.bit_length() - 1
    return [2**n for n in range(least, max(least, (most - 1).bit_length()) + 1)]


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
