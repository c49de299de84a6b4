"""How much of a layer's remaining energy the hits of one turn take together.

The hits of a turn are drawn independently of one another. Their energies have the right means, but
their sum fluctuates too much: it may even exceed what the layer has left. Hence their sum has a
density of its own, in logit(sum / left), and of several proposals the one nearest to it is taken.
"""

import torch
from torch import Tensor, nn

from pointcalo.networks.budget import EPS
from pointcalo.nn.mixture import exponential_moments, mixture_log_prob, mixture_sample
from pointcalo.nn.mlp import mlp

FEATURES = 5
SMALLEST = 1e-6  # share that is told from zero


class TurnShare(nn.Module):
    """Mixture of logistics in logit(share), given what the hits' own densities promise.

    Energies are excesses over threshold in units of the threshold, one number a group: the hits of
    one turn in one layer of one shower, G groups.

    Args:
        width: size of the hidden layers.
        components: logistics in the mixture.
    """

    def __init__(self, *, width: int = 32, components: int = 4) -> None:
        super().__init__()
        self.network = mlp([FEATURES, width, width, 3 * components])

    def log_prob(self, promise: Tensor, share: Tensor) -> Tensor:
        """Log density of logit(share) ``[G]``, for `promise` ``[G, 5]``."""
        value = torch.logit(share.clamp(SMALLEST, 1.0 - SMALLEST))
        return mixture_log_prob(self.network(promise), value)

    def sample(self, promise: Tensor, choice: Tensor, noise: Tensor) -> Tensor:
        """Shares ``[G]`` from uniform and logistic numbers ``[G]``."""
        return torch.sigmoid(mixture_sample(self.network(promise), choice, noise))


def promise(parameters: Tensor, group: Tensor, hits_left: Tensor, energy_left: Tensor) -> Tensor:
    """What the densities of a group's hits promise for their sum, ``[G, 5]``.

    Args:
        parameters: mixtures of log(energy + eps) of each hit, ``[H, 3K]``.
        group: of each hit, ``[H]``.
        hits_left: of the layer before the turn, ``[G]``.
        energy_left: likewise, ``[G]``.
    """
    mean, variance = exponential_moments(parameters)
    zero = torch.zeros_like(energy_left)
    hits = torch.bincount(group, minlength=len(zero))
    expected = zero.index_add(0, group, (mean - EPS).clamp_min(0.0))
    spread = zero.index_add(0, group, variance).sqrt()
    left = energy_left.clamp_min(SMALLEST)
    return torch.stack(
        [
            torch.log(expected / left + SMALLEST).clamp(-8.0, 8.0),
            torch.log(spread / left + SMALLEST).clamp(-8.0, 8.0),
            torch.log1p(hits.float()),
            torch.log1p((hits_left - hits).clamp_min(0).float()),
            torch.log(left / hits_left.clamp_min(1) + 0.1),
        ],
        dim=-1,
    )
