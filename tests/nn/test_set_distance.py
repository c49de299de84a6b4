"""Distances of sets by sorting, and the score that is lowest for the right random sets."""

import pytest
import torch
from torch import Tensor

from pointcalo.nn.set_distance import directions, distances, energy_score, sorted_along
from pointcalo.showers import ptr_from_counts

AXIS = torch.tensor([[1.0, 0.0]])


def test_sorted_within_each_set() -> None:
    points = torch.tensor([[3.0, 0.0], [1.0, 5.0], [2.0, 2.0], [-4.0, 1.0]])
    ptr = torch.tensor([0, 2, 2, 4])
    along = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    places = sorted_along(points, ptr, along)
    assert places.tolist() == [[1.0, 0.0], [3.0, 5.0], [-4.0, 1.0], [2.0, 2.0]]


def test_distance_by_hand() -> None:
    """{1, 4} and {0, 8}: the root of 1 + 16; an empty set; {2} and {5}: 3."""
    ptr = torch.tensor([0, 2, 2, 3])
    one = torch.tensor([[4.0, 9.0], [1.0, 7.0], [2.0, 0.0]])
    two = torch.tensor([[0.0, 1.0], [8.0, 1.0], [5.0, 0.0]])
    apart = distances(sorted_along(one, ptr, AXIS), sorted_along(two, ptr, AXIS), ptr)
    assert apart[:, 0].tolist() == pytest.approx([17**0.5, 0.0, 3.0])


def test_score_by_hand() -> None:
    """Points 1 and 5 for what came true at 2: half of 1 + 3 - 4."""
    true, one, two = (torch.tensor([[value, 0.0]]) for value in (2.0, 1.0, 5.0))
    score = energy_score(true, one, two, torch.tensor([0, 1]), AXIS)
    assert score.tolist() == pytest.approx([0.0])
    far = energy_score(true + 10, one, two, torch.tensor([0, 1]), AXIS)
    assert far.tolist() == pytest.approx([(11 + 7 - 4) / 2])


def test_order_of_points_and_other_sets_do_not_matter() -> None:
    torch.manual_seed(1)
    counts = torch.tensor([3, 0, 5, 1])
    ptr, along = ptr_from_counts(counts), directions(6, torch.zeros(1, 4))
    torch.testing.assert_close(along.norm(dim=1), torch.ones(6))
    y, x, other = torch.randn(3, 9, 4)
    score = energy_score(y, x, other, ptr, along)
    assert float(score[1]) == 0.0
    order = torch.tensor([2, 0, 1, 7, 3, 6, 4, 5, 8])
    torch.testing.assert_close(energy_score(y, x[order], other, ptr, along), score)
    torch.testing.assert_close(energy_score(y[order], x, other[order], ptr, along), score)
    for number, (first, last) in enumerate(zip(ptr[:-1], ptr[1:], strict=True)):
        own = slice(int(first), int(last))
        alone = energy_score(y[own], x[own], other[own], ptr_from_counts(counts[[number]]), along)
        torch.testing.assert_close(alone[0], score[number])


def mean_score(true: Tensor, x: Tensor, other: Tensor) -> float:
    """Of sets of three points in two dimensions."""
    ptr = ptr_from_counts(torch.full((len(true) // 3,), 3))
    along = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, -0.6]])
    return float(energy_score(true, x, other, ptr, along).mean())


def test_the_right_sets_score_best() -> None:
    """Not the set in the middle, not wider ones, nor any whose points hang together otherwise."""
    torch.manual_seed(1)
    true, x, other = torch.randn(3, 3 * 8000, 2)
    right = mean_score(true, x, other)
    for scale in (0.0, 0.7, 1.4):
        assert mean_score(true, scale * x, scale * other) > right + 0.02
    together = [
        points.view(-1, 3, 2)[:, :1].expand(-1, 3, -1).reshape(-1, 2) for points in (x, other)
    ]
    assert mean_score(true, *together) > right + 0.02
    tilted = [torch.stack([p[:, 0], 0.9 * p[:, 0] + 0.436 * p[:, 1]], dim=1) for p in (x, other)]
    assert mean_score(true, *tilted) > right + 0.02


def test_slopes_are_finite_and_reach_all_points() -> None:
    torch.manual_seed(1)
    ptr = torch.tensor([0, 1, 1, 4])
    y, x, other = torch.randn(3, 4, 4)
    x.requires_grad_(True)
    other[0] = x[0].detach()  # two answers that are the same
    energy_score(y, x, other, ptr, directions(8, y)).sum().backward()
    assert bool(x.grad.isfinite().all()) and bool((x.grad != 0).any(dim=1).all())
