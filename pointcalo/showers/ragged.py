"""Ragged operators: values of all showers packed in one tensor, `ptr [S+1]` says who owns which.

Shower s owns the rows ptr[s]:ptr[s+1]. The reductions run on `torch_geometric.utils.segment`, which
uses torch-scatter where it is installed. Its kernels have no second derivative, and a gradient
penalty needs one, so the backward passes are written here from differentiable operations; they are
the same with and without torch-scatter. Programs that leave the house know neither: where they are
traced, the sums are torch's own operations.
"""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import segment


def ptr_from_counts(counts: Tensor) -> Tensor:
    """Pointer of consecutive segments of given lengths.

    Args:
        counts: number of rows of each segment, [S] int64.

    Returns:
        ptr [S+1] int64, ptr[0] = 0.

    >>> ptr_from_counts(torch.tensor([2, 0, 1]))
    tensor([0, 2, 2, 3])
    """
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def index_from_ptr(ptr: Tensor) -> Tensor:
    """Segment number of every row, [P] int64, for ptr [S+1].

    >>> index_from_ptr(torch.tensor([0, 2, 2, 3]))
    tensor([0, 0, 2])
    """
    segments = torch.arange(ptr.shape[0] - 1, device=ptr.device)
    return torch.repeat_interleave(segments, ptr.diff())


def rows_of(ptr: Tensor, segments: Tensor) -> Tensor:
    """Row numbers of the chosen segments, in the order in which these are named.

    Args:
        ptr: [S+1] int64.
        segments: numbers of segments, [K] int64, repetitions allowed.

    Returns:
        rows [sum of the chosen counts] int64.

    >>> rows_of(torch.tensor([0, 2, 2, 3]), torch.tensor([2, 0]))
    tensor([2, 0, 1])
    """
    counts = ptr.diff()[segments]
    shift = ptr[segments] - (counts.cumsum(0) - counts)
    within = torch.repeat_interleave(shift, counts)
    return within + torch.arange(within.shape[0], device=ptr.device)


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, ptr: Tensor) -> Tensor:
        ctx.save_for_backward(ptr)
        return segment(values, ptr, reduce="sum")

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None]:
        (ptr,) = ctx.saved_tensors
        return torch.repeat_interleave(gradient[0], ptr.diff(), dim=0), None


class _SegmentMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, ptr: Tensor) -> Tensor:
        largest = segment(values, ptr, reduce="max")
        ctx.save_for_backward(values, ptr, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None]:
        values, ptr, largest = ctx.saved_tensors
        counts = ptr.diff()
        chosen = (values == torch.repeat_interleave(largest, counts, dim=0)).to(values.dtype)
        ties = segment(chosen, ptr, reduce="sum").clamp(min=1)
        return chosen * torch.repeat_interleave(gradient[0] / ties, counts, dim=0), None


def segment_sum(values: Tensor, ptr: Tensor) -> Tensor:
    """Sum over each segment; an empty segment gives 0.

    Args:
        values: floating, [P, ...].
        ptr: [S+1] int64.

    Returns:
        sums [S, ...], twice differentiable; float32 for half-precision values, whose eight bits
        would stop counting at 256.

    >>> segment_sum(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0, 2, 2, 3]))
    tensor([3., 0., 5.])
    """
    wide = values.float() if values.dtype.itemsize < 4 else values
    if torch.jit.is_tracing():
        sums = wide.new_zeros(ptr.shape[0] - 1, *wide.shape[1:])
        return sums.index_add(0, index_from_ptr(ptr), wide)
    return _SegmentSum.apply(wide.contiguous(), ptr)


def segment_mean(values: Tensor, ptr: Tensor) -> Tensor:
    """Mean over each segment, [P, ...] to [S, ...]; an empty segment gives 0."""
    sums = segment_sum(values, ptr)
    counts = ptr.diff().clamp(min=1).to(sums.dtype)
    return sums / counts.reshape(-1, *[1] * (values.dim() - 1))


def segment_max(values: Tensor, ptr: Tensor) -> Tensor:
    """Largest finite value of each segment, [P, ...] to [S, ...]; an empty segment gives 0.

    Equal largest values share the gradient.
    """
    return _SegmentMax.apply(values.contiguous(), ptr)


def segment_softmax(values: Tensor, ptr: Tensor) -> Tensor:
    """Softmax within each segment.

    Args:
        values: floating, [P, ...].
        ptr: [S+1] int64.

    Returns:
        weights [P, ...] that sum to 1 in each segment that is not empty.
    """
    counts = ptr.diff()
    largest = _largest(values.detach(), ptr)
    weights = (values - torch.repeat_interleave(largest, counts, dim=0)).exp()
    return weights / torch.repeat_interleave(segment_sum(weights, ptr), counts, dim=0)


def _largest(values: Tensor, ptr: Tensor) -> Tensor:
    """Largest value of each segment [S, ...], without gradients; that of none has no meaning."""
    if not torch.jit.is_tracing():
        return segment(values.contiguous(), ptr, reduce="max")
    least = values.new_full((ptr.shape[0] - 1, *values.shape[1:]), -torch.inf)
    index = index_from_ptr(ptr).reshape(-1, *[1] * (values.dim() - 1))
    return least.scatter_reduce(0, index.expand_as(values), values, "amax")
