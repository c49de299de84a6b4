"""What a layer has left, by hand."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget, best, decided, drawn
from pointcalo.networks.profile import Profile


def test_best_takes_the_highest_of_each_segment() -> None:
    score = torch.tensor([1.0, 3.0, 2.0, -5.0, -40.0, 30.0])
    segment = torch.tensor([0, 0, 0, 2, 2, 1])
    allowed = torch.tensor([2, 0, 1])
    got = best(score, segment, allowed)
    assert got.tolist() == [False, True, True, True, False, False]


def test_hits_and_energy_left_turn_after_turn() -> None:
    geometry = Geometry.load("toy")
    threshold = geometry.layer_threshold
    counts = torch.zeros(1, geometry.num_layers, dtype=torch.int64)
    counts[0, 1] = 3
    excess = torch.zeros(1, geometry.num_layers)
    excess[0, 1] = 0.6
    budget = Budget(
        geometry, Profile(counts, counts * threshold + excess, torch.zeros(len(counts), 4))
    )
    segment, colour = torch.tensor([1, 1, 1]), torch.tensor([0, 2, 2])
    left, excess_left = budget.true_left(segment, colour, torch.tensor([0.1, 0.2, 0.3]))
    outlook = torch.rand(geometry.num_layers, 7, 7)
    brief = budget.true_briefs(left, excess_left, outlook)
    assert left[1].tolist() == [3, 2, 2, 0, 0, 0, 0]
    torch.testing.assert_close(brief[1, :3, 1], torch.tensor([1.0, 2 / 3, 2 / 3]))
    torch.testing.assert_close(brief[1, :3, 5], torch.tensor([1.0, 5 / 6, 5 / 6]))
    for k in range(7):  # the same numbers when they are spent one turn after another
        torch.testing.assert_close(budget.brief(k, outlook, with_energy=True)[1], brief[1, k])
        taken = colour == k
        budget.spend(segment[taken], torch.tensor([0.1, 0.2, 0.3])[taken])
    assert int(budget.hits_left.sum()) == 0


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


def test_the_number_of_a_turn_varies_as_a_part_of_what_is_left() -> None:
    """Of eight hits left 3.8 are to be expected in this turn."""
    probability = torch.tensor([0.7] * 4 + [0.1] * 10)
    number, seed = 20000, torch.Generator().manual_seed(1)
    segment = torch.arange(number).repeat_interleave(len(probability))
    logit = torch.logit(probability).repeat(number)
    noise = torch.logit(torch.rand(len(segment), generator=seed))
    start, coin = torch.rand(2, number, generator=seed)
    left = torch.full((number,), 8)
    never = torch.zeros(number, dtype=torch.bool)
    lit = decided(logit, noise, segment, left=left, last=never, start=start, coin=coin)
    lit = lit.view(number, -1).float()
    error = (probability * (1 - probability) / number).sqrt()
    assert bool(((lit.mean(dim=0) - probability).abs() < 4 * error).all())
    alone = float((probability * (1 - probability)).sum())
    share = float(lit.sum(dim=1).var()) / alone
    assert abs(share - (1 - float(probability.sum()) / 8)) < 0.04
    last = decided(logit, noise, segment, left=left, last=~never, start=start, coin=coin)
    assert bool((last.view(number, -1).sum(dim=1) == 8).all())
    few = decided(logit, noise, segment, left=left // 4, last=never, start=start, coin=coin)
    assert int(few.view(number, -1).sum(dim=1).max()) == 2


def test_drawn_shifts_log_odds_that_promise_another_number() -> None:
    logit = torch.tensor([-3.0, 0.0, 1.0, -2.0, 4.0, -2.0])
    segment = torch.tensor([0, 0, 0, 1, 1, 2])
    noise, half = torch.zeros(6), torch.full((4,), 0.5)
    number = torch.tensor([2, 3, 0, 1])
    chosen = drawn(logit, noise, segment, number, half)
    assert int(chosen[:3].sum()) == 2
    assert chosen[3:].tolist() == [True, True, False]  # all there are; none wanted
