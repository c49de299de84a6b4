"""How far two samples are from being of one distribution: maximum mean discrepancies, unbiased.

The discrepancy of samples x and y with a kernel k is ``E k(x, x') + E k(y, y') - 2 E k(x, y)`` over
pairs of different members (Gretton et al. 2012, JMLR 13:723). It is 0 on average where both are of
one distribution, and below 0 as often as above.
"""

import torch
from torch import Tensor


def latent_discrepancy(x: Tensor, y: Tensor) -> Tensor:
    """Between latents ``[N, Z]`` and ``[M, Z]``, with the kernel ``2 Z / (2 Z + |x - y|^2)``.

    An inverse multiquadric with the scale of a standard normal latent (Tolstikhin et al. 2018,
    arXiv:1711.01558, section 4).

    Returns:
        A scalar.
    """
    return _within(x) + _within(y) - 2.0 * _kernel(x, y).mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    scale = 2.0 * x.shape[1]
    return scale / (scale + (x[:, None] - y).square().sum(dim=-1))


def _within(x: Tensor) -> Tensor:
    """Mean kernel of the pairs of different members; the kernel of a member with itself is 1."""
    number = len(x)
    return (_kernel(x, x).sum() - number) / max(number * (number - 1), 1)


def energy_distance(x: Tensor, y: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """Between numbers of the same segments: the discrepancy with the kernel ``-|x - y|``.

    It is twice the integral of the squared difference of their distribution functions, and takes
    sorting only (Szekely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018; as a discrepancy:
    Sejdinovic et al. 2013, arXiv:1207.6076).

    Args:
        x: one sample, ``[H]``.
        y: the other, ``[H]``, with as many numbers in each segment.
        segment: of each number of either, ``[H]`` int64.
        num_segments: Q.

    Returns:
        ``[Q]`` in double precision; 0 for segments of less than two numbers.
    """
    x, y = x.double(), y.double()
    number = torch.bincount(segment, minlength=num_segments).double()
    within = _spread(x, segment, num_segments) + _spread(y, segment, num_segments)
    both = _spread(torch.cat([x, y]), segment.repeat(2), num_segments)
    across = (both - within) / number.square().clamp_min(1.0)
    within = within / (number * (number - 1.0) / 2.0).clamp_min(1.0)
    return (2.0 * across - within) * (number > 1)


def _spread(values: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """Sum of the distances of all pairs of values ``[H]`` in each segment, ``[Q]``."""
    order = values.detach().argsort()
    order = order[segment[order].argsort(stable=True)]
    values, segment = values[order], segment[order]
    number = torch.bincount(segment, minlength=num_segments)
    rank = torch.arange(len(values), device=values.device) - (number.cumsum(0) - number)[segment]
    weighted = values * (2 * rank - number[segment] + 1)
    return values.new_zeros(num_segments).index_add(0, segment, weighted)
