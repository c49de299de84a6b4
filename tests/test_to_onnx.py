"""Operations of torch as nodes of ONNX: the same numbers from both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pointcalo.programs.running import open_program
from pointcalo.programs.to_onnx import OPSET, write_onnx
from pointcalo.programs.tracing import trace

FLOATS = torch.tensor([-3.5, -1.0, -1e-4, 0.0, 1e-6, 0.3, 2.5, 7.0])
INTS = torch.tensor([5, 0, 3, 3, -2, 7, 1, -9])
SHARES = torch.cat([torch.tensor([2.0**-23, 1.0 - 2.0**-22]), torch.linspace(0.01, 0.99, 9)])
TABLE = torch.arange(24.0).reshape(4, 3, 2)
NAMES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.int64: "int64",
    torch.bool: "bool",
}


class Function(nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def _both(function: Callable[..., Tensor], path: Path, *inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Results of torch, and of ONNX Runtime with a file that was traced with fewer rows."""
    fewer = tuple(x[: max(len(x) // 2, 1)] if x.dim() else x for x in inputs)
    result = function(*inputs)
    tables = (
        {f"{name}{k}": (NAMES[x.dtype], _open(x), "", "") for k, x in enumerate(values)}
        for name, values in (("in", inputs), ("out", (result,)))
    )
    file = path / "function.onnx"
    write_onnx(trace(Function(function), fewer), file, *tables)
    (found,) = open_program(file)([x.numpy() for x in inputs])
    return result, torch.from_numpy(np.asarray(found))


def _open(x: Tensor) -> list[str]:
    return [f"N{axis}" for axis in range(x.dim())]


def _in_place(x: Tensor) -> Tensor:
    y = x * 1.0
    y[:, 1:2] = y[:, 1:2] + 10.0
    y.view(-1).index_add_(0, torch.tensor([0, 0, 3]), torch.ones(3))
    return y


@torch.jit.script_if_tracing
def _shrunk(x: Tensor, y: Tensor) -> Tensor:
    turns = 0
    while x.size(0) > 2:
        x = x[1:] + y * x[:-1]
        x = x[x > -100.0].sort(stable=True)[0]
        turns = turns + 1
    return x * turns


@torch.jit.script_if_tracing
def _halved(x: Tensor) -> Tensor:
    while bool((x > 1.0).any()):
        x = x / 2
    return x


@torch.jit.script_if_tracing
def _counted(x: Tensor) -> Tensor:
    for turn in range(x.size(0)):
        x = x + turn
    return x


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (_shrunk, [FLOATS, torch.tensor(0.5)]),
        (_halved, [FLOATS]),
        (torch.log1p, [FLOATS.abs()]),
        (torch.expm1, [FLOATS.clamp_max(2.0)]),
        (nn.functional.softplus, [2 * FLOATS]),
        (nn.functional.logsigmoid, [2 * FLOATS]),
        (torch.logit, [SHARES]),
        (lambda x: torch.erfinv(2 * x - 1), [SHARES]),
        (lambda x: torch.softmax(x[:, None] * x, dim=1), [FLOATS]),
        (lambda x: torch.logsumexp(x[:, None] * x, dim=1), [FLOATS]),
        (lambda x: x.clamp(-1.0, 2.0).round(), [FLOATS]),
        (lambda x: x / 3, [INTS]),
        (lambda x: x + 0.5, [INTS]),
        (lambda x: x // 3, [INTS]),
        (lambda x: x % 3, [INTS]),
        (lambda x: x % 0.7, [FLOATS]),
        (lambda x: x**3, [FLOATS]),
        (lambda x: x > 2.5, [INTS]),
        (lambda x: x >> 1, [INTS]),
        (lambda x: ((x * -7046029254386353131) >> 27) & ((1 << 37) - 1), [INTS]),
        (lambda x: x ^ (x * 77), [INTS]),
        (lambda x: ~(x > 0) | (x == -2), [INTS]),
        (lambda x: torch.where(x > 0, x > 3, x < -2), [INTS]),
        (lambda x: x[x > 0], [INTS]),
        (lambda x: x[(x % 3).argsort(stable=True)], [INTS]),
        (lambda x: x[:, None].expand(-1, 3).flip(1).cumsum(1), [FLOATS]),
        (lambda x: x[[0, 1], [2, 1]], [TABLE]),
        (lambda x: x[:, torch.tensor([2, 0])], [TABLE]),
        (lambda x: x.flatten(1)[:, -2:].sum(dim=1), [TABLE]),
        (lambda x: torch.stack(x.chunk(2, dim=-1), dim=1), [TABLE]),
        (lambda x: torch.linalg.vector_norm(x, dim=-1), [TABLE]),
        (lambda x: x.flatten(1).unflatten(-1, (-1, 3)).sum(1), [TABLE]),
        (lambda x: x.flatten().view_as(x), [TABLE]),
        (lambda x: (x > 7).nonzero(), [TABLE]),
        (lambda x: (x > 7).any(1) & (x < 20).all(dim=1), [TABLE]),
        (lambda x: x.argmax(dim=1) - x.argmin(dim=1), [TABLE]),
        (lambda x: nn.functional.pad(x, (1, 2)), [TABLE]),
        (_in_place, [TABLE[:, 0]]),
        (torch.repeat_interleave, [INTS.abs()]),
        (lambda x: torch.repeat_interleave(x, x.abs()), [INTS]),
        (lambda x: torch.arange(x.shape[0]).repeat_interleave(3), [INTS]),
        (lambda x: torch.bincount(x.abs(), minlength=12), [INTS]),
        (lambda x: torch.bincount(x.abs())[x.abs()], [INTS]),
        (lambda x: torch.bincount(x[x > 99]), [INTS]),
        (lambda x: torch.unique(x), [INTS]),
        (lambda x: torch.searchsorted(x.sort().values, 2 * x), [INTS]),
        (lambda x: torch.searchsorted(x.sort().values, x, right=True), [INTS]),
        (lambda x: torch.searchsorted(torch.linspace(-4, 8, 5), x, right=True), [FLOATS]),
        (lambda x: torch.bucketize(x, torch.linspace(-4, 8, 100)), [FLOATS]),
        (lambda x: torch.bucketize(x, torch.tensor([-2, 3])), [INTS]),
        (lambda x, i: x.new_zeros(3).index_add(0, i % 3, x), [FLOATS, INTS]),
        (lambda x, i: torch.zeros(4, 2).index_add(0, i % 4, x[:, 0]), [TABLE, INTS[:4]]),
        (lambda x, i: torch.zeros(9).index_copy(0, i, x), [FLOATS, torch.randperm(8)]),
        (lambda x, i: torch.ones(9, 2).index_copy(0, i, x[:, 1]), [TABLE, torch.arange(4, 8)]),
        (lambda x, i: torch.zeros(9).index_fill(0, i, 2.0), [FLOATS, torch.arange(8)]),
        (lambda x, i: torch.zeros(3).scatter_reduce(0, i % 3, x, "amin"), [FLOATS, INTS]),
        (lambda x, i: x[:, 0].gather(1, i[:, None]), [TABLE, torch.tensor([1, 0, 0, 1])]),
        (lambda x, i: x.take(i), [TABLE, torch.tensor([1, 0, 23, 7])]),
        (lambda x: torch.hypot(x, 2.0 - x), [FLOATS]),
        (lambda x: torch.atan2(x, x.flip(0)), [FLOATS]),
        (lambda x: torch.cos(1e6 * torch.atan2(x.double(), x.flip(0).double())), [FLOATS]),
        (lambda x: x[:, 0].double().topk(1, dim=1, largest=False)[0], [TABLE]),
        (lambda x: (x[:, 0] % 3).topk(2, dim=1)[1], [TABLE]),
        (lambda x: x.nan_to_num_(-1.0), [torch.tensor([1.0, float("nan"), 3.0])]),
    ],
)
def test_operations(function: Callable[..., Tensor], inputs: list[Tensor], tmp_path: Path) -> None:
    own, found = _both(function, tmp_path, *(x.clone() for x in inputs))
    assert found.dtype == own.dtype
    torch.testing.assert_close(found, own, rtol=1e-6, atol=0.0)


def test_a_recurrent_layer(tmp_path: Path) -> None:
    layer = nn.GRU(3, 5, batch_first=True).requires_grad_(False)
    steps = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1))
    start = torch.ones(1, 4, 5)
    tables = (
        {"x": ("float32", ["N", "T", 3], "", ""), "h": ("float32", [1, "N", 5], "", "")},
        {"states": ("float32", ["N", "T", 5], "", "")},
    )
    traced = trace(Function(lambda x, h: layer(x, h)[0]), (steps[:2], start[:, :2]))
    write_onnx(traced, tmp_path / "layer.onnx", *tables)
    (found,) = open_program(tmp_path / "layer.onnx")([steps.numpy(), start.numpy()])
    torch.testing.assert_close(torch.from_numpy(found), layer(steps, start)[0])


def test_what_has_no_translation(tmp_path: Path) -> None:
    for function, message in (
        (torch.lgamma, "no translation of aten::lgamma to ONNX; use format=torchscript"),
        (lambda x: x.index_add(1, torch.tensor([0]), x[:, :1]), "not for ONNX"),
        (_counted, "no translation of loops with a limit; use format=torchscript"),
    ):
        with pytest.raises(ValueError, match=message):
            _both(function, tmp_path, TABLE[:, 0].clone())
    assert list(tmp_path.iterdir()) == []


def test_the_opset_is_the_one_that_is_said(tmp_path: Path) -> None:
    import onnx

    _both(torch.exp, tmp_path, FLOATS)
    (opset,) = onnx.load(tmp_path / "function.onnx").opset_import
    assert opset.version == OPSET == 18
