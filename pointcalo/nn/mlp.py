"""Multi-layer perceptron."""

from collections.abc import Sequence

from torch import nn


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear maps with ReLU between them; the last map has none behind it.

    Args:
        sizes: widths from input to output, at least two.
    """
    steps: list[nn.Module] = []
    for size_in, size_out in zip(sizes[:-1], sizes[1:], strict=True):
        steps += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*steps[:-1])
