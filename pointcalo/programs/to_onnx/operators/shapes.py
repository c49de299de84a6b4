"""Sizes, shapes and tensors of one number."""

import math
from collections.abc import Sequence
from typing import Any

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import operator


@operator("size")
def _size(b: Builder, out: Value, x: Value, axis: int) -> str:
    return b("Gather", b("Shape", x.name), b.constant(axis % x.rank), axis=0)


@operator("unsqueeze")
def _unsqueeze(b: Builder, out: Value, x: Value, axis: int) -> str:
    return b("Unsqueeze", x.name, b.ints(axis % (x.rank + 1)))


@operator("squeeze")
def _squeeze(b: Builder, out: Value, x: Value, axis: int) -> str:
    return b("Squeeze", x.name, b.ints(axis % x.rank))


@operator("reshape", "view")
def _reshape(b: Builder, out: Value, x: Value, sizes: Sequence[Any]) -> Value:
    open_size = any(not isinstance(size, Value) and int(size) == -1 for size in sizes)
    name = b("Reshape", x.name, b.shape(sizes), allowzero=int(not open_size))
    shape = b("Shape", x.name)

    def written(new: str) -> None:
        x.write(b("Reshape", new, shape, allowzero=1))

    return Value(name, out.dtype, out.rank, written=written)


@operator("view_as")
def _view_as(b: Builder, out: Value, x: Value, other: Value) -> str:
    return b("Reshape", x.name, b("Shape", other.name), allowzero=1)


@operator("flatten")
def _flatten(b: Builder, out: Value, x: Value, start: int = 0, end: int = -1) -> str:
    if x.rank == 0:
        return b("Reshape", x.name, b.ints(1))
    start, end = start % x.rank, end % x.rank + 1
    if (start, end) == (0, x.rank):
        return b("Reshape", x.name, b.ints(-1))
    shape, axis = b("Shape", x.name), b.ints(0)
    before, flat, after = (
        b("Slice", shape, b.ints(first), b.ints(last), axis)
        for first, last in ((0, start), (start, end), (end, x.rank))
    )
    sizes = b("Concat", before, b("ReduceProd", flat, axis, keepdims=1), after, axis=0)
    return b("Reshape", x.name, sizes, allowzero=1)


@operator("unflatten")
def _unflatten(b: Builder, out: Value, x: Value, axis: int, sizes: Sequence[int]) -> str:
    axis, known = axis % x.rank, math.prod(size for size in sizes if size != -1)
    shape, first = b("Shape", x.name), b.ints(0)
    before = b("Slice", shape, first, b.ints(axis), first)
    after = b("Slice", shape, b.ints(axis + 1), b.ints(x.rank), first)
    rest = b("Div", b.size(x.name, axis), b.ints(known))
    parts = [rest if size == -1 else b.ints(size) for size in sizes]
    return b("Reshape", x.name, b("Concat", before, *parts, after, axis=0), allowzero=1)


@operator("expand")
def _expand(b: Builder, out: Value, x: Any, sizes: Sequence[Any], *_: Any) -> str:
    return b("Expand", b.name(x), b.shape(sizes, known={-1: 1}))


@operator("expand_as")
def _expand_as(b: Builder, out: Value, x: Any, other: Value) -> str:
    return b("Expand", b.name(x), b("Shape", other.name))


@operator("repeat")
def _repeat(b: Builder, out: Value, x: Any, times: Sequence[Any]) -> str:
    name, rank = b.name(x), x.rank if isinstance(x, Value) else x.dim()
    if rank < len(times):
        name = b("Unsqueeze", name, b.ints(*range(len(times) - rank)))
    return b("Tile", name, b.shape(times))


@operator("cat")
def _cat(b: Builder, out: Value, parts: Sequence[Any], axis: int = 0) -> str:
    return b("Concat", *(b.name(part, out.dtype) for part in parts), axis=axis)


@operator("stack")
def _stack(b: Builder, out: Value, parts: Sequence[Any], axis: int = 0) -> str:
    at = b.ints(axis % out.rank)
    raised = [b("Unsqueeze", b.name(part, out.dtype), at) for part in parts]
    return b("Concat", *raised, axis=axis)


@operator("chunk")
def _chunk(b: Builder, out: list[Value], x: Value, parts: int, axis: int = 0) -> list[str]:
    step = -(-x.sizes[axis] // parts)
    return [
        b("Slice", x.name, b.ints(at), b.ints(at + step), b.ints(axis))
        for at in range(0, x.sizes[axis], step)
    ]


@operator("unbind")
def _unbind(b: Builder, out: list[Value], x: Value, axis: int = 0) -> list[str]:
    return [b("Gather", x.name, b.constant(k), axis=axis) for k in range(x.sizes[axis])]


@operator("pad")
def _pad(b: Builder, out: Value, x: Value, sizes: Sequence[int], mode: str, value: Any) -> str:
    if mode != "constant" or len(sizes) != 2:
        raise NotImplementedError("padding but by a constant at both ends of the last axis")
    beside = [0] * (x.rank - 1)
    pads = b.ints(*beside, sizes[0], *beside, sizes[1])
    return b("Pad", x.name, pads, b.constant(value or 0, x.dtype))


@operator("flip")
def _flip(b: Builder, out: Value, x: Value, axes: Sequence[int]) -> str:
    (axis,) = axes
    return b("Slice", x.name, b.ints(-1), b.ints(-(2**62)), b.ints(axis), b.ints(-1))


@operator("full")
def _full(b: Builder, out: Value, sizes: Sequence[Any], value: Any, *_: Any) -> str:
    return b.filled(value, b.shape(sizes), out.dtype)


@operator("new_full")
def _new_full(b: Builder, out: Value, x: Any, sizes: Sequence[Any], value: Any, *_: Any) -> str:
    return b.filled(value, b.shape(sizes), out.dtype)


@operator("zeros")
def _zeros(b: Builder, out: Value, sizes: Sequence[Any], *_: Any) -> str:
    return b.filled(0, b.shape(sizes), out.dtype)


@operator("new_zeros")
def _new_zeros(b: Builder, out: Value, x: Any, sizes: Sequence[Any], *_: Any) -> str:
    return b.filled(0, b.shape(sizes), out.dtype)


@operator("full_like")
def _full_like(b: Builder, out: Value, x: Value, value: Any, *_: Any) -> str:
    return b.filled(value, b("Shape", x.name), out.dtype)


@operator("zeros_like")
def _zeros_like(b: Builder, out: Value, x: Value, *_: Any) -> str:
    return _full_like(b, out, x, 0)


@operator("ones_like")
def _ones_like(b: Builder, out: Value, x: Value, *_: Any) -> str:
    return _full_like(b, out, x, 1)


@operator("arange")
def _arange(b: Builder, out: Value, *arguments: Any) -> str:
    limits = arguments[:-4]  # type, layout, device and memory come last
    start, end, step = {1: (0, *limits, 1), 2: (*limits, 1), 3: limits}[len(limits)]
    return b("Range", *(b.name(limit, out.dtype) for limit in (start, end, step)))


@operator("rand")
def _rand(b: Builder, out: Value, sizes: Sequence[int], *_: Any) -> str:
    return b("RandomUniform", shape=tuple(sizes))
