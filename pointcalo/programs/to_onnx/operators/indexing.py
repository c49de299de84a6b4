"""Looking up and writing, by index or by mask."""

from collections.abc import Sequence
from typing import Any

import torch

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import BOOL, LONG, operator, scaled


@operator("select")
def _select(b: Builder, out: Value, x: Any, axis: int, index: Any) -> str:
    return b("Gather", b.name(x), b.name(index, LONG), axis=axis)


@operator("slice")
def _slice(
    b: Builder, out: Value, x: Any, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Value:
    start, end = 0 if start is None else start, 2**63 - 1 if end is None else end
    at = b.shape([start]), b.shape([end])
    name = b("Slice", b.name(x), *at, b.ints(axis), b.ints(step))

    def written(new: str) -> None:
        before = b("Slice", x.name, b.ints(0), at[0], b.ints(axis))
        after = b("Slice", x.name, at[1], b.ints(2**63 - 1), b.ints(axis))
        x.write(b("Concat", before, new, after, axis=axis))

    is_part = isinstance(x, Value) and not isinstance(start, Value) and start >= 0 and step == 1
    return Value(name, out.dtype, out.rank, written=written if is_part else _not_written)


def _not_written(new: str) -> None:
    raise NotImplementedError("writing into such a part of a tensor")


@operator("copy")
def _copy(b: Builder, out: Value, x: Value, source: Any, *_: Any) -> str:
    return b("Expand", b.name(source, x.dtype), b("Shape", x.name))


@operator("index")
def _index(b: Builder, out: Value, x: Any, indices: Sequence[Any]) -> str:
    given = [axis for axis, index in enumerate(indices) if index is not None]
    name, first = b.name(x), indices[given[0]]
    if len(given) == 1:
        axis = given[0]
        if first.dtype is not BOOL:
            return b("Gather", name, b.name(first, LONG), axis=axis)
        rank = first.rank if isinstance(first, Value) else first.dim()
        if rank == 1:
            return b("Compress", name, b.name(first), axis=axis)
        if axis == 0:
            return b("GatherND", name, b("Transpose", b("NonZero", b.name(first)), perm=(1, 0)))
    if given != list(range(len(given))) or any(indices[axis].dtype is BOOL for axis in given):
        raise NotImplementedError("indices of several axes that are not the first ones")
    # one axis of all those, and the place in it
    sizes = [b.size(name, axis) for axis in given]
    place = b.name(first, LONG)
    for axis in given[1:]:
        place = b("Add", b("Mul", place, sizes[axis]), b.name(indices[axis], LONG))
    rest = b("Slice", b("Shape", name), b.ints(len(given)), b.ints(99), b.ints(0))
    flat = b("Reshape", name, b("Concat", b.ints(-1), rest, axis=0))
    return b("Gather", flat, place, axis=0)


@operator("index_select")
def _index_select(b: Builder, out: Value, x: Any, axis: int, index: Any) -> str:
    return b("Gather", b.name(x), b.name(index), axis=axis)


@operator("gather")
def _gather(b: Builder, out: Value, x: Any, axis: int, index: Any, *_: Any) -> str:
    return b("GatherElements", b.name(x), b.name(index), axis=axis)


@operator("take")
def _take(b: Builder, out: Value, x: Any, index: Any) -> str:
    return b("Gather", b("Reshape", b.name(x), b.ints(-1)), b.name(index, LONG), axis=0)


def _first_axis(axis: int) -> None:
    if axis != 0:
        raise NotImplementedError("writing along an axis that is not the first")


def _summed(b: Builder, into: str, index: str, source: str, rank: int) -> str:
    """Rows of a tensor added to those of another, one after the other."""
    # not ScatterND, whose threads may add to one number at the same time
    for axis in range(1, rank):
        index = b("Unsqueeze", index, b.ints(axis))
    if rank > 1:
        index = b("Expand", index, b("Shape", source))
    return b("ScatterElements", into, index, source, axis=0, reduction="add")


@operator("index_add")
def _index_add(
    b: Builder, out: Value, x: Any, axis: int, index: Any, source: Any, alpha: float = 1
) -> str:
    _first_axis(axis)
    rows = scaled(b, source, alpha, out.dtype)
    return _summed(b, b.name(x), b.name(index, LONG), rows, out.rank)


@operator("index_copy")
def _index_copy(b: Builder, out: Value, x: Any, axis: int, index: Any, source: Any) -> str:
    _first_axis(axis)
    rows = b("Unsqueeze", b.name(index), b.ints(1))
    return b("ScatterND", b.name(x), rows, b.name(source, out.dtype))


@operator("index_fill")
def _index_fill(b: Builder, out: Value, x: Any, axis: int, index: Any, value: Any) -> str:
    _first_axis(axis)
    if out.rank != 1:
        raise NotImplementedError("filling rows of several numbers")
    source = b.filled(value, b("Shape", b.name(index)), out.dtype)
    return b("ScatterND", b.name(x), b("Unsqueeze", b.name(index), b.ints(1)), source)


@operator("scatter_reduce")
def _scatter_reduce(
    b: Builder, out: Value, x: Any, axis: int, index: Any, source: Any, how: str, *_: Any
) -> str:
    reduction = {"amin": "min", "amax": "max", "sum": "add"}[how]
    names = b.name(x), b.name(index), b.name(source)
    return b("ScatterElements", *names, axis=axis, reduction=reduction)


@operator("scatter_add")
def _scatter_add(b: Builder, out: Value, x: Any, axis: int, index: Any, source: Any) -> str:
    return _scatter_reduce(b, out, x, axis, index, source, "sum")


@operator("nonzero")
def _nonzero(b: Builder, out: Value, x: Value) -> str:
    return b("Transpose", b("NonZero", x.name), perm=(1, 0))


@operator("nonzero_numpy")
def nonzero_numpy(b: Builder, out: list[Value], x: Value) -> list[str]:
    """Indices along each axis of what is not zero."""
    found = b("NonZero", x.name)
    return [b("Gather", found, b.constant(axis), axis=0) for axis in range(x.rank)]


@operator("one_hot")
def _one_hot(b: Builder, out: Value, x: Value, classes: int) -> str:
    at = b("Unsqueeze", x.name, b.ints(x.rank))
    return b.cast(b("Equal", at, b.constant(torch.arange(classes))), LONG)


@operator("bincount")
def _bincount(b: Builder, out: Value, x: Value, weights: None, least: Any) -> str:
    """Numbers are below `least` wherever it is given."""
    if weights is not None:
        raise NotImplementedError("counting with weights")
    if not isinstance(least, Value) and least == 0:
        most = b("ReduceMax", b("Concat", x.name, b.ints(-1), axis=0), keepdims=0)
        least = Value(b("Add", most, b.constant(1)), LONG, 0)
    ones = b.filled(1, b("Shape", x.name), LONG)
    return _summed(b, b.filled(0, b.shape([least]), LONG), x.name, ones, 1)


@operator("repeat_interleave")
def _repeat_interleave(b: Builder, out: Value, x: Value, *arguments: Any) -> str:
    if len(arguments) < 2:
        return _repeated(b, x.name)
    times = arguments[0]  # of each entry, or of all
    if isinstance(times, Value):
        return b("Gather", x.name, _repeated(b, times.name), axis=0)
    column = b("Reshape", x.name, b.ints(-1, 1))
    return b("Reshape", b("Tile", column, b.ints(1, times)), b.ints(-1))


def _repeated(b: Builder, counts: str) -> str:
    """The number of each count, so many times: of each place the entries that end before it."""
    ends = b("CumSum", counts, b.constant(0))
    total = b("ReduceSum", counts, b.ints(0), keepdims=1)
    zeros = b.filled(0, b("Add", total, b.ints(1)), LONG)
    ones = b.filled(1, b("Shape", ends), LONG)
    number = b("CumSum", _summed(b, zeros, ends, ones, 1), b.constant(0))
    return b("Slice", number, b.ints(0), total, b.ints(0))
