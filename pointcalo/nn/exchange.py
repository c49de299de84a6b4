"""How the points of a set hear of one another: by means and sums, or by attention to tokens."""

from torch import nn

from pointcalo.nn.attention import HEADS, PointsToTokens, TokensToPoints
from pointcalo.nn.epic import LayersToPoints, PointsToLayers


def exchanges(
    width: int, tokens: int, *, pools: int, spreads: int
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Modules from points to layers, and modules from layers to points.

    Args:
        width: size W of the points' vectors; a layer has one of `layer_width`.
        tokens: tokens M of each layer that points attend to; 0: the means and sums of EPiC.
        pools: number of the former.
        spreads: number of the latter.

    Raises:
        ValueError: fewer than 0 tokens, or a width that the heads of attention cannot share.
    """
    if tokens < 0:
        raise ValueError(f"tokens: got {tokens}; expected 0 (means and sums) or more")
    if tokens and width % HEADS:
        raise ValueError(f"width: got {width}; expected a multiple of {HEADS} with attention")
    pool, spread = (PointsToTokens, TokensToPoints) if tokens else (PointsToLayers, LayersToPoints)
    return (
        nn.ModuleList(pool(width) for _ in range(pools)),
        nn.ModuleList(spread(width) for _ in range(spreads)),
    )


def layer_width(width: int, tokens: int) -> int:
    """Numbers that a layer has in an exchange: W, or M W with M tokens."""
    return max(1, tokens) * width
