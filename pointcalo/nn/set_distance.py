"""How far sets of points are from one another, by sorting, and a score for random ones.

Seen along a direction, two sets of as many points are matched by their order: the Euclidean
distance of the sorted numbers is, but for the root of their number, the Wasserstein distance of
second order. Its mean over directions is the sliced one (Bonneel et al. 2015,
doi:10.1007/s10851-014-0506-3), whatever the order of the points, at a cost of n log n.

A distance alone asks for one answer, the set in the middle of all that are possible. The energy
score (Gneiting and Raftery 2007, doi:10.1198/016214506000001437, section 4.3) asks for random
answers as they are: ``E d(X, y) - E d(X, X') / 2`` with independent answers X and X', which is
lowest on average where these are distributed like y. It is proper since sorted numbers are points
of a Euclidean space; as the loss of a decoder: Shen and Meinshausen 2024, arXiv:2404.13649.
"""

import torch
from torch import Tensor


def directions(number: int, like: Tensor) -> Tensor:
    """Unit vectors ``[K, F]`` in the space of points ``like [P, F]``, of torch's own numbers."""
    normal = torch.randn(number, like.shape[1], device=like.device)
    return torch.nn.functional.normalize(normal, dim=1)


def energy_score(y: Tensor, x: Tensor, other: Tensor, ptr: Tensor, along: Tensor) -> Tensor:
    """The score of random sets in the light of what came true; the lower, the better.

    Args:
        y: points of Q sets, those of a set one after the other, ``[P, F]``.
        x: random sets with as many points each, ``[P, F]``.
        other: the same, drawn again, ``[P, F]``.
        ptr: which points belong to each set, ``[Q + 1]``.
        along: directions, ``[K, F]``.

    Returns:
        Mean over directions, ``[Q]``; 0 for sets without points.
    """
    true, one, two = (sorted_along(points, ptr, along) for points in (y, x, other))
    apart = distances(one, true, ptr) + distances(two, true, ptr) - distances(one, two, ptr)
    return 0.5 * apart.mean(dim=1)


def sorted_along(points: Tensor, ptr: Tensor, along: Tensor) -> Tensor:
    """Places of points ``[P, F]`` along each direction, rising in every set, ``[P, K]``."""
    place = points.float() @ along.T
    owner = torch.repeat_interleave(ptr.diff())[:, None]
    order = place.detach().argsort(dim=0)
    within = owner.expand_as(order).gather(0, order).argsort(dim=0, stable=True)
    return place.gather(0, order.gather(0, within))


def distances(x: Tensor, y: Tensor, ptr: Tensor) -> Tensor:
    """Euclidean distances of sorted numbers ``[P, K]`` of the same sets, ``[Q, K]``."""
    owner = torch.repeat_interleave(ptr.diff())
    squared = x.new_zeros(len(ptr) - 1, x.shape[1]).index_add(0, owner, (x - y).square())
    occupied = squared > 0.0  # the root has no slope at 0
    return torch.where(occupied, squared, 1.0).sqrt() * occupied
