import torch
from torch import Tensor, nn

from pointcalo.nn.epic import LayersToPoints, PointsToLayers
from pointcalo.showers import ptr_from_counts

COUNTS = torch.tensor([[2, 0, 3], [1, 4, 0]])  # of two showers in three layers


class Exchange(nn.Module):
    """Points to layers to points, once."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.spread = PointsToLayers(8), LayersToPoints(8)

    def forward(self, points: Tensor, layers: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        layers = self.pool(points, layers, ptr_from_counts(counts.flatten()))
        return self.spread(points, layers, torch.repeat_interleave(counts.flatten())), layers


def inputs() -> tuple[Exchange, Tensor, Tensor]:
    torch.manual_seed(1)
    return Exchange(), torch.randn(10, 8), torch.randn(2, 3, 8)


def test_order_within_a_layer_does_not_matter() -> None:
    block, points, layers = inputs()
    order = torch.tensor([1, 0, 4, 2, 3, 5, 9, 6, 8, 7])
    out, out_layers = block(points, layers, COUNTS)
    swapped, swapped_layers = block(points[order], layers, COUNTS)
    torch.testing.assert_close(swapped, out[order])
    torch.testing.assert_close(swapped_layers, out_layers)


def test_a_batch_equals_its_showers_one_by_one() -> None:
    block, points, layers = inputs()
    out, out_layers = block(points, layers, COUNTS)
    for shower, rows in ((0, slice(0, 5)), (1, slice(5, 10))):
        one = slice(shower, shower + 1)
        alone, alone_layers = block(points[rows], layers[one], COUNTS[one])
        torch.testing.assert_close(alone, out[rows])
        torch.testing.assert_close(alone_layers, out_layers[one])


def test_points_of_a_shower_know_of_one_another_through_two_exchanges() -> None:
    block, points, layers = inputs()
    points.requires_grad_(True)
    first, first_layers = block(points, layers, COUNTS)
    second, _ = block(first, first_layers, COUNTS)
    (gradient,) = torch.autograd.grad(second[0].sum(), points)
    assert (gradient[:5].abs().sum(dim=1) > 0).all()  # the other layer of its shower too
    assert (gradient[5:] == 0).all()
