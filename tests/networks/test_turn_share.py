"""The share of a turn: promises by hand, and sums that come out as wanted."""

import math

import torch
from torch import Tensor

from pointcalo.networks.budget import EPS
from pointcalo.networks.energy_turns import _proposal
from pointcalo.networks.spectrum import Spectrum
from pointcalo.networks.turn_share import Turn, TurnShare
from pointcalo.showers.noise import Noise


def _points(energies: list[float]) -> tuple[Tensor, Tensor]:
    """Means and variances of hits with just these energies."""
    return torch.tensor(energies), torch.zeros(len(energies))


def _turn(hits: list[int], hits_left: list[int], energy_left: list[float]) -> Turn:
    """Turns of hits that promise 1 each."""
    group = torch.arange(len(hits)).repeat_interleave(torch.tensor(hits))
    return Turn.of(
        _points([1.0] * len(group)), group, torch.tensor(hits_left), torch.tensor(energy_left)
    )


def test_promise_sums_the_hits_of_a_group() -> None:
    moments = _points([1.0, 2.0, 4.0])
    hits_left, energy_left = torch.tensor([5, 1]), torch.tensor([10.0, 4.0])
    turn = Turn.of(moments, torch.tensor([0, 0, 1]), hits_left, energy_left)
    expected = torch.log(torch.tensor([0.3, 1.0]))
    torch.testing.assert_close(turn.promise[:, 0], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(turn.promise[:, 2], torch.log(torch.tensor([3.0, 2.0])))
    torch.testing.assert_close(turn.promise[:, 3], torch.log(torch.tensor([4.0, 1.0])))


def test_what_turns_leave() -> None:
    turn = _turn([1, 1, 2, 2, 3, 0, 1], [1, 2, 3, 4, 3, 1, 3], [9.0] * 7)
    assert turn.leaving_several.tolist() == [3, 6]
    assert turn.leaving_one.tolist() == [1, 2]


def test_last_hits_take_the_nearest_sum_and_others_leave_energy() -> None:
    """Two last hits; a hit alone of which two proposals leave nothing; one that has no choice."""
    turn = _turn([2, 1, 1], [2, 3, 3], [6.5, 8.5, 0.5])
    total = torch.tensor([[2.0, 7.0, 3.0], [9.0, 8.0, 8.6], [1.0, 0.9, 7.0]])
    odds = TurnShare().log_odds(turn, total, Spectrum())
    assert odds.isneginf().tolist() == [[False, True, False], [True, False, True], [True] * 3]
    got = _proposal(turn, total, odds, Noise.for_showers(1, torch.arange(1)), 0)
    assert got.tolist() == [1, 1, 1]


def test_proposals_are_taken_by_their_odds() -> None:
    """Odds of 3 to 1, and one that is not possible: in 4000 showers of one layer."""
    number = 4000
    turn = _turn([2] * number, [5] * number, [10.0] * number)
    odds = torch.tensor([math.log(3.0), 0.0, -torch.inf]).expand(number, 3)
    total = torch.tensor([1.0, 3.0, 12.0]).expand(number, 3)
    got = _proposal(turn, total, odds, Noise.for_showers(1, torch.arange(number)), 0)
    assert int(got.max()) == 1
    assert abs(float((got == 0).float().mean()) - 0.75) < 4 * (0.75 * 0.25 / number) ** 0.5


def _learn(share: TurnShare, turn: Turn, true: Tensor, drawn: Tensor, spectrum: Spectrum) -> None:
    optimiser = torch.optim.Adam(share.parameters(), lr=1e-2)
    for _ in range(250):
        loss = -share.log_prob(turn, true, drawn, spectrum).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _taken(share: TurnShare, turn: Turn, drawn: Tensor, spectrum: Spectrum) -> Tensor:
    """One of the proposals ``[G, M]`` in each turn, by the odds."""
    with torch.no_grad():
        odds = torch.softmax(share.log_odds(turn, drawn, spectrum), dim=1)
    return drawn.gather(1, torch.multinomial(odds, 1))[:, 0]


def test_odds_turn_drawn_sums_into_true_ones() -> None:
    """True shares of 7 spread half as much as drawn ones, about another middle."""
    torch.manual_seed(1)
    share, spectrum, number = TurnShare(width=16, components=2), Spectrum(), 4000
    turn = Turn(
        torch.rand(number, 5),
        torch.full((number,), 2),
        torch.full((number,), 9),
        torch.full((number,), 7.0),
    )
    middle = turn.promise[:, 0]
    true = 7.0 * torch.sigmoid(middle + 0.3 + 0.3 * torch.randn(number))
    drawn = 7.0 * torch.sigmoid(middle + 0.6 * torch.randn(number))
    _learn(share, turn, true, drawn, spectrum)
    proposals = 7.0 * torch.sigmoid(middle[:, None] + 0.6 * torch.randn(number, 64))
    taken = torch.logit(_taken(share, turn, proposals, spectrum) / 7.0) - middle
    assert abs(float(taken.mean()) - 0.3) < 0.05
    assert abs(float(taken.std()) - 0.3) < 0.06


def test_a_last_hit_gets_an_energy_that_hits_have() -> None:
    """Hits lie between 1 and 1.1 or above 2: so do true rests; drawn ones lie anywhere."""
    torch.manual_seed(1)
    number = 4000
    shares = torch.rand(number)
    hits = torch.where(shares < 0.5, 1.0 + 0.2 * shares, 2.0 - torch.log(2 - 2 * shares))
    spectrum = Spectrum()
    spectrum.fit(hits)
    share = TurnShare(width=16, components=2)
    turn = Turn(
        torch.rand(number, 5),
        torch.ones(number, dtype=torch.int64),
        torch.full((number,), 2),
        torch.full((number,), 20.0),
    )

    def drawn(*shape: int) -> Tensor:
        rest = torch.exp(0.8 + 0.4 * torch.logit(torch.rand(shape))) - EPS
        return 20.0 - rest.clamp_max(20.0)

    _learn(share, turn, 20.0 - hits, drawn(number), spectrum)
    rest = 20.0 - _taken(share, turn, drawn(number, 512), spectrum)
    inside = ((rest > 0.95) & (rest < 1.15)).float().mean()
    assert abs(float(inside) - 0.5) < 0.06
    assert float(((rest > 1.2) & (rest < 1.9)).float().mean()) < 0.03


def test_drawn_sums_that_leave_nothing_do_not_count() -> None:
    share, spectrum = TurnShare(), Spectrum()
    turn = _turn([2, 1], [5, 2], [1.0, 1.0])
    true, drawn = torch.tensor([0.5, 0.5]), torch.tensor([1.3, 7.0])
    first = share.log_prob(turn, true, drawn, spectrum)
    torch.testing.assert_close(first, share.log_prob(turn, true, drawn + 1, spectrum))
