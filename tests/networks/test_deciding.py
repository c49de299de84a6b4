"""Which cells of a turn are lit, and how many, by hand."""

import torch
from torch import Tensor

from pointcalo.networks.budget import BRIEF
from pointcalo.networks.deciding import TurnNumber, best, decided, drawn


def test_best_takes_the_highest_of_each_segment() -> None:
    score = torch.tensor([1.0, 3.0, 2.0, -5.0, -40.0, 30.0])
    segment = torch.tensor([0, 0, 0, 2, 2, 1])
    allowed = torch.tensor([2, 0, 1])
    got = best(score, segment, allowed)
    assert got.tolist() == [False, True, True, True, False, False]


def test_drawn_have_the_number_and_the_probabilities() -> None:
    """One likely cell and many rare ones, of which just one is lit; the best of logit + noise
    would take the likely one too often."""
    probability = torch.tensor([0.7] + 20 * [0.015])
    number, torch_seed = 4000, torch.Generator().manual_seed(1)
    segment = torch.arange(number).repeat_interleave(len(probability))
    logit = torch.logit(probability).repeat(number)
    noise = torch.logit(torch.rand(len(segment), generator=torch_seed))
    one, start = torch.ones(number, dtype=torch.int64), torch.rand(number, generator=torch_seed)
    chosen = drawn(logit, noise, segment, one, start).view(number, -1)
    assert bool((chosen.sum(dim=1) == 1).all())
    error = 0.0073  # of a share of 0.7
    assert abs(float(chosen[:, 0].float().mean()) - 0.7) < 4 * error
    assert float(best(logit + noise, segment, one).view(number, -1)[:, 0].float().mean()) > 0.74


class Keeps(TurnNumber):
    """Keeps a share of the variance of independent cells, without learning."""

    def __init__(self, kept: float) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, brief: Tensor, expected: Tensor, variance: Tensor) -> Tensor:
        return torch.full_like(variance, self.kept)


def test_the_number_of_a_turn_varies_as_it_is_told() -> None:
    """Of eight hits left 3.8 are to be expected in this turn."""
    keeps, brief = Keeps(0.52), torch.zeros(20000, BRIEF)
    probability = torch.tensor([0.7] * 4 + [0.1] * 10)
    number, seed = 20000, torch.Generator().manual_seed(1)
    segment = torch.arange(number).repeat_interleave(len(probability))
    logit = torch.logit(probability).repeat(number)
    noise = torch.logit(torch.rand(len(segment), generator=seed))
    start, coin = torch.rand(2, number, generator=seed)
    left = torch.full((number,), 8)
    never = torch.zeros(number, dtype=torch.bool)
    lit = decided(
        keeps, logit, noise, segment, brief=brief, left=left, last=never, start=start, coin=coin
    )
    lit = lit.view(number, -1).float()
    error = (probability * (1 - probability) / number).sqrt()
    assert bool(((lit.mean(dim=0) - probability).abs() < 4 * error).all())
    alone = float((probability * (1 - probability)).sum())
    share = float(lit.sum(dim=1).var()) / alone
    assert abs(share - 0.52) < 0.04
    last = decided(
        keeps, logit, noise, segment, brief=brief, left=left, last=~never, start=start, coin=coin
    )
    assert bool((last.view(number, -1).sum(dim=1) == 8).all())
    few = decided(
        keeps,
        logit,
        noise,
        segment,
        brief=brief,
        left=left // 4,
        last=never,
        start=start,
        coin=coin,
    )
    assert int(few.view(number, -1).sum(dim=1).max()) == 2


def test_drawn_shifts_log_odds_that_promise_another_number() -> None:
    logit = torch.tensor([-3.0, 0.0, 1.0, -2.0, 4.0, -2.0])
    segment = torch.tensor([0, 0, 0, 1, 1, 2])
    noise, half = torch.zeros(6), torch.full((4,), 0.5)
    number = torch.tensor([2, 3, 0, 1])
    chosen = drawn(logit, noise, segment, number, half)
    assert int(chosen[:3].sum()) == 2
    assert chosen[3:].tolist() == [True, True, False]  # all there are; none wanted


def test_number_learns_the_variance_that_it_is_shown() -> None:
    """Of four cells of 1/4 exactly one is lit where the brief is 1, each for itself where 0."""
    seed = torch.Generator().manual_seed(2)
    torch.manual_seed(2)
    number = TurnNumber()
    optimiser = torch.optim.Adam(number.parameters(), lr=1e-2)
    p, row = torch.full((2000,), 0.25), torch.arange(500).repeat_interleave(4)
    brief = torch.zeros(500, BRIEF)
    brief[250:] = 1.0
    for _ in range(400):
        alone = (torch.rand(250, 4, generator=seed) < 0.25).float()
        one = torch.eye(4)[torch.randint(4, (250,), generator=seed)]
        is_lit = torch.cat([alone, one]).flatten()
        loss = -number.log_prob(brief, p, is_lit, row).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    kept = number(brief, torch.ones(500), torch.full((500,), 0.75)).detach()
    assert float(kept[0]) > 0.8
    assert float(kept[-1]) < 0.05


def test_number_teaches_no_probabilities() -> None:
    p = torch.full((4,), 0.5, requires_grad=True)
    log_prob = TurnNumber().log_prob(
        torch.zeros(3, BRIEF), p, torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0, 0, 0, 2])
    )
    assert log_prob[1] == 0  # no cell, nothing to decide
    log_prob.sum().backward()
    assert p.grad is None
