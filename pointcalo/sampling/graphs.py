"""Networks on CUDA as graphs of their kernels, one for each bucket of rows."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 256  # rows of the first bucket; each next one has twice as many
WARM_UP = 3  # calls before a graph is captured: libraries choose their kernels in them

Capture = Callable[[nn.Module, Tensor], Callable[[Tensor], Tensor]]


class Bucketed(nn.Module):
    """A network of rows that is called with zeros below them, so that few sizes occur.

    Args:
        network: from one tensor ``[R, ..., A]`` to another ``[R, ..., B]``, row by row.
        capture: makes a graph for one size.
    """

    def __init__(self, network: nn.Module, capture: Capture) -> None:
        super().__init__()
        self.network, self.capture = network, capture
        self.graphs: dict[tuple[torch.Size, bool], Callable[[Tensor], Tensor]] = {}

    def forward(self, rows: Tensor) -> Tensor:
        """As of the network."""
        number = len(rows)
        if number == 0:
            return self.network(rows)
        size = max(SMALLEST, 1 << (number - 1).bit_length())
        filled = functional.pad(rows, (0, 0) * (rows.dim() - 1) + (0, size - number))
        kind = filled.shape, torch.is_autocast_enabled(rows.device.type)
        if kind not in self.graphs:
            self.graphs[kind] = self.capture(self.network, filled)
        return self.graphs[kind](filled)[:number].clone()  # the next call writes there again


def captured(network: nn.Module, rows: Tensor) -> Callable[[Tensor], Tensor]:
    """The network as a CUDA graph, for rows of this shape."""
    known = rows.clone()
    with torch.cuda.device(rows.device):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                network(known)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = network(known)

    def replayed(rows: Tensor) -> Tensor:
        known.copy_(rows)
        graph.replay()
        return result

    return replayed


def with_graphs(network: nn.Module, capture: Capture = captured) -> nn.Module:
    """A copy of a network whose perceptrons are graphs.

    Args:
        network: a profile model or a generator, in evaluation mode, on CUDA.
        capture: what makes a graph of a perceptron and rows of one shape.
    """
    quick = copy.deepcopy(network).requires_grad_(False)
    for owner in list(quick.modules()):
        for key, child in owner.named_children():
            if type(child) is nn.Sequential:
                setattr(owner, key, Bucketed(child, capture))
    return quick
