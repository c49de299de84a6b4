"""Operations of a trace, each as nodes of ONNX.

A function takes the builder, the type and rank of its result, and the arguments of the operation of
torch that has its name. Values that are known only when the program runs are `Value`s; all others
are what they are.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pointcalo.programs.to_onnx.builder import Builder, Value

OPERATORS: dict[str, Callable[..., Any]] = {}
FEW = 64  # numbers that are rather compared with than searched in

FLOAT, LONG, BOOL, DOUBLE = torch.float32, torch.int64, torch.bool, torch.float64


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function as that of these operations."""

    def entered(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return entered


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
    "cos": "Cos",
    "sinh": "Sinh",
    "asinh": "Asinh",
    "tanh": "Tanh",
    "to": "Identity",
    "contiguous": "Identity",
    "clone": "Identity",
}.items():
    _alike(_name, _kind)


# Arithmetic


def _common(x: Any, y: Any) -> torch.dtype:
    """The type in which two values are compared."""
    like = [
        torch.empty((1,) * v.rank, dtype=v.dtype, device="meta") if isinstance(v, Value) else v
        for v in (x, y)
    ]
    return torch.result_type(*like)


def _scaled(b: Builder, x: Any, alpha: float, dtype: torch.dtype) -> str:
    name = b.name(x, dtype)
    return name if alpha == 1 else b("Mul", name, b.constant(alpha, dtype))


@operator("add")
def _add(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Add", b.name(x, out.dtype), _scaled(b, y, alpha, out.dtype))


@operator("sub")
def _sub(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Sub", b.name(x, out.dtype), _scaled(b, y, alpha, out.dtype))


@operator("rsub")
def _rsub(b: Builder, out: Value, x: Any, y: Any, alpha: float = 1) -> str:
    return b("Sub", b.name(y, out.dtype), _scaled(b, x, alpha, out.dtype))


@operator("mul")
def _mul(b: Builder, out: Value, x: Any, y: Any) -> str:
    kind = "And" if out.dtype is BOOL else "Mul"
    return b(kind, b.name(x, out.dtype), b.name(y, out.dtype))


@operator("addcmul")
def _addcmul(b: Builder, out: Value, x: Any, y: Any, z: Any, value: float = 1) -> str:
    product = b("Mul", b.name(y), b.name(z))
    return b("Add", b.name(x), _scaled(b, Value(product, out.dtype, out.rank), value, out.dtype))


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


@operator("leaky_relu")
def _leaky_relu(b: Builder, out: Value, x: Value, slope: float = 0.01) -> str:
    return b("LeakyRelu", x.name, alpha=float(slope))


@operator("minimum")
def _minimum(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("Min", b.name(x, out.dtype), b.name(y, out.dtype))


@operator("maximum")
def _maximum(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("Max", b.name(x, out.dtype), b.name(y, out.dtype))


@operator("clamp")
def _clamp(b: Builder, out: Value, x: Any, low: Any = None, high: Any = None) -> str:
    name = b.name(x, out.dtype)
    name = name if low is None else b("Max", name, b.name(low, out.dtype))
    return name if high is None else b("Min", name, b.name(high, out.dtype))


@operator("clamp_min")
def _clamp_min(b: Builder, out: Value, x: Any, low: Any) -> str:
    return _clamp(b, out, x, low)


@operator("clamp_max")
def _clamp_max(b: Builder, out: Value, x: Any, high: Any) -> str:
    return _clamp(b, out, x, None, high)


@operator("linear")
def _linear(b: Builder, out: Value, x: Value, weight: Tensor, bias: Any = None) -> str:
    product = b("MatMul", x.name, b.constant(weight.t()))
    return product if bias is None else b("Add", product, b.name(bias))


@operator("matmul")
def _matmul(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("MatMul", b.name(x), b.name(y))


# Functions that ONNX has not, or not to float precision where they are small


def _in_double(b: Builder, x: str, *steps: tuple[Any, ...]) -> str:
    """Float values through steps in double precision: (kind, number after it, ...)."""
    name = b.cast(x, DOUBLE)
    for kind, *numbers in steps:
        name = b(kind, name, *(b.constant(number, DOUBLE) for number in numbers))
    return name


def _log1p_of(b: Builder, x: str) -> str:
    return b.cast(_in_double(b, x, ("Add", 1.0), ("Log",)), FLOAT)


@operator("log1p")
def _log1p(b: Builder, out: Value, x: Any) -> str:
    return _log1p_of(b, b.name(x, FLOAT))


@operator("expm1")
def _expm1(b: Builder, out: Value, x: Any) -> str:
    return b.cast(_in_double(b, b.name(x), ("Exp",), ("Sub", 1.0)), FLOAT)


def _tail(b: Builder, x: str) -> str:
    """Of x log(1 + exp(-|x|)), to 1e-16."""
    steps = ("Abs",), ("Neg",), ("Exp",), ("Add", 1.0), ("Log",)
    return b.cast(_in_double(b, x, *steps), FLOAT)


@operator("softplus")
def _softplus(b: Builder, out: Value, x: Any, *_: Any) -> str:
    return b("Add", b("Relu", b.name(x)), _tail(b, b.name(x)))


@operator("log_sigmoid")
def _log_sigmoid(b: Builder, out: Value, x: Any) -> str:
    return b("Sub", b("Min", b.name(x), b.constant(0.0, FLOAT)), _tail(b, b.name(x)))


@operator("logit")
def _logit(b: Builder, out: Value, x: Any, eps: float | None = None) -> str:
    name = b.name(x)
    if eps is not None:
        name = _clamp(b, out, x, eps, 1.0 - eps)
    return b("Log", b("Div", name, b("Sub", b.constant(1.0, FLOAT), name)))


@operator("isneginf")
def _isneginf(b: Builder, out: Value, x: Value) -> str:
    return b("Equal", x.name, b.constant(-math.inf, x.dtype))


@operator("nan_to_num")
def _nan_to_num(
    b: Builder, out: Value, x: Value, nan: float | None = None, *infinities: float | None
) -> str:
    least, most = torch.finfo(out.dtype).min, torch.finfo(out.dtype).max
    high, low = (*infinities, None, None)[:2]
    known = b("Where", b("IsNaN", x.name), b.constant(nan or 0.0, out.dtype), x.name)
    if (low or least) != least or (high or most) != most:
        raise NotImplementedError("other numbers for infinities")
    return _clamp(b, out, Value(known, out.dtype, out.rank), least, most)


# Coefficients of numerators and denominators, the constant term first
AS241_CENTRE = (
    "3.3871328727963666080e0 1.3314166789178437745e2 1.9715909503065514427e3 "
    "1.3731693765509461125e4 4.5921953931549871457e4 6.7265770927008700853e4 "
    "3.3430575583588128105e4 2.5090809287301226727e3",
    "1.0 4.2313330701600911252e1 6.8718700749205790830e2 5.3941960214247511077e3 "
    "2.1213794301586595867e4 3.9307895800092710610e4 2.8729085735721942674e4 "
    "5.2264952788528545610e3",
)
AS241_NEAR = (
    "1.42343711074968357734e0 4.63033784615654529590e0 5.76949722146069140550e0 "
    "3.64784832476320460504e0 1.27045825245236838258e0 2.41780725177450611770e-1 "
    "2.27238449892691845833e-2 7.74545014278341407640e-4",
    "1.0 2.05319162663775882187e0 1.67638483018380384940e0 6.89767334985100004550e-1 "
    "1.48103976427480074590e-1 1.51986665636164571966e-2 5.47593808499534494600e-4 "
    "1.05075007164441684324e-9",
)
AS241_FAR = (
    "6.65790464350110377720e0 5.46378491116411436990e0 1.78482653991729133580e0 "
    "2.96560571828504891230e-1 2.65321895265761230930e-2 1.24266094738807843860e-3 "
    "2.71155556874348757815e-5 2.01033439929228813265e-7",
    "1.0 5.99832206555887937690e-1 1.36929880922735805310e-1 1.48753612908506148525e-2 "
    "7.86869131145613259100e-4 1.84631831751005468180e-5 1.42151175831644588870e-7 "
    "2.04426310338993978564e-15",
)


@operator("erfinv")
def _erfinv(b: Builder, out: Value, x: Value) -> str:
    """Wichura, Applied Statistics 37 (1988) 477, algorithm AS 241, in double precision."""

    def number(value: float) -> str:
        return b.constant(value, DOUBLE)

    def ratio(at: str, *coefficients: str) -> str:
        parts = []
        for row in coefficients:
            *others, highest = map(float, row.split())
            name = number(highest)
            for value in reversed(others):
                name = b("Add", b("Mul", name, at), number(value))
            parts.append(name)
        return b("Div", *parts)

    y = b.cast(x.name, DOUBLE)
    q = b("Mul", y, number(0.5))
    inner = b("Sub", number(0.180625), b("Mul", q, q))
    tail = b("Mul", b("Sub", number(1.0), b("Abs", y)), number(0.5))
    r = b("Sqrt", b("Neg", b("Log", tail)))
    outer = b(
        "Where",
        b("LessOrEqual", r, number(5.0)),
        ratio(b("Sub", r, number(1.6)), *AS241_NEAR),
        ratio(b("Sub", r, number(5.0)), *AS241_FAR),
    )
    is_central = b("LessOrEqual", b("Abs", q), number(0.425))
    quantile = b(
        "Where", is_central, b("Mul", q, ratio(inner, *AS241_CENTRE)), b("Mul", b("Sign", y), outer)
    )
    return b.cast(b("Mul", quantile, number(math.sqrt(0.5))), FLOAT)


# Comparisons and bits


def _compared(kind: str) -> Callable[..., str]:
    def compared(b: Builder, out: Value, x: Any, y: Any) -> str:
        dtype = _common(x, y)
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
        return _nonzero_numpy(b, out, condition)
    x, y = (b.name(side, out.dtype) for side in sides)
    if out.dtype is not BOOL:
        return b("Where", condition.name, x, y)
    return b("Or", b("And", condition.name, x), b("And", b("Not", condition.name), y))


@operator("masked_fill")
def _masked_fill(b: Builder, out: Value, x: Any, mask: Value, value: Any) -> str:
    return _where(b, out, mask, value, x)


# Shapes


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


@operator("transpose")
def _transpose(b: Builder, out: Value, x: Value, first: int, second: int) -> str:
    order = list(range(x.rank))
    order[first], order[second] = order[second], order[first]
    return b("Transpose", x.name, perm=tuple(order))


@operator("t")
def _t(b: Builder, out: Value, x: Value) -> str:
    return b("Transpose", x.name, perm=(1, 0))


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


# Looking up and writing


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
    rows = _scaled(b, source, alpha, out.dtype)
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
def _nonzero_numpy(b: Builder, out: list[Value], x: Value) -> list[str]:
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


# Sums and the like


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


# Order


def _sorted(b: Builder, x: Value, axis: int, descending: bool = False) -> list[str]:
    """Values in order and where they were; equal ones stay in order."""
    name, size, options = x.name, b.size(x.name, axis), {"largest": int(descending), "sorted": 1}
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
    dtype = _common(rising, x) if isinstance(x, Value) else out.dtype
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


# Layers


@operator("gru")
def _gru(
    b: Builder,
    out: list[Value],
    x: Value,
    start: Any,
    weights: Sequence[Tensor],
    *options: Any,
) -> list[str]:
    biases, layers, _, _, both_ways, batch_first = options
    if not biases or layers != 1 or both_ways:
        raise NotImplementedError("a GRU of several layers, without biases or in both directions")
    reset_first = [  # torch: reset, update, new; ONNX: update, reset, new
        torch.cat([update, reset, new])
        for reset, update, new in (weight.detach().chunk(3) for weight in weights)
    ]
    to_gates, to_state, *both = reset_first
    steps = b("Transpose", x.name, perm=(1, 0, 2)) if batch_first else x.name
    states, last = b.several(
        "GRU",
        *(steps, b.constant(to_gates[None]), b.constant(to_state[None])),
        *(b.constant(torch.cat(both)[None]), "", b.name(start)),
        outputs=2,
        hidden_size=to_state.shape[1],
        linear_before_reset=1,
    )
    states = b("Squeeze", states, b.ints(1))
    return [b("Transpose", states, perm=(1, 0, 2)) if batch_first else states, last]
