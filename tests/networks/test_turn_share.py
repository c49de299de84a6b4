"""The share of a turn: promises by hand, and sums that come out as wanted."""

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.energy_turns import _proposal
from pointcalo.networks.profile import Profile
from pointcalo.networks.turn_share import TurnShare, promise
from pointcalo.showers.noise import Noise


def _points(energies: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and variances of hits with just these energies."""
    return torch.tensor(energies), torch.zeros(len(energies))


def test_promise_sums_the_hits_of_a_group() -> None:
    moments = _points([1.0, 2.0, 4.0])
    hits_left, energy_left = torch.tensor([5, 1]), torch.tensor([10.0, 4.0])
    got = promise(moments, torch.tensor([0, 0, 1]), hits_left, energy_left)
    expected = torch.log(torch.tensor([0.3, 1.0]))
    torch.testing.assert_close(got[:, 0], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(got[:, 2], torch.log(torch.tensor([3.0, 2.0])))
    torch.testing.assert_close(got[:, 3], torch.log(torch.tensor([4.0, 1.0])))


def _budget(geometry: Geometry, hits: int, excess: list[float]) -> Budget:
    """One shower with so many hits in its first layers, and excess energies in thresholds."""
    counts = torch.zeros(1, geometry.num_layers, dtype=torch.int64)
    counts[0, : len(excess)] = hits
    energy = counts * geometry.layer_threshold
    energy[0, : len(excess)] += geometry.layer_threshold[: len(excess)] * torch.tensor(excess)
    return Budget(geometry, Profile(counts, energy, torch.zeros(1, 4)))


def test_proposals_of_last_hits_alone_and_of_several() -> None:
    """Two last hits take the nearest sum; a hit alone what leaves energy for the others."""
    geometry = Geometry.load("toy")
    budget = _budget(geometry, 2, [6.5, 8.5, 100.0])
    drawn = torch.tensor([[1.0, 2.0, 3.0], [1.0, 5.0, 0.0], [9.0, 8.0, 8.6]])
    segment = torch.tensor([0, 0, 1])
    noise = Noise.for_showers(1, torch.arange(1))
    got = _proposal(TurnShare(), drawn, _points([1.0] * 3), segment, budget, noise, 0)
    assert got[:2].tolist() == [1, 1]  # 7 of 6.5 wanted; 8 of 8.5


def test_several_are_taken_by_the_odds_of_their_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of 1 and 3 of 10 with odds of 3 to 1, one of 12 never: in 4000 showers."""
    geometry = Geometry.load("toy")
    number = 4000
    one = _budget(geometry, 3, [10.0])
    counts = one.counts.view(1, -1).repeat(number, 1)
    energy = (one.excess + one.counts * one.threshold).view(1, -1).repeat(number, 1)
    budget = Budget(geometry, Profile(counts, energy, torch.zeros(number, 4)))
    segment = (torch.arange(number) * geometry.num_layers).repeat_interleave(2)
    drawn = torch.tensor([[0.5, 1.0, 6.0], [0.5, 2.0, 6.0]]).repeat(number, 1)

    def log_odds(_: TurnShare, promised: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        assert promised.shape == (number, 5)
        torch.testing.assert_close(share[0], torch.tensor([0.1, 0.3, 1.2]))
        return torch.log(torch.tensor([3.0, 1.0, 9.0])).expand(number, 3)

    monkeypatch.setattr(TurnShare, "log_odds", log_odds)
    noise = Noise.for_showers(1, torch.arange(number))
    got = _proposal(TurnShare(), drawn, _points([1.0] * len(drawn)), segment, budget, noise, 0)
    got = got[:: geometry.num_layers]
    assert int(got.max()) == 1
    assert abs(float((got == 0).float().mean()) - 0.75) < 4 * (0.75 * 0.25 / number) ** 0.5


def test_odds_turn_drawn_sums_into_true_ones() -> None:
    """True shares spread half as much as drawn ones, about another middle."""
    torch.manual_seed(1)
    share = TurnShare(width=16, components=2)
    optimiser = torch.optim.Adam(share.parameters(), lr=1e-2)
    promised = torch.rand(4000, 5)
    true = torch.sigmoid(promised[:, 0] + 0.3 + 0.3 * torch.randn(4000))
    drawn = torch.sigmoid(promised[:, 0] + 0.6 * torch.randn(4000))
    for _ in range(250):
        loss = -share.log_prob(promised, true, drawn).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    proposals = torch.sigmoid(promised[:, :1] + 0.6 * torch.randn(4000, 64))
    with torch.no_grad():
        odds = torch.softmax(share.log_odds(promised, proposals), dim=1)
    taken = torch.logit(proposals.gather(1, torch.multinomial(odds, 1))[:, 0]) - promised[:, 0]
    assert abs(float(taken.mean()) - 0.3) < 0.05
    assert abs(float(taken.std()) - 0.3) < 0.06


def test_drawn_sums_that_leave_nothing_do_not_count() -> None:
    share, promised = TurnShare(), torch.rand(2, 5)
    true, drawn = torch.tensor([0.5, 0.5]), torch.tensor([1.3, 7.0])
    first = share.log_prob(promised, true, drawn)
    torch.testing.assert_close(first, share.log_prob(promised, true, drawn + 1))
