"""Which cells touch, by their centres and sides alone, and how cells go on beyond an edge."""

import numpy as np
from scipy.spatial import cKDTree

# In units of the mean side (root of the area) of two cells. The centres of squares that share a
# corner are 1.41 sides apart, of next but one hexagons 1.86.
TOUCHING = 1.5

# In the same unit: nearer, two cells would be one over the other.
OVERLAPPING = 0.75


def touching_pairs(xy: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Pairs [2, E] of touching cells, both ways, sorted.

    Cells are taken by octaves of their side, so that a few large ones do not make the search wide
    for all.

    Args:
        xy: centres [N, 2] in mm.
        area: [N] in mm2.
    """
    side = np.sqrt(area.astype(np.float64))
    if len(side) == 0:
        return np.zeros((2, 0), dtype=np.int64)
    tree, octave = cKDTree(xy), np.floor(np.log2(side))
    found = []
    for level in np.unique(octave):
        large = np.flatnonzero(octave == level)
        reach = TOUCHING * side[large].max()
        near = cKDTree(xy[large]).sparse_distance_matrix(tree, reach, output_type="ndarray")
        one, other = large[near["i"]], near["j"]
        close = near["v"] <= 0.5 * TOUCHING * (side[one] + side[other])
        keep = close & (one != other) & (side[one] >= side[other])
        found.append(np.stack((one[keep], other[keep])))
    pairs = np.concatenate(found, axis=1)
    return np.unique(np.concatenate((pairs, pairs[::-1]), axis=1), axis=1)


def touching_between(
    xy: np.ndarray, side: np.ndarray, other_xy: np.ndarray, other_side: np.ndarray
) -> np.ndarray:
    """Pairs [2, E] of a cell of one set [N] and a touching one of another set [M]."""
    reach = 0.5 * TOUCHING * (side.max(initial=0.0) + other_side.max(initial=0.0))
    near = cKDTree(xy).sparse_distance_matrix(cKDTree(other_xy), reach, output_type="ndarray")
    close = near["v"] <= 0.5 * TOUCHING * (side[near["i"]] + other_side[near["j"]])
    return np.stack((near["i"], near["j"]))[:, close]


def continued_cells(
    xy: np.ndarray, area: np.ndarray, margin_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres and areas of cells and, behind them, of those that continue them by a margin.

    The point opposite to a neighbour is the next place of a lattice; where nothing is there, a cell
    of the same size is put there, until the margin is full.

    Args:
        xy: centres [N, 2] in mm.
        area: [N] in mm2.
        margin_mm: largest distance of a new centre from the nearest of the cells.
    """
    tree = cKDTree(xy)
    all_xy, all_area = xy.astype(np.float64), area
    one, other = touching_pairs(xy, area)
    while len(one):
        place = 2.0 * all_xy[one] - all_xy[other]
        keep = tree.query(place, distance_upper_bound=margin_mm)[0] <= margin_mm
        place, size = place[keep], all_area[one[keep]]
        free = apart(place, size, all_xy, all_area)
        place, size = place[free], size[free]
        first = len(all_xy)
        all_xy = np.concatenate((all_xy, place))
        all_area = np.concatenate((all_area, size))
        side = np.sqrt(all_area.astype(np.float64))
        one, other = touching_between(place, side[first:], all_xy, side)
        one = one + first
        one, other = one[one != other], other[one != other]
    return all_xy.astype(np.float32), all_area


def apart(place: np.ndarray, size: np.ndarray, xy: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Places that lie neither over a cell nor over an earlier one of them.

    Args:
        place: centres [M, 2] in mm.
        size: areas [M] in mm2.
        xy: centres of cells [N, 2].
        area: of the cells [N].

    Returns:
        Their indices, rising.
    """
    side, others = np.sqrt(size.astype(np.float64)), np.sqrt(area.astype(np.float64))
    distance, nearest = cKDTree(xy).query(place)
    free = np.flatnonzero(distance > 0.5 * OVERLAPPING * (side + others[nearest]))
    if len(free) == 0:
        return free
    tree, side = cKDTree(place[free]), side[free]
    close = tree.query_pairs(OVERLAPPING * side.max(), output_type="ndarray")
    away = np.linalg.norm(place[free[close[:, 0]]] - place[free[close[:, 1]]], axis=1)
    close = close[away <= 0.5 * OVERLAPPING * side[close].sum(axis=1)]
    taken = np.ones(len(free), dtype=bool)
    for one, other in close[np.lexsort((close[:, 1], close[:, 0]))]:
        taken[other] &= ~taken[one]
    return free[taken]
