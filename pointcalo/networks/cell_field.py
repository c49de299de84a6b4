"""The network on every cell."""

import torch
from torch import Tensor, nn

from pointcalo.networks.budget import BRIEF
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.nn.mlp import mlp


class CellField(nn.Module):
    """One small network for every cell: its place and what it sees, on top of what its layer knows.

    Args:
        seen: number of features of what a cell sees.
        width: size W of context and hidden layers.
        size_out: number of outputs O.
    """

    def __init__(self, seen: int, width: int, size_out: int) -> None:
        super().__init__()
        self.brief = nn.Linear(BRIEF, width)
        self.shared = nn.Linear(width, width)
        self.cell = nn.Linear(PLACE + seen, width)
        self.head = mlp([width, width, size_out])

    def layer(self, context: Tensor, brief: Tensor) -> Tensor:
        """What a layer adds to its cells: ``[..., W]``, ``[..., 25]`` to ``[..., W]``."""
        return self.shared(torch.relu(context + self.brief(brief)))

    def layer_of(self, segment: Tensor, context: Tensor, brief: Tensor) -> Tensor:
        """What their segments add to cells ``[C]``: ``[C, W]``, from ``[Q, W]``, ``[Q, 25]``.

        Only these segments are looked at.
        """
        none = torch.zeros(context.shape[0], dtype=torch.bool, device=segment.device)
        is_there = none.index_fill(0, segment, 1)
        rows = is_there.nonzero()[:, 0]
        place = is_there.cumsum(0) - 1
        return self.layer(context[rows], brief[rows])[place[segment]]

    def forward(self, layer: Tensor, place: Tensor, seen: Tensor) -> Tensor:
        """Outputs ``[C, O]`` of cells, given `layer` of each ``[C, W]``."""
        return self.head(torch.relu(layer + self.cell(torch.cat([place, seen], dim=-1))))
