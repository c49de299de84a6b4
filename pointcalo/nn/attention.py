"""Sets of points that talk through a few tokens of their layer, at a cost linear in the points.

Induced set attention (Lee et al. 2019, arXiv:1810.00825): the tokens attend to the points, then the
points to the tokens, never one point to another; as in the generator of Kaech and Melzer-Pellmann
2023 (arXiv:2305.15254), tokens go on from block to block. Here each detector layer has its own, and
hears of the others by their mean. The two halves take the places of those in `pointcalo.nn.epic`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.nn.epic import SLOPE
from pointcalo.nn.mlp import mlp
from pointcalo.showers import index_from_ptr, segment_softmax, segment_sum

HEADS = 4


class PointsToTokens(nn.Module):
    """Updates the tokens of each layer by what they find among its points.

    Args:
        width: size W of the vectors of points and tokens, a multiple of 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.network = mlp([4 * width, width, width])

    def forward(self, points: Tensor, layers: Tensor, ptr: Tensor) -> Tensor:
        """New tokens from points ``[P, W]`` with ``ptr [S L + 1]``.

        Args:
            points: ``[P, W]``.
            layers: M tokens of each layer side by side, ``[S, L, M W]``.
            ptr: which points belong to each layer.

        Returns:
            ``[S, L, M W]``; tokens of a layer without points hear of no point.
        """
        tokens = layers.unflatten(-1, (-1, self.width))
        query = self.query(tokens).flatten(0, 1)[index_from_ptr(ptr)]
        key, value = self.key_value(points)[:, None].chunk(2, dim=-1)
        share = segment_softmax(_scores(query, key), ptr)
        heard = segment_sum(_shared_out(share, value), ptr).view_as(tokens)
        layer = tokens.mean(dim=2, keepdim=True)
        shower = layer.mean(dim=1, keepdim=True)
        known = [heard, tokens, layer.expand_as(tokens), shower.expand_as(tokens)]
        return layers + self.network(torch.cat(known, dim=-1)).flatten(2)


class TokensToPoints(nn.Module):
    """Updates the points by what they find among the tokens of their layer.

    Args:
        width: size W of the vectors of points and tokens, a multiple of 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.point = nn.Linear(width, 2 * width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, points: Tensor, layers: Tensor, slot: Tensor) -> Tensor:
        """New points ``[P, W]`` from tokens ``[S, L, M W]``; ``slot [P]`` is each point's layer."""
        tokens = layers.unflatten(-1, (-1, self.width)).flatten(0, 1)
        key, value = self.key_value(tokens)[slot].chunk(2, dim=-1)
        query, own = self.point(points).chunk(2, dim=-1)
        share = _scores(query[:, None], key).softmax(dim=1)
        hidden = own + _shared_out(share, value).sum(dim=1)
        return points + self.out(leaky_relu(hidden, SLOPE))


def _scores(query: Tensor, key: Tensor) -> Tensor:
    """Scaled scalar products of each head, ``[P, M, 4]``, of ``[P, M or 1, W]`` with the same.

    In full precision: a softmax is the exponential of them.
    """
    product = (query.float() * key.float()).unflatten(-1, (HEADS, -1))
    return product.sum(dim=-1) / product.shape[-1] ** 0.5


def _shared_out(share: Tensor, value: Tensor) -> Tensor:
    """Values ``[P, M or 1, W]``, each head's times its share ``[P, M, 4]``; ``[P, M, W]``."""
    return (share[..., None] * value.unflatten(-1, (HEADS, -1))).flatten(-2)
