"""Message-passing classifier of showers, on lit cells and their neighbours."""

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from pointcalo.nn.mlp import mlp
from pointcalo.validation.metrics.cell_graphs import CellGraphs

LINKED = 3.0
"""Unit of sums over lit neighbours."""


class LinkSum(torch.autograd.Function):
    """Product of a sparse matrix [Q, P] with values [P, W]: sums over what is linked.

    SciPy's product is four times as fast as gathering and summing in torch, and the same to the
    bit whatever the number of threads.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, links: csr_array) -> Tensor:
        """Sums [Q, W]."""
        ctx.links = links
        return torch.from_numpy(links @ values.detach().numpy())

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient of the values."""
        return torch.from_numpy(ctx.links.T @ gradient[0].numpy()), None


class CellNetwork(nn.Module):
    """Log odds of showers from their lit cells.

    Hits hear in rounds what their neighbours know, those in the same layer and those at the same
    place in the layers before and behind (Gilmer et al. 2017, arXiv:1704.01212); the shower's
    score is made of their sum, mean and energy-weighted mean.

    Args:
        num_features: Of a hit.
        num_condition: Of a shower.
        num_layers: Of the detector.
        typical_hits: Unit of sums over a shower.
        width: Of the hits' vectors.
        rounds: Of messages.
        dropout: Share of what the head sees that is left out in training.
    """

    def __init__(
        self,
        num_features: int,
        num_condition: int,
        num_layers: int,
        typical_hits: float,
        *,
        width: int = 32,
        rounds: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.typical_hits = max(typical_hits, 1.0)
        self.hit = mlp([num_features, width, width])
        self.layer = nn.Embedding(num_layers, width)
        nn.init.normal_(self.layer.weight, std=0.1)
        self.say = nn.ModuleList([nn.Linear(width, 3 * width) for _ in range(rounds)])
        self.hear = nn.ModuleList([mlp([4 * width, width, width]) for _ in range(rounds)])
        self.dropout = nn.Dropout(dropout)
        self.head = mlp([num_condition + 3 * width, 2 * width, 1])
        self.direct = nn.Linear(3 * width, 1)

    def forward(self, graphs: CellGraphs) -> Tensor:
        """Log odds of the showers, [S]."""
        hits = torch.relu(self.hit(graphs.features) + self.layer(graphs.layer))
        for say, hear in zip(self.say, self.hear, strict=True):
            said = torch.relu(say(hits)).chunk(3, dim=1)
            heard = [LinkSum.apply(*pair) for pair in zip(said, graphs.links, strict=True)]
            hits = hits + hear(torch.cat([hits, heard[0] / LINKED, *heard[1:]], dim=1))
        pooled = self._pooled(torch.relu(hits), graphs)
        known = self.dropout(torch.cat([graphs.condition, pooled], dim=1))
        return (self.head(known) + self.direct(pooled))[:, 0]

    def _pooled(self, hits: Tensor, graphs: CellGraphs) -> Tensor:
        """Sum, mean and energy-weighted mean over the hits of each shower, [S, 3 W]."""
        ptr, number = graphs.ptr.numpy(), graphs.ptr.diff().clamp(min=1)
        column, shape = np.arange(len(hits)), (len(graphs), len(hits))
        ones = np.ones(len(hits), dtype=np.float32)
        total = LinkSum.apply(hits, csr_array((ones, column, ptr), shape=shape))
        share = csr_array((graphs.share.numpy(), column, ptr), shape=shape)
        mean = total / number[:, None]
        return torch.cat([total / self.typical_hits, mean, LinkSum.apply(hits, share)], dim=1)
