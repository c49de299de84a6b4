"""Lit cells about each hit, in its own and in the adjacent detector layers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from pointcalo.geometry import Geometry


class LitCells:
    """Hit on any (shower, cell), by binary search in the sorted keys of the lit cells."""

    def __init__(self, shower: Tensor, cell: Tensor, num_cells: int) -> None:
        self.num_cells = num_cells
        self.key, self.order = torch.sort(shower * num_cells + cell)

    def hit_at(self, shower: Tensor, cell: Tensor) -> Tensor:
        """Number of the hit on each cell, -1 where it is not lit or is no cell (-1); any shape."""
        if not len(self.key):
            return torch.full_like(cell, -1)
        key = shower * self.num_cells + cell
        slot = torch.searchsorted(self.key, key).clamp(max=len(self.key) - 1)
        lit = (self.key[slot] == key) & (cell >= 0)
        return torch.where(lit, self.order[slot], -1)


@dataclass(frozen=True)
class Surroundings:
    """What lies around each hit.

    Attributes:
        same: Hits on the neighbouring cells of the same detector layer, [P, D], -1 where unlit.
        following: The hit at the same position about the axis in the next layer, [P], or -1.
        preceding: The same in the layer before, [P].
        second: The same two layers on, [P].
        around: Number of lit cells about that position in the next and previous layer, [P].
    """

    same: Tensor
    following: Tensor
    preceding: Tensor
    second: Tensor
    around: Tensor

    @cached_property
    def number(self) -> Tensor:
        """Number of lit neighbours in the same layer, [P]."""
        return (self.same >= 0).sum(1)

    @property
    def alone(self) -> Tensor:
        """Whether no neighbour in the same layer is lit, [P]."""
        return self.number == 0

    @property
    def lonely(self) -> Tensor:
        """Whether, besides, nothing is lit at and about its position one layer off, [P]."""
        return self.alone & (self.following < 0) & (self.preceding < 0) & (self.around == 0)

    @cached_property
    def flat_cluster(self) -> Tensor:
        """Number of each hit's cluster of neighbours in its layer, [P]."""
        return _connected(self.same)

    @cached_property
    def deep_cluster(self) -> Tensor:
        """Number of its cluster of neighbours and of hits that follow one another, [P]."""
        return _connected(torch.cat([self.same, self.following[:, None]], dim=1))


def surroundings_of(
    geometry: Geometry, shower: Tensor, layer: Tensor, cell: Tensor, offset: Tensor, axis: Tensor
) -> Surroundings:
    """Look up the lit cells about each hit in its own and in the adjacent detector layers.

    Args:
        geometry: The cells.
        shower: Of each hit, [P].
        layer: Of each hit, [P].
        cell: Of each hit, [P].
        offset: Transverse position of each hit less that of the axis in its layer, mm, [P, 2].
        axis: Where the axis of each shower crosses each layer, mm, [S, L, 2].
    """
    lit = LitCells(shower, cell, geometry.num_cells)

    def beside(cell: Tensor) -> Tensor:
        table = geometry.neighbour_table(cell.clamp(min=0))
        table = torch.where(cell[:, None] >= 0, table, -1)
        return lit.hit_at(shower[:, None], table)

    def along(step: int) -> Tensor:
        other = layer + step
        exists = (other >= 0) & (other < geometry.num_layers)
        other = other.clamp(0, geometry.num_layers - 1)
        return torch.where(exists, geometry.cell_at(other, axis[shower, other] + offset), -1)

    following, preceding = along(1), along(-1)
    around = (beside(following) >= 0).sum(1) + (beside(preceding) >= 0).sum(1)
    return Surroundings(
        same=beside(cell),
        following=lit.hit_at(shower, following),
        preceding=lit.hit_at(shower, preceding),
        second=lit.hit_at(shower, along(2)),
        around=around,
    )


def _connected(partner: Tensor) -> Tensor:
    """Label of each hit's connected component; `partner` [P, D] holds hits, or -1."""
    source, slot = torch.nonzero(partner >= 0, as_tuple=True)
    target = partner[source, slot]
    ones = np.ones(len(source), dtype=bool)
    edges = coo_array((ones, (source.numpy(), target.numpy())), shape=(len(partner),) * 2)
    return torch.from_numpy(connected_components(edges, directed=False)[1]).long()
