"""Penalties on the slope of a critic of sets, one norm a shower."""

from collections.abc import Callable

import torch
from torch import Tensor

from pointcalo.showers import segment_sum


def squared_slope(critic: Callable[[Tensor], Tensor], points: Tensor, ptr: Tensor) -> Tensor:
    """``|grad D|^2`` of each shower, over all features of all its points.

    Gradients are enabled here, whatever the caller's mode.

    Args:
        critic: points ``[P, F]`` to scores ``[S]``; a score depends on its own shower only.
        points: where to take the gradient, ``[P, F]``.
        ptr: ``[S+1]``.

    Returns:
        ``[S]``; 0 for a shower without points.

    Source: as a penalty at real showers: Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406.
    """
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        score = critic(points).sum()
        (gradient,) = torch.autograd.grad(score, points, create_graph=True)
        return segment_sum(gradient.square().sum(dim=-1), ptr)


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor, ptr: Tensor) -> Tensor:
    """``(|grad D| - 1)^2`` of each shower; arguments as for `squared_slope`.

    Returns:
        ``[S]``; 0 for a shower without points.

    Source: Gulrajani et al. 2017, arXiv:1704.00028.
    """
    with torch.enable_grad():
        # 1e-12: the root has no slope at 0
        slope = (squared_slope(critic, points, ptr) + 1e-12).sqrt()
        return (slope - 1.0).square() * (ptr.diff() > 0)
