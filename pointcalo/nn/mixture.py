"""Mixtures of logistic distributions: closed-form density, distribution function and sampling.

A logistic has exponential tails, so that in the logarithm of an energy it holds a power law, which
a Gaussian mixture needs many components for.
Counts use the discretised form (Salimans et al. 2017, arXiv:1701.05517).
"""

import torch
from torch import Tensor
from torch.nn import functional

MIN_LOG_SCALE = -5.0  # a spike narrower than this would buy likelihood without meaning
MAX_LOG_SCALE = 4.0
SMALLEST_DENSITY = 1e-3  # far out in a tail a sample would move without bound
SMALLEST_SHARE = 1e-6
POINTS = (1 / 6, 1 / 2, 5 / 6)  # of each component, where it stands for a sum over points


def _unpack(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # half precision would move a narrow component by more than its width
    wide = parameters.float() if parameters.dtype.itemsize < 4 else parameters
    logit, mean, log_scale = wide.chunk(3, dim=-1)
    return logit, mean, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)


def mixture_log_prob(parameters: Tensor, value: Tensor, low: float | None = None) -> Tensor:
    """Log density of a mixture of K logistics.

    Args:
        parameters: ``[..., 3K]``: logits of the weights, means, logarithms of the scales.
        value: ``[...]``.
        low: no value lies below it: each logistic is cut there and normalised.

    Returns:
        ``[...]``.
    """
    logit, mean, log_scale = _unpack(parameters)
    scale = torch.exp(-log_scale)
    x = (value.unsqueeze(-1) - mean) * scale
    component = -x - 2.0 * functional.softplus(-x) - log_scale
    if low is not None:
        component = component - functional.logsigmoid((mean - low) * scale)
    return torch.logsumexp(functional.log_softmax(logit, dim=-1) + component, dim=-1)


def mixture_log_prob_between(parameters: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Log probability of the interval from ``low`` to ``high``, each ``[...]``."""
    logit, mean, log_scale = _unpack(parameters)
    scale = torch.exp(-log_scale)
    a = (low.unsqueeze(-1) - mean) * scale
    b = (high.unsqueeze(-1) - mean) * scale
    # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), stable in both tails
    component = (
        functional.logsigmoid(b) + functional.logsigmoid(-a) + torch.log(-torch.expm1(a - b))
    )
    return torch.logsumexp(functional.log_softmax(logit, dim=-1) + component, dim=-1)


def mixture_sample(
    parameters: Tensor, choice: Tensor, noise: Tensor, low: float | None = None
) -> Tensor:
    """A sample of the mixture.

    Args:
        parameters: ``[..., 3K]``.
        choice: uniform numbers that choose the component, ``[...]``.
        noise: standard logistic numbers, ``[...]``.
        low: as for `mixture_log_prob`.

    Returns:
        ``[...]``.
    """
    logit, mean, log_scale = _unpack(parameters)
    cumulative = torch.softmax(logit, dim=-1).cumsum(dim=-1)
    component = (choice.unsqueeze(-1) > cumulative[..., :-1]).sum(dim=-1, keepdim=True)
    mean = mean.expand(*choice.shape, -1).gather(-1, component).squeeze(-1)
    log_scale = log_scale.expand(*choice.shape, -1).gather(-1, component).squeeze(-1)
    if low is not None:
        # the share above the sample, times the share above the cut, in logarithms
        above = functional.logsigmoid(-noise)
        above = above + functional.logsigmoid((mean - low) * torch.exp(-log_scale))
        noise = torch.log(-torch.expm1(above.clamp_max(-1e-7))) - above
    sample = mean + torch.exp(log_scale) * noise
    return sample if low is None else sample.clamp_min(low)


def mixture_points(parameters: Tensor, low: float | None = None) -> tuple[Tensor, Tensor]:
    """Points and weights that stand for a mixture, for means of any function of its value.

    Three quantiles of each logistic.

    Args:
        parameters: ``[..., 3K]``.
        low: as for `mixture_log_prob`.

    Returns:
        Points and weights, each ``[..., 3K]``; the weights sum to 1.
    """
    logit, mean, log_scale = (part.unsqueeze(-1) for part in _unpack(parameters))
    share = torch.tensor(POINTS, device=mean.device)
    scale = torch.exp(log_scale)
    weight = torch.softmax(logit, dim=-2).expand(*mean.shape[:-1], len(POINTS)) / len(POINTS)
    if low is not None:
        cut = torch.sigmoid((low - mean) / scale)
        share = (cut + (1.0 - cut) * share).clamp_max(1.0 - SMALLEST_SHARE)
    point = mean + scale * torch.logit(share)
    point = point if low is None else point.clamp_min(low)
    return point.flatten(-2), weight.flatten(-2)


def mixture_follow(parameters: Tensor, sample: Tensor, low: float | None = None) -> Tensor:
    """A sample as a differentiable function of the parameters of its mixture.

    The sample moves so that its distribution function F stays the same: dx/dp = -(dF/dp) / density.

    Args:
        parameters: ``[..., 3K]``.
        sample: drawn from the mixture by whatever means, ``[...]``.
        low: as for `mixture_log_prob`.

    Returns:
        The sample ``[...]``, with gradients towards the parameters.

    Source: Figurnov, Mohamed and Mnih 2018, arXiv:1805.08498.
    """
    logit, mean, log_scale = _unpack(parameters)
    scale = torch.exp(-log_scale)
    value = sample.detach()
    below = torch.sigmoid((value.unsqueeze(-1) - mean) * scale)
    if low is not None:
        cut = torch.sigmoid((low - mean) * scale)
        below = (below - cut) / (1.0 - cut).clamp_min(SMALLEST_SHARE)
    share = (torch.softmax(logit, dim=-1) * below).sum(dim=-1)
    density = torch.exp(mixture_log_prob(parameters, value, low)).detach()
    return value - (share - share.detach()) / density.clamp_min(SMALLEST_DENSITY)
