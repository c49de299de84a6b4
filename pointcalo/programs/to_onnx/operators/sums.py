"""Sums and the like over axes."""

from collections.abc import Callable
from typing import Any

import torch

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import BOOL, OPERATORS, operator


def _reduced(b: Builder, kind: str, name: str, rank: int, axes: Any, keep: bool = False) -> str:
    """A tensor without these axes, or with one entry along them."""
    axes = axes if isinstance(axes, list | None) else [axes]
    if not axes:
        return b(kind, name, keepdims=int(keep))
    result = b(kind, name, b.ints(*axes), keepdims=int(keep))
    if rank < 2 or len(axes) > 1:
        return result
    # of nothing, ONNX Runtime 1.18 to 1.20 give another shape
    (axis,), shape, first = axes, b("Shape", name), b.ints(0)
    before = b("Slice", shape, first, b.ints(axis % rank), first)
    after = b("Slice", shape, b.ints(axis % rank + 1), b.ints(rank), first)
    sizes = (before, b.ints(1), after) if keep else (before, after)
    return b("Reshape", result, b("Concat", *sizes, axis=0), allowzero=1)


@operator("sum")
def _sum(b: Builder, out: Value, x: Value, axes: Any = None, keep: bool = False, *_: Any) -> str:
    if not isinstance(axes, list):  # the second of two arguments is a type
        axes = None
    return _reduced(b, "ReduceSum", b.name(x, out.dtype), x.rank, axes, bool(keep))


@operator("mean")
def _mean(b: Builder, out: Value, x: Value, axes: Any = None, keep: bool = False, *_: Any) -> str:
    if not isinstance(axes, list):
        axes = None
    return _reduced(b, "ReduceMean", b.name(x, out.dtype), x.rank, axes, bool(keep))


@operator("linalg_vector_norm")
def _norm(
    b: Builder, out: Value, x: Value, order: float, axes: Any = None, keep: bool = False, *_: Any
) -> str:
    if order != 2:
        raise NotImplementedError("norms but that of squares")
    return _reduced(b, "ReduceL2", x.name, x.rank, axes, keep)


@operator("logsumexp")
def _logsumexp(b: Builder, out: Value, x: Value, axes: Any, keep: bool = False) -> str:
    return _reduced(b, "ReduceLogSumExp", x.name, x.rank, axes, keep)


@operator("softmax")
def _softmax(b: Builder, out: Value, x: Value, axis: int, *_: Any) -> str:
    return b("Softmax", x.name, axis=axis)


@operator("log_softmax")
def _log_softmax(b: Builder, out: Value, x: Value, axis: int, *_: Any) -> str:
    return b("LogSoftmax", x.name, axis=axis)


@operator("cumsum")
def _cumsum(b: Builder, out: Value, x: Any, axis: int, *_: Any) -> str:
    return b("CumSum", b.name(x, out.dtype), b.constant(axis))


@operator("diff")
def _diff(b: Builder, out: Value, x: Value, *_: Any) -> str:
    ends = b.ints(2**62), b.ints(-1)
    later = b("Slice", x.name, b.ints(1), ends[0], ends[1])
    return b("Sub", later, b("Slice", x.name, b.ints(0), ends[1], ends[1]))


def _of_flags(kind: str) -> Callable[..., str]:
    def of_flags(b: Builder, out: Value, x: Value, axis: Any = None, keep: bool = False) -> str:
        flags = b.cast(b.name(x, BOOL), torch.int32)
        return b.cast(_reduced(b, kind, flags, x.rank, axis, keep), BOOL)

    return of_flags


OPERATORS |= {"any": _of_flags("ReduceMax"), "all": _of_flags("ReduceMin")}


@operator("max")
def _max(b: Builder, out: Value, x: Value) -> str:
    return b("ReduceMax", x.name, keepdims=0)


@operator("argmax")
def _argmax(b: Builder, out: Value, x: Value, axis: int, keep: bool = False) -> str:
    return b("ArgMax", x.name, axis=axis, keepdims=int(keep))


@operator("argmin")
def _argmin(b: Builder, out: Value, x: Value, axis: int, keep: bool = False) -> str:
    return b("ArgMin", x.name, axis=axis, keepdims=int(keep))
