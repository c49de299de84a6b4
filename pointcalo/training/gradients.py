"""Gradients of one player as one vector."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def flat_gradient(total: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Gradient of a scalar over ``parameters``, one after the other; 0 where there is none."""
    gradients = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def clip(gradient: Tensor, limit: float | None) -> Tensor:
    """The gradient, scaled down where its norm exceeds ``limit``."""
    if limit is None:
        return gradient
    return gradient * (limit / gradient.norm()).clamp_max(1.0)


def assign(gradient: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    """Hand a flat gradient to the parameters, for an optimiser."""
    parts = gradient.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)
