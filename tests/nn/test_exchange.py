"""What every exchange between the points of ragged showers must do."""

from collections.abc import Callable

import pytest
import torch
from nn.exchange_block import COUNTS, Exchange
from torch import Tensor

from pointcalo.nn.attention import PointsToTokens, TokensToPoints
from pointcalo.nn.epic import LayersToPoints, PointsToLayers

WIDTH, TOKENS = 8, 3
BLOCKS: dict[str, tuple[Callable[[], Exchange], int]] = {
    "means": (lambda: Exchange(PointsToLayers(WIDTH), LayersToPoints(WIDTH)), WIDTH),
    "tokens": (lambda: Exchange(PointsToTokens(WIDTH), TokensToPoints(WIDTH)), TOKENS * WIDTH),
}
"""Each with the width of what a layer holds."""


def inputs(name: str) -> tuple[Exchange, Tensor, Tensor]:
    torch.manual_seed(1)
    make, layer_width = BLOCKS[name]
    return make(), torch.randn(10, WIDTH), torch.randn(2, 3, layer_width)


@pytest.mark.parametrize("name", BLOCKS)
def test_order_within_a_layer_does_not_matter(name: str) -> None:
    block, points, layers = inputs(name)
    order = torch.tensor([1, 0, 4, 2, 3, 5, 9, 6, 8, 7])
    out, out_layers = block(points, layers, COUNTS)
    swapped, swapped_layers = block(points[order], layers, COUNTS)
    torch.testing.assert_close(swapped, out[order])
    torch.testing.assert_close(swapped_layers, out_layers)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_batch_equals_its_showers_one_by_one(name: str) -> None:
    block, points, layers = inputs(name)
    out, out_layers = block(points, layers, COUNTS)
    for shower, rows in ((0, slice(0, 5)), (1, slice(5, 10))):
        one = slice(shower, shower + 1)
        alone, alone_layers = block(points[rows], layers[one], COUNTS[one])
        torch.testing.assert_close(alone, out[rows])
        torch.testing.assert_close(alone_layers, out_layers[one])


@pytest.mark.parametrize("name", BLOCKS)
def test_points_of_a_shower_know_of_one_another_through_two_exchanges(name: str) -> None:
    block, points, layers = inputs(name)
    points.requires_grad_(True)
    first, first_layers = block(points, layers, COUNTS)
    second, _ = block(first, first_layers, COUNTS)
    (gradient,) = torch.autograd.grad(second[0].sum(), points)
    assert (gradient[:5].abs().sum(dim=1) > 0).all()  # the other layer of its shower too
    assert (gradient[5:] == 0).all()
