import torch
from torch import Tensor

from pointcalo.nn.gradient_penalty import gradient_penalty
from pointcalo.showers import segment_sum

PTR = torch.tensor([0, 3, 3, 4, 9])  # the second shower is empty


def linear(slope: float) -> tuple[Tensor, Tensor]:
    """Directions of slope ``slope`` for each shower, and points."""
    torch.manual_seed(1)
    direction = torch.randn(9, 4)
    norm = segment_sum(direction.square().sum(dim=1), PTR).sqrt()
    direction = slope * direction / norm.repeat_interleave(PTR.diff())[:, None]
    return direction, torch.randn(9, 4)


def test_a_linear_critic_has_the_penalty_of_its_slope() -> None:
    """Slope c in each shower, however many points it has, gives (c - 1)^2."""
    for slope in (0.3, 1.0, 2.5):
        direction, points = linear(slope)
        penalty = gradient_penalty(
            lambda x, d=direction: segment_sum((x * d).sum(dim=1), PTR), points, PTR
        )
        expected = (slope - 1.0) ** 2 * torch.tensor([1.0, 0.0, 1.0, 1.0])
        torch.testing.assert_close(penalty, expected)


def test_showers_do_not_share_a_norm() -> None:
    direction, points = linear(1.0)
    direction[:3] *= 3.0
    penalty = gradient_penalty(lambda x: segment_sum((x * direction).sum(dim=1), PTR), points, PTR)
    torch.testing.assert_close(penalty, torch.tensor([4.0, 0.0, 0.0, 0.0]))


def test_its_gradient_reaches_the_critic() -> None:
    """Slope w: d (w - 1)^2 / dw = 2 (w - 1); computed without gradients outside."""
    direction, points = linear(1.0)
    weight = torch.tensor(4.0, requires_grad=True)
    penalty = gradient_penalty(
        lambda x: weight * segment_sum((x * direction).sum(dim=1), PTR), points, PTR
    )
    (gradient,) = torch.autograd.grad(penalty[0], weight)
    torch.testing.assert_close(gradient, torch.tensor(6.0))
    with torch.no_grad():
        again = gradient_penalty(
            lambda x: weight * segment_sum((x * direction).sum(dim=1), PTR), points, PTR
        )
    torch.testing.assert_close(again.detach(), penalty.detach())


def test_a_flat_critic_costs_one_and_has_a_gradient() -> None:
    weight = torch.zeros(4, requires_grad=True)
    penalty = gradient_penalty(lambda x: segment_sum(x @ weight, PTR), torch.randn(9, 4), PTR)
    torch.testing.assert_close(penalty, torch.tensor([1.0, 0.0, 1.0, 1.0]), rtol=0, atol=1e-5)
    (gradient,) = torch.autograd.grad(penalty.sum(), weight)
    assert bool(gradient.isfinite().all())
