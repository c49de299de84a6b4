"""A program as what torch did when it was run once."""

import warnings

import torch
from torch import Tensor, nn


@torch.no_grad()
def trace(program: nn.Module, inputs: tuple[Tensor, ...]) -> torch.jit.ScriptModule:
    """Trace a program with some inputs; others may have more or fewer showers."""
    program(*inputs)  # tables that are made when first needed are no part of the program
    with warnings.catch_warnings():
        # checks of inputs and numbers of layers are constants of the program
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.trace(program, inputs, check_trace=False)
