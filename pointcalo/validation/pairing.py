"""Pairs of showers of the same, or of similar, incident particles."""

import torch
from torch import Tensor

from pointcalo.showers import Incident


def same_incident(first: Incident, second: Incident) -> bool:
    """Whether particle k of both sides is the same for every k, to float32 rounding."""
    if len(first) != len(second) or not torch.equal(first.pdg, second.pdg):
        return False
    return (
        torch.allclose(first.energy, second.energy, rtol=1e-5)
        and torch.allclose(first.direction, second.direction, atol=1e-5)
        and torch.allclose(first.position, second.position, rtol=1e-5, atol=1e-3)
    )


def matched(energy: Tensor, pool: Tensor) -> Tensor:
    """Members of a pool with the same distribution of energies, one for each wanted.

    The k-th lowest energy gets the pool's member at the same quantile.

    Args:
        energy: Wanted, [n].
        pool: Energies to choose from, [m], m >= n.

    Returns:
        Numbers in the pool, each at most once, in the order of `energy`, [n].
    """
    n, m = len(energy), len(pool)
    quantile = ((torch.arange(n).double() + 0.5) * m / n).long()
    chosen = torch.empty(n, dtype=torch.int64)
    chosen[torch.argsort(energy, stable=True)] = torch.argsort(pool, stable=True)[quantile]
    return chosen


def halves(energy: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two halves with pairs of neighbouring energies, which one goes where at random.

    Args:
        energy: Incident energies [n]; the highest is left out where n is odd.
        seed: Of the choice.

    Returns:
        Numbers of the showers of both halves, partners at the same place, [n // 2] each.
    """
    half = len(energy) // 2
    pairs = torch.argsort(energy, stable=True)[: 2 * half].view(half, 2)
    swap = torch.rand(half, generator=torch.Generator().manual_seed(seed)) < 0.5
    pairs = torch.where(swap[:, None], pairs.flip(1), pairs)
    return pairs[:, 0], pairs[:, 1]
