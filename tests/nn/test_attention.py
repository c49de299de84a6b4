"""Attention to tokens: what a block does to the points and layers of ragged showers."""

import pytest
import torch
from nn.exchange_block import COUNTS, Exchange
from torch import Tensor, nn

from pointcalo.nn.attention import PointsToTokens, TokensToPoints
from pointcalo.nn.exchange import exchanges, layer_width
from pointcalo.nn.gradient_penalty import gradient_penalty

WIDTH, TOKENS = 8, 3


def inputs() -> tuple[Exchange, Tensor, Tensor]:
    torch.manual_seed(1)
    block = Exchange(PointsToTokens(WIDTH), TokensToPoints(WIDTH))
    return block, torch.randn(10, WIDTH), torch.randn(2, 3, TOKENS * WIDTH)


def test_a_token_hears_the_mean_of_points_it_cannot_tell_apart() -> None:
    """Without queries all points weigh the same, and a layer without points says nothing."""
    block, points, layers = inputs()
    heard = []
    block.pool.network.register_forward_pre_hook(lambda _, known: heard.append(known[0]))
    nn.init.zeros_(block.pool.query.weight)
    nn.init.zeros_(block.pool.query.bias)
    block(points, layers, COUNTS)
    value = block.pool.key_value(points)[:, WIDTH:]
    for token in heard[0][0, 2, :, :WIDTH]:
        torch.testing.assert_close(token, value[2:5].mean(dim=0))
    assert bool((heard[0][0, 1, :, :WIDTH] == 0).all())


def test_attention_by_hand() -> None:
    """Against softmax(q k / sqrt d) v written for each head, token and layer by itself."""
    block, points, layers = inputs()
    heard = []
    block.pool.network.register_forward_pre_hook(lambda _, known: heard.append(known[0]))
    block(points, layers, COUNTS)
    key, value = block.pool.key_value(points[6:10]).chunk(2, dim=1)
    query = block.pool.query(layers[1, 1].view(TOKENS, WIDTH))
    for head in (slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)):
        share = (query[:, head] @ key[:, head].T / 2**0.5).softmax(dim=1)
        torch.testing.assert_close(heard[0][1, 1, :, :WIDTH][:, head], share @ value[:, head])


def test_a_penalty_on_its_slope_has_a_gradient() -> None:
    """The second derivative, by the difference of first ones in double precision."""
    block, points, layers = inputs()
    block, points, layers = block.double(), points.double(), layers.double()
    ptr = torch.tensor([0, 5, 10])

    def penalty() -> Tensor:
        def score(features: Tensor) -> Tensor:
            return block(features, layers, COUNTS)[1].square().sum(dim=(1, 2))

        return gradient_penalty(score, points, ptr).sum()

    weight = block.pool.query.weight
    (gradient,) = torch.autograd.grad(penalty(), weight)
    found = []
    for step in (1e-3, -1e-3):
        with torch.no_grad():
            weight[0, 0] += step
        found.append(penalty().item())
        with torch.no_grad():
            weight[0, 0] -= step
    assert float(gradient[0, 0]) == pytest.approx((found[0] - found[1]) / 2e-3, rel=1e-3)


def test_exchanges() -> None:
    pool, spread = exchanges(8, 3, pools=2, spreads=1)
    assert (len(pool), len(spread), layer_width(8, 3), layer_width(8, 0)) == (2, 1, 24, 8)
    with pytest.raises(ValueError, match="width: got 6; expected a multiple of 4"):
        exchanges(6, 1, pools=1, spreads=1)
    with pytest.raises(ValueError, match="tokens: got -1"):
        exchanges(8, -1, pools=1, spreads=1)
