"""What a layer has left, by hand."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import OUTLOOK, Budget
from pointcalo.networks.profile import Profile


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
    outlook = torch.rand(geometry.num_layers, 7, 10)
    brief = budget.true_briefs(left, excess_left, outlook)
    assert left[1].tolist() == [3, 2, 2, 0, 0, 0, 0]
    torch.testing.assert_close(brief[1, :3, 1], torch.tensor([1.0, 2 / 3, 2 / 3]))
    torch.testing.assert_close(brief[1, :3, 5], torch.tensor([1.0, 5 / 6, 5 / 6]))
    for k in range(7):  # the same numbers when they are spent one turn after another
        torch.testing.assert_close(budget.brief(k, outlook, with_energy=True)[1], brief[1, k])
        taken = colour == k
        budget.spend(segment[taken], torch.tensor([0.1, 0.2, 0.3])[taken])
    assert int(budget.hits_left.sum()) == 0


def test_later_weights_are_compared_with_the_hits_left() -> None:
    geometry = Geometry.load("toy")
    counts = torch.full((1, geometry.num_layers), 2)
    budget = Budget(geometry, Profile(counts, counts.float(), torch.zeros(1, 4)))
    outlook = torch.rand(geometry.num_layers, 7, 10)
    outlook[..., -3:] = torch.tensor([0.0, 1.5, 40.0])
    got = budget.brief(0, outlook, with_energy=False)[0, -OUTLOOK:]
    torch.testing.assert_close(got[:7], outlook[0, 0, :7])
    torch.testing.assert_close(got[7:10].expm1(), torch.tensor([0.0, 1.5, 40.0]))
    torch.testing.assert_close(got[10:], torch.tensor([0.0, 0.6, 3.0]))  # of 2 hits and a half
