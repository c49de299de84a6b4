"""Multi-layer perceptron."""

import warnings
from collections.abc import Sequence

from torch import nn


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear maps with ReLU between them; the last map has none behind it.

    Args:
        sizes: widths from input to output, at least two; the last may be 0.
    """
    steps: list[nn.Module] = []
    with warnings.catch_warnings():  # where there is nothing to initialise
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        for size_in, size_out in zip(sizes[:-1], sizes[1:], strict=True):
            steps += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*steps[:-1])
