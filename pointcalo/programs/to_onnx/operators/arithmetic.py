"""Sums, products and functions of one number."""

import math
from typing import Any

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import (
    BOOL,
    DOUBLE,
    OPERATORS,
    operator,
    scaled,
)


def _alike(name: str, kind: str) -> None:
    """An operation of one argument that both have."""

    def alike(b: Builder, out: Value, x: Value, *_: Any) -> str:
        return b(kind, b.name(x, out.dtype))

    OPERATORS[name] = alike


for _name, _kind in {
    "neg": "Neg",
    "exp": "Exp",
    "log": "Log",
    "abs": "Abs",
    "ceil": "Ceil",
    "floor": "Floor",
    "round": "Round",
    "sqrt": "Sqrt",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "reciprocal": "Reciprocal",
    "acos": "Acos",
    "atan": "Atan",
    "sin": "Sin",
    "sinh": "Sinh",
    "asinh": "Asinh",
    "tanh": "Tanh",
    "to": "Identity",
    "contiguous": "Identity",
    "clone": "Identity",
}.items():
    _alike(_name, _kind)


@operator("cos")
def cosine(b: Builder, out: Value, x: Value) -> str:
    """Of double precision as a sine, since ONNX Runtime 1.20 and earlier know no cosine of it."""
    name = b.name(x, out.dtype)
    if out.dtype is not DOUBLE:
        return b("Cos", name)
    return b("Sin", b("Add", name, b.constant(0.5 * math.pi, DOUBLE)))


@operator("add")
def _add(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Add", b.name(x, out.dtype), scaled(b, y, alpha, out.dtype))


@operator("sub")
def _sub(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Sub", b.name(x, out.dtype), scaled(b, y, alpha, out.dtype))


@operator("rsub")
def _rsub(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Sub", b.name(y, out.dtype), scaled(b, x, alpha, out.dtype))


@operator("mul")
def _mul(b: Builder, out: Value, x: Any, y: Any) -> str:
    kind = "And" if out.dtype is BOOL else "Mul"
    return b(kind, b.name(x, out.dtype), b.name(y, out.dtype))


@operator("addcmul")
def _addcmul(b: Builder, out: Value, x: Any, y: Any, z: Any, value: float = 1) -> str:
    product = b("Mul", b.name(y), b.name(z))
    return b("Add", b.name(x), scaled(b, Value(product, out.dtype, out.rank), value, out.dtype))


@operator("div")
def _div(b: Builder, out: Value, x: Any, y: Any, rounding: str | None = None) -> str:
    if rounding == "floor":
        return _floor_divide(b, out, x, y)
    quotient = b("Div", b.name(x, out.dtype), b.name(y, out.dtype))
    if rounding == "trunc" and out.dtype.is_floating_point:
        raise NotImplementedError("quotients of floats, cut")
    return quotient


@operator("floor_divide")
def _floor_divide(b: Builder, out: Value, x: Any, y: Any) -> str:
    x, y = b.name(x, out.dtype), b.name(y, out.dtype)
    if out.dtype.is_floating_point:
        return b("Floor", b("Div", x, y))
    return b("Div", b("Sub", x, b("Mod", x, y)), y)


@operator("remainder")
def _remainder(b: Builder, out: Value, x: Any, y: Any) -> str:
    x, y = b.name(x, out.dtype), b.name(y, out.dtype)
    if not out.dtype.is_floating_point:
        return b("Mod", x, y)
    rest, zero = b("Mod", x, y, fmod=1), b.constant(0.0, out.dtype)
    other = b("Xor", b("Less", rest, zero), b("Less", y, zero))
    other = b("And", other, b("Not", b("Equal", rest, zero)))
    return b("Where", other, b("Add", rest, y), rest)


@operator("pow")
def _pow(b: Builder, out: Value, x: Any, exponent: float) -> str:
    name = b.name(x, out.dtype)
    if exponent not in (2, 3):
        return b("Pow", name, b.constant(exponent, out.dtype))
    square = b("Mul", name, name)
    return square if exponent == 2 else b("Mul", square, name)


@operator("square")
def _square(b: Builder, out: Value, x: Value) -> str:
    return b("Mul", x.name, x.name)


@operator("minimum")
def _minimum(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("Min", b.name(x, out.dtype), b.name(y, out.dtype))


@operator("maximum")
def _maximum(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("Max", b.name(x, out.dtype), b.name(y, out.dtype))


@operator("clamp")
def clamp(b: Builder, out: Value, x: Any, low: Any = None, high: Any = None) -> str:
    """Values between two limits, which may be tensors."""
    name = b.name(x, out.dtype)
    name = name if low is None else b("Max", name, b.name(low, out.dtype))
    return name if high is None else b("Min", name, b.name(high, out.dtype))


@operator("clamp_min")
def _clamp_min(b: Builder, out: Value, x: Any, low: Any) -> str:
    return clamp(b, out, x, low)


@operator("clamp_max")
def _clamp_max(b: Builder, out: Value, x: Any, high: Any) -> str:
    return clamp(b, out, x, None, high)
