"""Ragged operators: hand-made sums, gradients in float64, empty segments, index against ptr."""

from collections.abc import Callable

import pytest
import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.utils import scatter, softmax

from pointcalo.showers import (
    index_from_ptr,
    ptr_from_counts,
    rows_of,
    segment_max,
    segment_mean,
    segment_softmax,
    segment_sum,
)

OPERATORS = [segment_sum, segment_mean, segment_max, segment_softmax]
REDUCTIONS = [(segment_sum, "sum"), (segment_mean, "mean"), (segment_max, "max")]
COUNTS = torch.tensor([0, 3, 1, 0, 0, 4, 0])
PTR = ptr_from_counts(COUNTS)

Operator = Callable[[Tensor, Tensor], Tensor]


def _values(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, *shape, dtype=torch.float64, generator=generator)


def test_sums_by_hand() -> None:
    values = torch.tensor([1.0, -2.0, 4.0, -5.0])
    ptr = torch.tensor([0, 0, 3, 4, 4])
    assert segment_sum(values, ptr).tolist() == [0, 3, -5, 0]
    assert segment_mean(values, ptr).tolist() == [0, 1, -5, 0]
    assert segment_max(values, ptr).tolist() == [0, 4, -5, 0]


def test_softmax_by_hand() -> None:
    values = torch.tensor([0.0, 3.0, 1000.0]).log()
    weights = segment_softmax(values, torch.tensor([0, 2, 2, 3]))
    assert weights.tolist() == [0, 1, 1]
    weights = segment_softmax(torch.tensor([1.0, 3.0]).log() + 500, torch.tensor([0, 2]))
    assert weights.tolist() == pytest.approx([0.25, 0.75], rel=1e-4)


@pytest.mark.parametrize(("operator", "name"), REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_ptr_agrees_with_index(operator: Operator, name: str, shape: tuple[int, ...]) -> None:
    values = _values(*shape)
    expected = scatter(values, index_from_ptr(PTR), dim_size=len(COUNTS), reduce=name)
    torch.testing.assert_close(operator(values, PTR), expected)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_softmax_agrees_with_index(shape: tuple[int, ...]) -> None:
    values = _values(*shape)
    expected = softmax(values, index_from_ptr(PTR), num_nodes=len(COUNTS))
    torch.testing.assert_close(segment_softmax(values, PTR), expected)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_first_and_second_derivatives(operator: Operator, shape: tuple[int, ...]) -> None:
    values = _values(*shape).requires_grad_()
    assert torch.autograd.gradcheck(operator, (values, PTR))
    assert torch.autograd.gradgradcheck(operator, (values, PTR))


def test_equal_largest_values_share_the_gradient() -> None:
    values = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
    segment_max(values, torch.tensor([0, 3])).backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0.5, 0, 0.5]


@pytest.mark.parametrize("operator", OPERATORS)
def test_ragged_equals_one_by_one(operator: Operator) -> None:
    values = _values(2)
    together = operator(values, PTR)
    parts = [
        operator(values[a:b], torch.tensor([0, b - a]))
        for a, b in zip(PTR.tolist(), PTR[1:].tolist(), strict=False)
        if operator is not segment_softmax or b > a
    ]
    torch.testing.assert_close(together, torch.cat(parts))


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_rows_at_all(operator: Operator) -> None:
    ptr = torch.zeros(4, dtype=torch.int64)
    result = operator(torch.zeros(0, 2), ptr)
    assert result.shape == ((0, 2) if operator is segment_softmax else (3, 2))
    assert not result.any()


@pytest.mark.skipif(
    not torch_geometric.typing.WITH_TORCH_SCATTER, reason="torch-scatter is not installed"
)
@pytest.mark.parametrize("operator", OPERATORS)
def test_same_without_torch_scatter(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def result_and_gradient() -> tuple[Tensor, Tensor]:
        values = _values(3).requires_grad_()
        result = operator(values, PTR)
        (gradient,) = torch.autograd.grad(result.square().sum(), values)
        return result.detach(), gradient

    accelerated = result_and_gradient()
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SCATTER", False)
    torch.testing.assert_close(result_and_gradient(), accelerated)


def test_pointers_rows_and_index() -> None:
    assert PTR.tolist() == [0, 0, 3, 4, 4, 4, 8, 8]
    assert index_from_ptr(PTR).tolist() == [1, 1, 1, 2, 5, 5, 5, 5]
    assert rows_of(PTR, torch.tensor([5, 0, 1, 5])).tolist() == [4, 5, 6, 7, 0, 1, 2, 4, 5, 6, 7]
    assert rows_of(PTR, torch.tensor([], dtype=torch.int64)).tolist() == []


def test_half_precision_does_not_stop_counting() -> None:
    values, ptr = torch.ones(2000, dtype=torch.bfloat16), torch.tensor([0, 2000])
    assert float(segment_sum(values, ptr)) == 2000
    assert float(segment_mean(values, ptr)) == 1
