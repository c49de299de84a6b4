"""Layers of networks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pointcalo.programs.to_onnx.builder import Builder, Value
from pointcalo.programs.to_onnx.operators.registry import operator


@operator("leaky_relu")
def _leaky_relu(b: Builder, out: Value, x: Value, slope: float = 0.01) -> str:
    return b("LeakyRelu", x.name, alpha=float(slope))


@operator("linear")
def _linear(b: Builder, out: Value, x: Value, weight: Tensor, bias: Any = None) -> str:
    product = b("MatMul", x.name, b.constant(weight.t()))
    return product if bias is None else b("Add", product, b.name(bias))


@operator("matmul")
def _matmul(b: Builder, out: Value, x: Any, y: Any) -> str:
    return b("MatMul", b.name(x), b.name(y))


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
