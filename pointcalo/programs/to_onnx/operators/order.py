"""Sorting and searching."""

from typing import Any

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import LONG, common, operator

FEW = 64  # numbers that are rather compared with than searched in


def _sorted(
    b: Builder, x: Value, axis: int, descending: bool = False, most: int | None = None
) -> list[str]:
    """Values in order, or the first of them, and where they were; equal ones stay in order."""
    name, options = x.name, {"largest": int(descending), "sorted": 1}
    size = b.size(x.name, axis) if most is None else b.ints(most)
    if x.rank > 1:  # ONNX Runtime before 1.21 divides by the number of rows: one more
        name = b("Pad", name, b.ints(*[0] * x.rank, 1, *[0] * (x.rank - 1)))
    found = b.several("TopK", name, size, outputs=2, axis=axis, **options)
    if x.rank > 1:
        found = [b("Slice", rows, b.ints(0), b.ints(-1), b.ints(0)) for rows in found]
    return found


@operator("sort")
def _sort(b: Builder, out: list[Value], x: Value, *arguments: Any) -> list[str]:
    axis, descending = arguments[-2:]  # `stable` may come before
    return _sorted(b, x, axis, descending)


@operator("argsort")
def _argsort(b: Builder, out: Value, x: Value, *arguments: Any) -> str:
    axis, descending = arguments[-2:]
    return _sorted(b, x, axis, descending)[1]


@operator("topk")
def _topk(
    b: Builder, out: list[Value], x: Value, k: int, axis: int = -1, largest: bool = True, *_: Any
) -> list[str]:
    return _sorted(b, x, axis, largest, k)


@operator("_unique2")
def _unique(b: Builder, out: list[Value], x: Value, *_: Any) -> list[str]:
    rising, _ = _sorted(b, x, 0)
    end, last = b.ints(2**62), b.ints(-1)
    later, sooner = (b("Slice", rising, *at) for at in ((b.ints(1), end), (b.ints(0), last)))
    other = b("Not", b("Equal", later, sooner))
    first = b("Slice", rising, b.ints(0), b.ints(1))  # one, but for nothing at all
    first = b("Equal", first, first)
    return [b("Compress", rising, b("Concat", first, other, axis=0), axis=0)]


@operator("searchsorted")
def _searchsorted(
    b: Builder, out: Value, rising: Any, x: Any, int32: bool, right: bool, *_: Any
) -> str:
    """How many of the rising numbers are below x; with `right`, x itself counts."""
    dtype = common(rising, x) if isinstance(x, Value) else out.dtype
    name, numbers = b.name(x, dtype), b.name(rising, dtype)
    rank = x.rank if isinstance(x, Value) else x.dim()
    if not isinstance(rising, Value) and len(rising) <= FEW:
        kind = "LessOrEqual" if right else "Less"
        below = b(kind, numbers, b("Unsqueeze", name, b.ints(rank)))
        return b("ReduceSum", b.cast(below, out.dtype), b.ints(rank), keepdims=0)
    # sort both together: before each x there are so many of the others
    flat = name if rank == 1 else b("Reshape", name, b.ints(-1))
    own, others = b("Shape", flat), b("Shape", numbers)
    size, zero, axis = b("Add", own, others), b.constant(0), b.ints(0)
    both = b("Concat", *((numbers, flat) if right else (flat, numbers)), axis=0)
    _, place = b.several("TopK", both, size, outputs=2, axis=0, largest=0, sorted=1)
    is_other = b("Less", place, others) if right else b("GreaterOrEqual", place, own)
    before = b("CumSum", b.cast(is_other, LONG), zero)
    at = b("Unsqueeze", place, b.ints(1))
    counted = b("ScatterND", b.filled(0, size, LONG), at, before)
    start, end = (others, size) if right else (axis, own)
    counted = b("Slice", counted, start, end, axis)
    counted = counted if rank == 1 else b("Reshape", counted, b("Shape", name), allowzero=1)
    return counted if out.dtype is LONG else b.cast(counted, out.dtype)


@operator("bucketize")
def _bucketize(b: Builder, out: Value, x: Any, rising: Any, int32: bool, right: bool) -> str:
    return _searchsorted(b, out, rising, x, int32, right)
