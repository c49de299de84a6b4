"""What a detector layer still has to give, turn after turn: hits and excess energy."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pointcalo.geometry import Geometry
from pointcalo.networks.profile import Profile

NAMED = 6  # colours before the last that a brief names
OUTLOOK = 7  # features of the outlook on later turns
BRIEF = 6 + NAMED + OUTLOOK  # features of a brief
EPS = 0.3  # of the threshold, added to the excess before a logarithm: linear near the threshold
LOWEST = math.log(EPS)
SHIFTS = 6  # Newton's steps
LARGEST_SHIFT = 3.0


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

    def brief(self, colour: int, outlook: Tensor, *, with_energy: bool) -> Tensor:
        """What each segment knows at the turn of a colour, ``[Q, 19]``; outlook ``[Q, K, 7]``."""
        excess = self.excess_left if with_energy else self.excess
        brief = self._brief(self.hits_left, excess, torch.full_like(self.counts, colour))
        return torch.cat([brief, outlook[:, colour]], dim=-1)

    def true_left(
        self, segment: Tensor, colour: Tensor, excess: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Hits and excess energy left at the K colours, each ``[Q, K]``, from true hits ``[H]``."""
        shape = (len(self.counts), self.num_colours)
        slot = segment * self.num_colours + colour
        spent = torch.bincount(slot, minlength=shape[0] * shape[1]).reshape(shape)
        left = self.counts[:, None] - (spent.cumsum(1) - spent)
        excess_left = self.excess[:, None].expand(shape)
        if excess is not None:
            energy = excess.new_zeros(shape[0] * shape[1]).index_add(0, slot, excess).reshape(shape)
            excess_left = excess_left - (energy.cumsum(1) - energy)
        return left, excess_left.clamp_min(0.0)

    def true_briefs(self, left: Tensor, excess_left: Tensor, outlook: Tensor) -> Tensor:
        """The brief ``[Q, K, 19]`` at the K colours, from `true_left`; outlook ``[Q, K, 7]``."""
        colours = torch.arange(self.num_colours, device=left.device).expand(left.shape)
        return torch.cat([self._brief(left, excess_left, colours), outlook], dim=-1)

    def _brief(self, left: Tensor, excess: Tensor, colour: Tensor) -> Tensor:
        several = left.dim() > 1
        counts, threshold, total, parity = (
            values[:, None].expand(left.shape) if several else values
            for values in (self.counts, self.threshold, self.excess, self.parity)
        )
        last = self.last[:, None].expand(left.shape) if several else self.last
        excess = excess.clamp_min(0.0)
        later = (last - colour).clamp_min(0)  # colours after this one
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


def best(score: Tensor, segment: Tensor, allowed: Tensor) -> Tensor:
    """Whether each score ``[R]`` is among the ``allowed [Q]`` best of its segment ``[R]``."""
    # one sort by (segment, falling score): the scores are squeezed so that segments cannot mix
    order = torch.argsort(segment.double() * 4.0 - torch.atan(score.double()))
    ordered = segment[order]
    first = torch.searchsorted(ordered, ordered)
    chosen = torch.zeros_like(segment, dtype=torch.bool)
    chosen[order] = torch.arange(len(order), device=order.device) - first < allowed[ordered]
    return chosen


def decided(
    logit: Tensor,
    noise: Tensor,
    segment: Tensor,
    *,
    left: Tensor,
    last: Tensor,
    start: Tensor,
    coin: Tensor,
) -> Tensor:
    """Which of a turn's cells are lit: at most the hits left, in a layer's last turn all of them.

    Args:
        logit: log odds of cells, ``[C]``.
        noise: logistic, ``[C]``.
        segment: of the cells, ``[C]``.
        left: hits that the layer has left, ``[Q]``.
        last: whether this is the layer's last turn, bool ``[Q]``.
        start: uniform numbers, ``[Q]``.
        coin: likewise.

    Returns:
        Bool ``[C]``; too few of them where a last turn has fewer cells than hits left.
    """
    p = torch.sigmoid(logit)
    zero = p.new_zeros(len(left))
    expected, variance = (zero.index_add(0, segment, part) for part in (p, p * (1.0 - p)))
    alone = logit + noise > 0
    all_left = last | (zero.index_add(0, segment, alone.float()) > left)
    number = torch.where(all_left, left, torch.minimum(expected, left))
    together = drawn(logit, noise, segment, number, start)
    missing = torch.where(
        all_left, left - torch.bincount(segment[together], minlength=len(left)), 0
    )
    if bool((missing > 0).any()):  # by rounding, or too few that are possible
        score = (logit + noise).masked_fill(together, -torch.inf)
        together |= best(score, segment, missing) & ~together
    is_together = all_left | (coin < share_together(expected, variance, left))
    return torch.where(is_together[segment], together, alone)


def share_together(expected: Tensor, variance: Tensor, left: Tensor) -> Tensor:
    """In which share of the layers a turn's cells are to be drawn together, ``[Q]``.

    The number of cells that are decided each for itself has the variance sum p (1 - p). A turn's is
    smaller: its hits are a part of a number that is given, so that ``1 - expected / left`` of the
    variance remains, as in a hypergeometric distribution; too many or too few would be made up for
    by the last turn, in the wrong cells. Drawn together (`drawn`) only the fraction of the number
    varies. A mixture of both has the right variance, and each cell keeps its probability.

    Args:
        expected: sum of the probabilities of the layer's cells in this turn, ``[Q]``.
        variance: sum of p (1 - p), ``[Q]``.
        left: hits that the layer has left, ``[Q]``.
    """
    fraction = expected - expected.floor()
    surplus = variance * expected / left.clamp_min(1)
    return (surplus / (variance - fraction * (1.0 - fraction)).clamp_min(1e-9)).clamp(0.0, 1.0)


def drawn(logit: Tensor, noise: Tensor, segment: Tensor, number: Tensor, start: Tensor) -> Tensor:
    """Choose so many cells of each segment, each as often as its log odds say.

    The log odds of a segment are shifted together until their probabilities sum to the number.
    Then systematic sampling in random order: the only design of a fixed size this cheap with just
    these probabilities, which the best of log odds plus noise do not have where the number is
    small (Hartley and Rao 1962, doi:10.1214/aoms/1177704375).

    Args:
        logit: log odds of cells, ``[C]``.
        noise: puts the cells in a random order, ``[C]``.
        segment: of the cells, ``[C]``.
        number: cells to choose, ``[Q]``: the number below or above where it is no whole one, fewer
            where there are not so many.
        start: uniform numbers, ``[Q]``.

    Returns:
        Whether each cell is chosen, bool ``[C]``.
    """
    zero = torch.zeros(len(number), dtype=torch.float64, device=logit.device)
    shift, logit, wanted = zero, logit.double(), number.double()
    for _ in range(SHIFTS):
        share = torch.sigmoid(logit + shift[segment])
        slope = zero.index_add(0, segment, share * (1.0 - share)).clamp_min(1e-9)
        missing = wanted - zero.index_add(0, segment, share)
        shift = shift + (missing / slope).clamp(-LARGEST_SHIFT, LARGEST_SHIFT)
    order = torch.argsort(segment.double() * 4.0 - torch.atan(noise.double()))
    share = torch.sigmoid(logit + shift[segment])[order]
    segment = segment[order]
    total = zero.index_add(0, segment, share)
    upto = share.cumsum(0) - (total.cumsum(0) - total)[segment]
    unit = (wanted / total.clamp_min(1e-12))[segment]
    steps = torch.floor(upto * unit + start[segment])
    steps -= torch.floor((upto - share) * unit + start[segment])
    chosen = torch.zeros_like(segment, dtype=torch.bool)
    chosen[order] = steps > 0
    return chosen
