"""Messages along the edges between cells, on torch_geometric's message passing."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch_geometric.nn import MessagePassing

from pointcalo.networks.edges import KINDS, Edges
from pointcalo.nn.epic import SLOPE


class EdgeMessages(MessagePassing):
    """What hits say to what lies beside them, a linear map for each kind of edge, summed.

    Args:
        width: size W of the hits' vectors and of what is heard.
    """

    def __init__(self, width: int) -> None:
        super().__init__(aggr="sum", node_dim=0)
        self.width = width
        self.said = nn.Linear(width, KINDS * width)

    def heard(
        self, hidden: Tensor, edges: Edges, num_targets: int, weight: Tensor | None = None
    ) -> Tensor:
        """Sums ``[T, W]`` over edges from hits with vectors ``[H, W]`` and weights ``[H]``."""
        said = self.said(leaky_relu(hidden, SLOPE))
        said = (said if weight is None else said * weight[:, None]).view(-1, self.width)
        # one row for each hit and kind: five times less is gathered than by hit alone
        beside = torch.stack([edges.source * KINDS + edges.kind, edges.target])
        return self.propagate(beside, x=(said, None), size=(said.shape[0], num_targets))


class CellMessages(EdgeMessages):
    """Adds to each hit what the hits beside it say.

    Args:
        width: size W of the hits' vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.out = nn.Linear(2 * width, width)

    def forward(self, hidden: Tensor, weight: Tensor | None, edges: Edges) -> Tensor:
        """New vectors ``[H, W]`` of hits with vectors ``[H, W]`` and weights ``[H]``."""
        heard = self.heard(hidden, edges, hidden.shape[0], weight)
        return hidden + self.out(leaky_relu(torch.cat([hidden, heard], dim=-1), SLOPE))
