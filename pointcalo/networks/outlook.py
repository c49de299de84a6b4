"""What the later turns of a layer have in store.

A cell is decided, or its energy drawn, by what is beside it and by what its layer has left to give.
How much of that the turns to come will ask for, a cell cannot see: where the cell on the shower's
own axis is among them, or cells behind hits of the adjacent layers, less is left for the others.
"""

import torch
from torch import Tensor

from pointcalo.networks.budget import NEARBY, Budget
from pointcalo.networks.edges import BEHIND, IN_FRONT, SECOND, Cells, Edges

PLACES = NEARBY  # weights by place
WEIGHTS = PLACES + 2  # and by the hits on and around the counterparts in the adjacent layers
ON = (BEHIND, IN_FRONT)  # kinds of edges onto the counterpart


class Outlook:
    """Weights of cells or hits, summed over the turns of each layer that are still to come.

    Args:
        budget: of Q layers.
        adjacent: whether edges from adjacent layers count.
    """

    def __init__(self, budget: Budget, *, adjacent: bool) -> None:
        self.budget, self.adjacent = budget, adjacent
        rows = budget.counts.shape[0] * budget.num_colours
        self._sums = torch.zeros(rows, WEIGHTS, device=budget.counts.device)

    def add_places(self, cells: Cells, uv: Tensor, area: Tensor, radius: Tensor) -> None:
        """Cells or hits with their places about the axis in mm ``[C, 2]`` and areas in mm2."""
        distance = torch.linalg.vector_norm(uv - self.budget.centre[cells.segment], dim=-1)
        square = distance**2 / area
        weight = [torch.exp(-distance / radius), torch.exp(-square), torch.exp(-4.0 * square)]
        self._add(self._row(cells), torch.stack(weight, dim=-1), 0)

    def add_edges(self, edges: Edges, cells: Cells, weight: Tensor | None = None) -> None:
        """Edges between layers from hits to cells ``[E]``, with weights ``[E]``; None: 1 each."""
        between = ((edges.kind > 0) & (edges.kind < SECOND)).nonzero()[:, 0]
        if not self.adjacent:
            return
        on = (edges.kind[between, None] == torch.tensor(ON, device=between.device)).any(dim=1)
        both = torch.stack([on, ~on], dim=-1).float()
        if weight is not None:
            both = both * weight[between, None]
        self._add(self._row(cells)[between], both, PLACES)

    def features(self) -> Tensor:
        """The outlook at the K turns, ``[Q, K, 10]``.

        Of each weight the share in later turns, how much the hits of adjacent layers sum to, and
        the weights by place of later turns.
        """
        sums = self._sums.reshape(-1, self.budget.num_colours, WEIGHTS)
        coming = sums.flip(1).cumsum(1).flip(1)
        later = ((coming - sums) / coming.clamp_min(1e-6)).clamp(0.0, 1.0)
        places = (coming - sums)[..., :PLACES].clamp_min(0.0)
        return torch.cat([later, torch.log1p(coming[..., PLACES:]), places], dim=-1)

    def _row(self, cells: Cells) -> Tensor:
        return cells.segment * self.budget.num_colours + cells.step

    def _add(self, row: Tensor, weight: Tensor, column: int) -> None:
        columns = slice(column, column + weight.shape[1])
        self._sums[:, columns] = self._sums[:, columns].index_add(0, row, weight)
