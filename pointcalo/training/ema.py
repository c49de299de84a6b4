"""Exponential average of a model's weights."""

import copy

import torch
from torch import nn


class ExponentialAverage:
    """A second model whose parameters follow those of a trained one.

    After update t the averaged weights are ``d w_average + (1 - d) w`` with
    ``d = min(decay, (1 + t) / (10 + t))``, so that the random first weights are forgotten soon.

    Args:
        model: the trained model; it is copied.
        decay: the decay d after many updates.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow ``model`` after update number ``step``, counted from 1."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        for average, parameter in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(parameter, 1.0 - decay)

    @torch.no_grad()
    def copy_buffers(self, model: nn.Module) -> None:
        """Take over the buffers of ``model``, which are not averaged."""
        for copied, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            copied.copy_(buffer)
