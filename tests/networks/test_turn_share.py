"""The share of a turn: promises by hand, and sums that come out as wanted."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS, Budget
from pointcalo.networks.energy_turns import _nearest_sum
from pointcalo.networks.profile import Profile
from pointcalo.networks.turn_share import TurnShare, promise

NARROW = -5.0  # log scale of a mixture that is nearly a point


def _points(energies: list[float]) -> torch.Tensor:
    """One-component mixtures of log(energy + eps) about these energies."""
    mean = torch.log(torch.tensor(energies) + EPS)
    return torch.stack([torch.zeros_like(mean), mean, torch.full_like(mean, NARROW)], dim=1)


def test_promise_sums_the_hits_of_a_group() -> None:
    parameters = _points([1.0, 2.0, 4.0])
    hits_left, energy_left = torch.tensor([5, 1]), torch.tensor([10.0, 4.0])
    got = promise(parameters, torch.tensor([0, 0, 1]), hits_left, energy_left)
    expected = torch.log(torch.tensor([0.3, 1.0]))
    torch.testing.assert_close(got[:, 0], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(got[:, 2], torch.log(torch.tensor([3.0, 2.0])))
    torch.testing.assert_close(got[:, 3], torch.log(torch.tensor([4.0, 1.0])))


def test_nearest_sum_chooses_for_the_group() -> None:
    geometry = Geometry.load("toy")
    counts = torch.zeros(1, geometry.num_layers, dtype=torch.int64)
    counts[0, :2] = 4
    energy = counts * geometry.layer_threshold
    energy[0, :2] += geometry.layer_threshold[:2] * torch.tensor([20.0, 8.5])
    drawn = torch.tensor([[1.0, 2.0, 3.0], [1.0, 5.0, 0.0], [9.0, 8.0, 7.0]])
    wanted = torch.full((geometry.num_layers,), torch.nan)
    wanted[0] = 6.5
    budget = Budget(geometry, Profile(counts, energy, torch.zeros(len(counts), 4)))
    got = _nearest_sum(drawn, torch.tensor([0, 0, 1]), wanted, budget)
    assert got.tolist() == [2.0, 5.0, 8.0]  # 9 would leave nothing for the other hits


def test_learns_the_share() -> None:
    torch.manual_seed(1)
    share = TurnShare(width=16, components=2)
    optimiser = torch.optim.Adam(share.parameters(), lr=1e-2)
    promised = torch.rand(400, 5)
    true = torch.sigmoid(promised[:, 0] + 0.1 * torch.randn(400))
    for _ in range(150):
        loss = -share.log_prob(promised, true).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    got = share.sample(promised, torch.rand(400), torch.logit(torch.rand(400))).detach()
    assert float((got - true).abs().mean()) < 0.06
