"""Functions that ONNX has not, or not to float precision where they are small."""

import math
from typing import Any

import torch

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.arithmetic import clamp, cosine
from pointcalo.programs.to_onnx.operators.registry import DOUBLE, FLOAT, operator


def _in_double(b: Builder, x: str, *steps: tuple[Any, ...]) -> str:
    """Float values through steps in double precision: (kind, number after it, ...)."""
    name = b.cast(x, DOUBLE)
    for kind, *numbers in steps:
        name = b(kind, name, *(b.constant(number, DOUBLE) for number in numbers))
    return name


@operator("log1p")
def _log1p(b: Builder, out: Value, x: Any) -> str:
    return b.cast(_in_double(b, b.name(x, FLOAT), ("Add", 1.0), ("Log",)), FLOAT)


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
        name = clamp(b, out, x, eps, 1.0 - eps)
    return b("Log", b("Div", name, b("Sub", b.constant(1.0, FLOAT), name)))


@operator("isneginf")
def _isneginf(b: Builder, out: Value, x: Value) -> str:
    return b("Equal", x.name, b.constant(-math.inf, x.dtype))


@operator("hypot")
def _hypot(b: Builder, out: Value, x: Value, y: Value) -> str:
    x, y = b.name(x, out.dtype), b.name(y, out.dtype)
    return b("Sqrt", b("Add", b("Mul", x, x), b("Mul", y, y)))


@operator("atan2")
def _atan2(b: Builder, out: Value, y: Value, x: Value) -> str:
    """Of runtimes that know the arc tangent of floats only: that, and once more what is left."""
    x, y = b.name(x, DOUBLE), b.name(y, DOUBLE)
    zero, right = b.constant(0.0, DOUBLE), b.constant(0.5 * math.pi, DOUBLE)
    across, up = b("Abs", x), b("Abs", y)
    longer = b("Max", b("Max", across, up), b.constant(1e-300, DOUBLE))
    angle = b("Atan", b.cast(b("Div", b("Min", across, up), longer), FLOAT))
    angle = b.cast(angle, DOUBLE)
    angle = b("Where", b("Less", across, up), b("Sub", right, angle), angle)
    angle = b("Where", b("Less", x, zero), b("Sub", b.constant(math.pi, DOUBLE), angle), angle)
    angle = b("Where", b("Less", y, zero), b("Neg", angle), angle)
    across = cosine(b, Value("", DOUBLE, out.rank), Value(angle, DOUBLE, out.rank))
    left = b("Sub", b("Mul", y, across), b("Mul", x, b("Sin", angle)))
    length = b("Sqrt", b("Add", b("Mul", x, x), b("Mul", y, y)))
    left = b("Div", left, b("Max", length, b.constant(1e-300, DOUBLE)))
    return b.name(Value(b("Add", angle, left), DOUBLE, out.rank), out.dtype)


@operator("nan_to_num")
def _nan_to_num(
    b: Builder, out: Value, x: Value, nan: float | None = None, *infinities: float | None
) -> str:
    least, most = torch.finfo(out.dtype).min, torch.finfo(out.dtype).max
    high, low = (*infinities, None, None)[:2]
    known = b("Where", b("IsNaN", x.name), b.constant(nan or 0.0, out.dtype), x.name)
    if (low or least) != least or (high or most) != most:
        raise NotImplementedError("other numbers for infinities")
    return clamp(b, out, Value(known, out.dtype, out.rank), least, most)


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
