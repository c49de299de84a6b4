"""The gradient penalty that keeps a critic of sets near slope 1."""

from collections.abc import Callable

import torch
from torch import Tensor

from pointcalo.showers import segment_sum


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor, ptr: Tensor) -> Tensor:
    """``(|grad D| - 1)^2`` of each shower, with the norm over all points of that shower.

    Gradients are enabled here, whatever the caller's mode.

    Args:
        critic: points ``[P, F]`` to scores ``[S]``; a score depends on its own shower only.
        points: where to take the gradient, ``[P, F]``.
        ptr: ``[S+1]``.

    Returns:
        ``[S]``; 0 for a shower without points.

    Source: Gulrajani et al. 2017, arXiv:1704.00028.
    """
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        score = critic(points).sum()
        (gradient,) = torch.autograd.grad(score, points, create_graph=True)
        square = segment_sum(gradient.square().sum(dim=-1), ptr)
        # 1e-12: the root has no slope at 0
        return ((square + 1e-12).sqrt() - 1.0).square() * (ptr.diff() > 0)
