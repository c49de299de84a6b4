"""What a layer has left, by hand."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget, best
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
    budget = Budget(geometry, Profile(counts, counts * threshold + excess))
    segment, colour = torch.tensor([1, 1, 1]), torch.tensor([0, 2, 2])
    left, excess_left = budget.true_left(segment, colour, torch.tensor([0.1, 0.2, 0.3]))
    brief = budget.true_briefs(left, excess_left)
    assert left[1].tolist() == [3, 2, 2]
    torch.testing.assert_close(brief[1, :, 1], torch.tensor([1.0, 2 / 3, 2 / 3]))
    torch.testing.assert_close(brief[1, :, 7], torch.tensor([1.0, 5 / 6, 5 / 6]))
    for k in range(3):  # the same numbers when they are spent one turn after another
        torch.testing.assert_close(budget.brief(k, with_energy=True)[1], brief[1, k])
        taken = colour == k
        budget.spend(segment[taken], torch.tensor([0.1, 0.2, 0.3])[taken])
    assert int(budget.hits_left.sum()) == 0
