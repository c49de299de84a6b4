"""Comparisons, conditions and bits."""

from collections.abc import Callable
from typing import Any

import torch

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.indexing import nonzero_numpy
from pointcalo.programs.to_onnx.operators.registry import BOOL, LONG, OPERATORS, common, operator


def _compared(kind: str) -> Callable[..., str]:
    def compared(b: Builder, out: Value, x: Any, y: Any) -> str:
        dtype = common(x, y)
        return b(kind, b.name(x, dtype), b.name(y, dtype))

    return compared


OPERATORS |= {
    "lt": _compared("Less"),
    "le": _compared("LessOrEqual"),
    "gt": _compared("Greater"),
    "ge": _compared("GreaterOrEqual"),
    "eq": _compared("Equal"),
}


@operator("ne")
def _ne(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("Not", _compared("Equal")(b, out, x, y))


def _bits(logical: str, bitwise: str) -> Callable[..., str]:
    def bits(b: Builder, out: Value, x: Any, y: Any) -> str:
        kind = logical if out.dtype is BOOL else bitwise
        return b(kind, b.name(x, out.dtype), b.name(y, out.dtype))

    return bits


_and = _bits("And", "BitwiseAnd")
OPERATORS |= {
    "__or__": _bits("Or", "BitwiseOr"),
    "__ior__": _bits("Or", "BitwiseOr"),
    "__xor__": _bits("Xor", "BitwiseXor"),
    "__iand__": _and,
}


@operator("__and__")
def _and_or_shift(b: Builder, out: Value, x: Any, y: Any) -> str:
    if isinstance(x, Value) and x.shifted and not isinstance(y, Value):
        value, bits = x.shifted
        if int(y) == (1 << (64 - bits)) - 1:  # filled with zeros: that is ONNX's own shift
            return _zero_shift(b, value.name, bits)
    return _and(b, out, x, y)


def _zero_shift(b: Builder, name: str, bits: int) -> str:
    bits = b.constant(bits, torch.uint64)
    shifted = b("BitShift", b.cast(name, torch.uint64), bits, direction="RIGHT")
    return b.cast(shifted, LONG)


@operator("__rshift__")
def _rshift(b: Builder, out: Value, x: Value, bits: int) -> Value:
    sign = b("Neg", b.cast(b("Less", x.name, b.constant(0, LONG)), LONG))
    plain = b("BitwiseXor", x.name, sign)
    name = b("BitwiseXor", _zero_shift(b, plain, int(bits)), sign)
    # in-place operations later must not change what was shifted
    return Value(name, LONG, x.rank, shifted=(Value(x.name, LONG, x.rank), int(bits)))


@operator("bitwise_not", "logical_not")
def _not(b: Builder, out: Value, x: Value) -> str:
    return b("Not" if out.dtype is BOOL else "BitwiseNot", x.name)


@operator("where")
def _where(b: Builder, out: Value | list[Value], condition: Value, *sides: Any) -> Any:
    if not sides:
        return nonzero_numpy(b, out, condition)
    x, y = (b.name(side, out.dtype) for side in sides)
    if out.dtype is not BOOL:
        return b("Where", condition.name, x, y)
    return b("Or", b("And", condition.name, x), b("And", b("Not", condition.name), y))


@operator("masked_fill")
def _masked_fill(b: Builder, out: Value, x: Any, mask: Value, value: Any) -> str:
    return _where(b, out, mask, value, x)
