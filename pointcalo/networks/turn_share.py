"""How much of a layer's remaining energy the hits of one turn take together.

The hits of a turn are drawn independently of one another. Their energies have the right means, but
their sum fluctuates too much: it may even exceed what the layer has left, and that of a single hit
as well: the density of its energy ends softly where it should end for certain. Hence two densities
of logit(sum / left), of true sums and of drawn ones: several proposals are drawn, and one of them
is taken with their ratio as its odds (sampling importance resampling; Rubin 1987,
doi:10.2307/2289460). Both are smooth, and what they miss of a sum's density, the peaks of minimum
ionising particles above all, cancels in the ratio: the hits' own densities have it.

Where a turn leaves a single hit, that has the rest, whatever it is. There the odds are those of the
rest: the density of true ones is smooth in the coordinate of hits' energies, which has the peak,
that of drawn ones in the logarithm, for nothing has made them a hit's energy.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pointcalo.networks.budget import EPS
from pointcalo.networks.spectrum import Spectrum
from pointcalo.nn.mixture import mixture_log_prob
from pointcalo.nn.mlp import mlp

FEATURES = 5
SMALLEST = 1e-6  # share that is told from zero


@dataclass(frozen=True)
class Turn:
    """The hits of one turn in G layers. Energies are excesses over threshold in thresholds.

    Args:
        promise: what the densities of the hits promise for their sum, ``[G, 5]``.
        hits: number of them, ``[G]``.
        hits_left: of the layer before the turn, ``[G]``.
        energy_left: likewise, ``[G]``.
    """

    promise: Tensor
    hits: Tensor
    hits_left: Tensor
    energy_left: Tensor

    @classmethod
    def of(
        cls,
        moments: tuple[Tensor, Tensor],
        group: Tensor,
        hits_left: Tensor,
        energy_left: Tensor,
    ) -> "Turn":
        """Turns of hits with these means and variances ``[H]`` and groups ``[H]``."""
        zero = torch.zeros_like(energy_left)
        hits = torch.bincount(group, minlength=zero.shape[0])
        expected, variance = (zero.index_add(0, group, moment) for moment in moments)
        left = energy_left.clamp_min(SMALLEST)
        promise = [
            torch.log(expected / left + SMALLEST).clamp(-8.0, 8.0),
            torch.log(variance.sqrt() / left + SMALLEST).clamp(-8.0, 8.0),
            torch.log1p(hits.float()),
            torch.log1p((hits_left - hits).clamp_min(0).float()),
            torch.log(left / hits_left.clamp_min(1) + 0.1),
        ]
        return cls(torch.stack(promise, dim=-1), hits, hits_left, energy_left)

    @property
    def leaving_several(self) -> Tensor:
        """Which leave several hits."""
        return ((self.hits > 0) & (self.hits < self.hits_left - 1)).nonzero()[:, 0]

    @property
    def leaving_one(self) -> Tensor:
        """Which leave one."""
        return ((self.hits > 0) & (self.hits == self.hits_left - 1)).nonzero()[:, 0]


class TurnShare(nn.Module):
    """Mixtures of logistics for the shares and the rests of turns, true and drawn ones.

    Args:
        width: size of the hidden layers.
        components: logistics in each mixture.
    """

    def __init__(self, *, width: int = 32, components: int = 4) -> None:
        super().__init__()
        sizes = [FEATURES, width, width, 3 * components]
        self.true, self.drawn = mlp(sizes), mlp(sizes)
        self.true_rest, self.drawn_rest = mlp(sizes), mlp(sizes)

    def log_prob(self, turn: Turn, true: Tensor, drawn: Tensor, spectrum: Spectrum) -> Tensor:
        """Log densities of true and of drawn sums of turns ``[G]``, summed, ``[G]``.

        Drawn sums of all that is left or more, which sampling never takes, do not count.
        """
        log_prob = torch.zeros_like(turn.energy_left)
        rows, one = turn.leaving_several, turn.leaving_one
        of_true = mixture_log_prob(self.true(turn.promise[rows]), _logit(turn, true, rows))
        of_drawn = mixture_log_prob(self.drawn(turn.promise[rows]), _logit(turn, drawn, rows))
        possible = drawn < turn.energy_left
        log_prob[rows] = of_true + torch.where(possible[rows], of_drawn, 0.0)
        rest, drawn_rest = (turn.energy_left[one] - energy[one] for energy in (true, drawn))
        of_true = spectrum.log_prob(self.true_rest(turn.promise[one]), rest.clamp_min(0.0))
        of_drawn = _log_prob_of_rest(self.drawn_rest(turn.promise[one]), drawn_rest)
        log_prob[one] = of_true + torch.where(possible[one], of_drawn, 0.0)
        return log_prob

    def log_odds(self, turn: Turn, drawn: Tensor, spectrum: Spectrum) -> Tensor:
        """Log density of drawn sums ``[G, M]`` as true ones, less that as drawn ones.

        -inf for sums of all that is left or more; else 0 for last hits.
        """
        odds = torch.zeros_like(drawn)
        rows, one = turn.leaving_several, turn.leaving_one
        value = _logit(turn, drawn, rows)
        of_true = mixture_log_prob(self.true(turn.promise[rows])[:, None], value)
        of_drawn = mixture_log_prob(self.drawn(turn.promise[rows])[:, None], value)
        odds = odds.index_copy(0, rows, of_true - of_drawn)
        rest = (turn.energy_left[one, None] - drawn[one]).clamp_min(0.0)
        of_true = spectrum.log_prob(self.true_rest(turn.promise[one])[:, None], rest)
        of_drawn = _log_prob_of_rest(self.drawn_rest(turn.promise[one])[:, None], rest)
        odds = odds.index_copy(0, one, of_true + spectrum.log_slope(rest) - of_drawn)
        return odds.masked_fill(drawn >= turn.energy_left[:, None], -torch.inf)


def _logit(turn: Turn, energy: Tensor, rows: Tensor) -> Tensor:
    """Logit of the share of sums ``[G]`` or ``[G, M]``, in some of the rows."""
    left = turn.energy_left[rows].clamp_min(SMALLEST)
    share = energy[rows] / (left if energy.dim() == 1 else left[:, None])
    return torch.logit(share.clamp(SMALLEST, 1.0 - SMALLEST))


def _log_prob_of_rest(parameters: Tensor, rest: Tensor) -> Tensor:
    value = torch.log(rest.clamp_min(0.0) + EPS)
    return mixture_log_prob(parameters, value, low=math.log(EPS))
