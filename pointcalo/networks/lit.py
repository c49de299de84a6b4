"""Cells that are lit so far, turn after turn, and the edges from them."""

from collections.abc import Callable

import torch
from torch import Tensor

from pointcalo.networks.edges import Cells, Edges, by_turn


class Lit:
    """Hits in the order in which they are lit; none at first.

    Args:
        device: of the tensors.
    """

    def __init__(self, device: torch.device) -> None:
        none = torch.zeros(0, dtype=torch.int64, device=device)
        self._hits = [Cells(*[none] * 6)]
        self._edges = [Edges(*[none] * 3)]
        self._turns = [none]
        self._rows: list[list[Tensor]] = []
        self._number = 0

    def add(self, hits: Cells, edges: Edges, turn: Tensor) -> None:
        """More hits, the edges from these with keys as targets, and the turns of the targets."""
        self._hits.append(hits)
        self._edges.append(Edges(edges.source + self._number, edges.target, edges.kind))
        self._turns.append(turn)
        self._number += hits.cell.shape[0]

    def towards(self, turn: int) -> Edges:
        """The edges to cells of a turn, with keys as targets."""
        if torch.jit.is_tracing():
            edges, turns = Edges.join(self._edges), torch.cat(self._turns)
            return edges.where((turns == turn).nonzero()[:, 0])
        self._rows += [by_turn(turns) for turns in self._turns[len(self._rows) :]]
        parts = zip(self._edges, self._rows, strict=True)
        some = [edges.where(rows[turn]) for edges, rows in parts if turn < len(rows)]
        return Edges.join([self._edges[0], *some])

    def all(self) -> tuple[Cells, Edges]:
        """All hits and all edges, with keys as targets."""
        return Cells.join(self._hits), Edges.join(self._edges)

    def earlier(self, num_cells: int) -> tuple[Cells, Edges]:
        """All hits, and the edges between them that lead from earlier turns to later ones."""
        hits, edges = self.all()
        ahead = edges.where(hits.turn[edges.source] < torch.cat(self._turns))
        return hits, ahead.among(hits.key(num_cells))


Sight = Callable[[Lit, Edges, Tensor], Tensor]
"""What C cells see ``[C, F]``: of the hits lit so far, along edges from these to the cells, at the
places of the cells about the axis in mm ``[C, 2]``."""
