"""How much of a layer's remaining energy the hits of one turn take together.

The hits of a turn are drawn independently of one another. Their energies have the right means, but
their sum fluctuates too much: it may even exceed what the layer has left. Hence two densities of
logit(sum / left), of true sums and of drawn ones: several proposals are drawn, and one of them is
taken with their ratio as its odds (sampling importance resampling; Rubin 1987,
doi:10.2307/2289460). Both are smooth, and what they miss of a sum's density, the peaks of minimum
ionising particles above all, cancels in the ratio: the hits' own densities have it.
"""

import torch
from torch import Tensor, nn

from pointcalo.nn.mixture import mixture_log_prob
from pointcalo.nn.mlp import mlp

FEATURES = 5
SMALLEST = 1e-6  # share that is told from zero


class TurnShare(nn.Module):
    """Mixtures of logistics in logit(share), given what the hits' own densities promise.

    Energies are excesses over threshold in units of the threshold, one number a group: the hits of
    one turn in one layer of one shower, G groups.

    Args:
        width: size of the hidden layers.
        components: logistics in each mixture.
    """

    def __init__(self, *, width: int = 32, components: int = 4) -> None:
        super().__init__()
        self.true = mlp([FEATURES, width, width, 3 * components])
        self.drawn = mlp([FEATURES, width, width, 3 * components])

    def log_prob(self, promise: Tensor, true: Tensor, drawn: Tensor) -> Tensor:
        """Log densities of true and of drawn shares ``[G]``, summed, for `promise` ``[G, 5]``.

        Drawn shares of 1 or more, which sampling never takes, do not count.
        """
        log_true = mixture_log_prob(self.true(promise), _logit(true))
        log_drawn = mixture_log_prob(self.drawn(promise), _logit(drawn))
        return log_true + torch.where(drawn < 1.0, log_drawn, 0.0)

    def log_odds(self, promise: Tensor, drawn: Tensor) -> Tensor:
        """Log density of drawn shares ``[G, M]`` as true ones, less that as drawn ones."""
        value = _logit(drawn)
        log_true = mixture_log_prob(self.true(promise)[:, None], value)
        return log_true - mixture_log_prob(self.drawn(promise)[:, None], value)


def _logit(share: Tensor) -> Tensor:
    return torch.logit(share.clamp(SMALLEST, 1.0 - SMALLEST))


def promise(
    moments: tuple[Tensor, Tensor], group: Tensor, hits_left: Tensor, energy_left: Tensor
) -> Tensor:
    """What the densities of a group's hits promise for their sum, ``[G, 5]``.

    Args:
        moments: mean and variance of each hit's energy, each ``[H]``.
        group: of each hit, ``[H]``.
        hits_left: of the layer before the turn, ``[G]``.
        energy_left: likewise, ``[G]``.
    """
    mean, variance = moments
    zero = torch.zeros_like(energy_left)
    hits = torch.bincount(group, minlength=len(zero))
    expected = zero.index_add(0, group, mean)
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
