"""Where operations are entered, and what several of them share."""

from collections.abc import Callable
from typing import Any

import torch

from pointcalo.programs.to_onnx.builder import Builder, Value

OPERATORS: dict[str, Callable[..., Any]] = {}

FLOAT, LONG, BOOL, DOUBLE = torch.float32, torch.int64, torch.bool, torch.float64


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function as that of these operations."""

    def entered(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return entered


def common(x: Any, y: Any) -> torch.dtype:
    """The type in which two values are compared."""
    like = [
        torch.empty((1,) * v.rank, dtype=v.dtype, device="meta") if isinstance(v, Value) else v
        for v in (x, y)
    ]
    return torch.result_type(*like)


def scaled(b: Builder, x: Any, alpha: float, dtype: torch.dtype) -> str:
    """A value times a number, which is mostly 1."""
    name = b.name(x, dtype)
    return name if alpha == 1 else b("Mul", name, b.constant(alpha, dtype))
