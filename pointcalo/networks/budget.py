"""What a detector layer still has to give, turn after turn: hits and excess energy."""

import torch
from torch import Tensor
from torch.nn import functional

from pointcalo.geometry import Geometry
from pointcalo.networks.profile import Profile

NAMED = 6  # turns before the last that a brief names
OUTLOOK = 13  # features of the outlook on later turns, compared with the hits left
BRIEF = 6 + NAMED + OUTLOOK  # features of a brief
NEARBY = 3  # of them, sums of later weights
EPS = 0.3  # of the threshold, added to the excess before a logarithm: linear near the threshold


class Budget:
    """Hits and excess energy of every layer of every shower, and what is left of them.

    A segment is a layer of a shower, number ``s L + l``, Q = S L of them.

    Args:
        geometry: the detector.
        profile: hits and energy of each layer.
    """

    def __init__(self, geometry: Geometry, profile: Profile) -> None:
        num_showers, num_layers = profile.counts.shape
        self.num_colours = geometry.num_colours
        self.last = (geometry.layer_colours - 1).repeat(num_showers)
        self.counts = profile.counts.flatten()
        self.excess = profile.excess(geometry.layer_threshold).flatten()
        self.threshold = geometry.layer_threshold.repeat(num_showers)
        layer = torch.arange(num_layers, device=self.counts.device)
        self.parity = (layer % 2).repeat(num_showers)
        self.centre = profile.centre(geometry).flatten(0, 1)
        self.hits_left = self.counts
        self.excess_left = self.excess

    def spend(self, segment: Tensor, excess: Tensor | None = None) -> None:
        """Take hits ``[H]`` with their excess energies off what their segments have left."""
        self.hits_left = self.hits_left.index_add(0, segment, -torch.ones_like(segment))
        if excess is not None:
            self.excess_left = self.excess_left.index_add(0, segment, -excess)

    def brief(self, step: int, outlook: Tensor, *, with_energy: bool) -> Tensor:
        """What each segment knows at one of its turns, ``[Q, 25]``; outlook ``[Q, K, 10]``."""
        excess = self.excess_left if with_energy else self.excess
        brief = self._brief(self.hits_left, excess, torch.full_like(self.counts, step))
        return torch.cat([brief, _compared(outlook[:, step], self.hits_left)], dim=-1)

    def true_left(
        self, segment: Tensor, step: Tensor, excess: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Hits and excess energy left at the K turns, each ``[Q, K]``, from true hits ``[H]``."""
        shape = (len(self.counts), self.num_colours)
        slot = segment * self.num_colours + step
        spent = torch.bincount(slot, minlength=shape[0] * shape[1]).reshape(shape)
        left = self.counts[:, None] - (spent.cumsum(1) - spent)
        excess_left = self.excess[:, None].expand(shape)
        if excess is not None:
            energy = excess.new_zeros(shape[0] * shape[1]).index_add(0, slot, excess).reshape(shape)
            excess_left = excess_left - (energy.cumsum(1) - energy)
        return left, excess_left.clamp_min(0.0)

    def true_briefs(self, left: Tensor, excess_left: Tensor, outlook: Tensor) -> Tensor:
        """The brief ``[Q, K, 25]`` at the K turns, from `true_left`; outlook ``[Q, K, 10]``."""
        steps = torch.arange(self.num_colours, device=left.device).expand(left.shape)
        brief = self._brief(left, excess_left, steps)
        return torch.cat([brief, _compared(outlook, left)], dim=-1)

    def _brief(self, left: Tensor, excess: Tensor, step: Tensor) -> Tensor:
        several = left.dim() > 1
        counts, threshold, total, parity = (
            values[:, None].expand(left.shape) if several else values
            for values in (self.counts, self.threshold, self.excess, self.parity)
        )
        last = self.last[:, None].expand(left.shape) if several else self.last
        excess = excess.clamp_min(0.0)
        later = (last - step).clamp_min(0)  # turns after this one
        named = functional.one_hot(later.clamp_max(NAMED), NAMED + 1)[..., :NAMED].float()
        numbers = torch.stack(
            [
                torch.log1p(left.clamp_min(0).float()),
                left / counts.clamp_min(1),
                parity.float(),
                1.0 / (later + 1),
                torch.log(excess / (left.clamp_min(1) * threshold) + EPS),
                excess / total.clamp_min(1e-9),
            ],
            dim=-1,
        )
        return torch.cat([numbers, named], dim=-1)


def _compared(outlook: Tensor, left: Tensor) -> Tensor:
    """The outlook ``[..., 10]``, its last three, sums of later weights, beside the hits left."""
    shares, sums = outlook[..., :-NEARBY], outlook[..., -NEARBY:]
    ratio = (sums / (left[..., None].clamp_min(0).float() + 0.5)).clamp_max(3.0)
    return torch.cat([shares, torch.log1p(sums), ratio], dim=-1)
