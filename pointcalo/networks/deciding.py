"""Which cells of a turn are lit: so many, each as often as its log odds say.

The number of cells that are decided each for itself has the variance sum p (1 - p). A turn's is
smaller: its hits are a part of a number that is given, and where a cell is yet to come that is
nearly sure to be lit, they are a part of one less. Too many or too few would be made up for by the
layer's last turn, in the wrong cells.
"""

import torch
from torch import Tensor, nn

from pointcalo.networks.budget import BRIEF
from pointcalo.nn.mlp import mlp

SHIFTS = 6  # Newton's steps
LARGEST_SHIFT = 3.0
SMALLEST_VARIANCE = 1e-3  # below, a number is no surprise
ROUNDING = 0.01  # variance that is always there


class TurnNumber(nn.Module):
    """Learns which share of the variance of independent cells the number of a turn keeps.

    Args:
        width: size of the hidden layer.
    """

    def __init__(self, *, width: int = 24) -> None:
        super().__init__()
        self.net = mlp([BRIEF + 2, width, 1])

    def log_prob(self, brief: Tensor, p: Tensor, is_lit: Tensor, row: Tensor) -> Tensor:
        """Log density of the numbers of hits in R turns, as normal numbers, ``[R]``.

        Only the spread learns: the mean is what the cells' probabilities sum to. Where nothing is
        to be decided the density is 0.

        Args:
            brief: of the turns, ``[R, 25]``.
            p: probability of each cell that a turn decides, ``[C]``.
            is_lit: whether it is lit, 1 or 0, ``[C]``.
            row: its turn, ``[C]``.
        """
        p = p.detach()
        zero = p.new_zeros(len(brief))
        expected, variance, number = (
            zero.index_add(0, row, part) for part in (p, p * (1.0 - p), is_lit)
        )
        open_ = (variance > SMALLEST_VARIANCE).nonzero()[:, 0]
        expected, variance, number = expected[open_], variance[open_], number[open_]
        spread = self(brief[open_], expected, variance) * variance + ROUNDING
        log_density = -0.5 * (torch.log(spread) + (number - expected) ** 2 / spread)
        return zero.index_add(0, open_, log_density)

    def forward(self, brief: Tensor, expected: Tensor, variance: Tensor) -> Tensor:
        """The share that is kept, between 0 and 1, ``[R]``.

        Args:
            brief: of R turns, ``[R, 25]``.
            expected: sum of the probabilities of a turn's cells, ``[R]``.
            variance: sum of p (1 - p), ``[R]``.
        """
        numbers = [torch.log1p(expected), torch.log(variance + SMALLEST_VARIANCE)]
        return torch.sigmoid(self.net(torch.cat([brief, torch.stack(numbers, -1)], -1))[:, 0])


def best(score: Tensor, segment: Tensor, allowed: Tensor) -> Tensor:
    """Whether each score ``[R]`` is among the ``allowed [Q]`` best of its segment ``[R]``."""
    order = _falling(score, segment)
    ordered, count = segment[order], torch.bincount(segment, minlength=allowed.shape[0])
    first = (count.cumsum(0) - count)[ordered]
    chosen = torch.arange(order.shape[0], device=order.device) - first < allowed[ordered]
    return torch.zeros_like(chosen).index_copy(0, order, chosen)


def _falling(score: Tensor, segment: Tensor) -> Tensor:
    """The order by segment and falling score ``[R]``; infinite ones as 1e30."""
    # one sort: the scores are squeezed between -1 and 1 so that segments cannot mix
    score = score.double().clamp(-1e30, 1e30)
    return torch.argsort(segment.double() * 4.0 - score / (1.0 + score.abs()))


def decided(
    number: TurnNumber,
    logit: Tensor,
    noise: Tensor,
    segment: Tensor,
    *,
    brief: Tensor,
    left: Tensor,
    last: Tensor,
    start: Tensor,
    coin: Tensor,
) -> Tensor:
    """Which of a turn's cells are lit: at most the hits left, in a layer's last turn all of them.

    Args:
        number: of the layers' hits in this turn.
        logit: log odds of cells, ``[C]``.
        noise: logistic, ``[C]``.
        segment: of the cells, ``[C]``.
        brief: of the layers, ``[Q, 25]``.
        left: hits that the layer has left, ``[Q]``.
        last: whether this is the layer's last turn, bool ``[Q]``.
        start: uniform numbers, ``[Q]``.
        coin: likewise.

    Returns:
        Bool ``[C]``; too few of them where a last turn has fewer cells than hits left.
    """
    p = torch.sigmoid(logit)
    zero = p.new_zeros(left.shape[0])
    expected, variance = (zero.index_add(0, segment, part) for part in (p, p * (1.0 - p)))
    alone = logit + noise > 0
    all_left = last | (zero.index_add(0, segment, alone.float()) > left)
    wanted = torch.where(all_left, left, torch.minimum(expected, left))
    together = drawn(logit, noise, segment, wanted, start)
    missing = torch.where(
        all_left,
        left - torch.bincount(segment[together.nonzero()[:, 0]], minlength=left.shape[0]),
        0,
    )
    if torch.jit.is_tracing() or bool(
        (missing > 0).any()
    ):  # by rounding, or too few that are possible
        score = (logit + noise).masked_fill(together, -torch.inf)
        together |= best(score, segment, missing) & ~together
    share = share_together(expected, variance, number(brief, expected, variance))
    is_together = all_left | (coin < share)
    return torch.where(is_together[segment], together, alone)


def share_together(expected: Tensor, variance: Tensor, kept: Tensor) -> Tensor:
    """In which share of the layers a turn's cells are to be drawn together, ``[Q]``.

    Drawn together (`drawn`) only the fraction of their number varies. A mixture of both has the
    right variance, and each cell keeps its probability.

    Args:
        expected: sum of the probabilities of the layer's cells in this turn, ``[Q]``.
        variance: sum of p (1 - p), ``[Q]``.
        kept: share of this variance that the number has, ``[Q]``.
    """
    fraction = expected - expected.floor()
    surplus = variance * (1.0 - kept)
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
    zero = torch.zeros(number.shape[0], dtype=torch.float64, device=logit.device)
    shift, logit, wanted = zero, logit.double(), number.double()
    for _ in range(SHIFTS):
        share = torch.sigmoid(logit + shift[segment])
        slope = zero.index_add(0, segment, share * (1.0 - share)).clamp_min(1e-9)
        missing = wanted - zero.index_add(0, segment, share)
        shift = shift + (missing / slope).clamp(-LARGEST_SHIFT, LARGEST_SHIFT)
    order = _falling(noise, segment)
    share = torch.sigmoid(logit + shift[segment])[order]
    segment = segment[order]
    total = zero.index_add(0, segment, share)
    upto = share.cumsum(0) - (total.cumsum(0) - total)[segment]
    unit = (wanted / total.clamp_min(1e-12))[segment]
    steps = torch.floor(upto * unit + start[segment])
    steps -= torch.floor((upto - share) * unit + start[segment])
    chosen = steps > 0
    return torch.zeros_like(chosen).index_copy(0, order, chosen)
