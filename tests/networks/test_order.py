"""The order of turns: outwards from the shower's own axis."""

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.order import outwards
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame


@pytest.fixture
def toy() -> Geometry:
    return Geometry.load("toy")


def test_cells_about_the_own_axis(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    budget = Budget(toy, Profile.of(showers, toy))
    _, cells, uv = outwards(toy, frame, budget)
    lit_layers = int((budget.counts > 0).sum())
    assert len(cells) == 19 * lit_layers
    away = torch.linalg.vector_norm(uv - budget.centre[cells.segment], dim=1).view(lit_layers, 19)
    assert bool((away[:, 0] < 7.0).all())  # the cell that the axis crosses
    assert bool((away.sort(dim=1).values == away).all())


@pytest.mark.parametrize("name", ["toy", "calochallenge_2"])
def test_colours_go_outwards_from_the_own_axis(name: str) -> None:
    """Hexagons about another centre in each shower; rings and sectors of two colours or three."""
    geometry = Geometry.load(name)
    showers = blobs(geometry, 5)
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    budget = Budget(geometry, Profile.of(showers, geometry))
    order, cells, uv = outwards(geometry, frame, budget)
    colours = torch.arange(budget.num_colours).expand_as(order)
    assert torch.equal(order.sort(dim=1).values, colours)
    away = torch.linalg.vector_norm(uv - budget.centre[cells.segment], dim=1)
    for segment in cells.segment.unique():
        here = cells.segment == segment
        step, distance = cells.step[here], away[here]
        steps = step.unique()
        assert steps.tolist() == list(range(len(steps)))
        nearest = torch.stack([distance[step == s].min() for s in steps])
        assert bool((nearest.diff() >= 0).all())
        assert int(step[distance.argmin()]) == 0
        assert int(step.max()) <= int(budget.last[segment])


def test_layers_without_hits_keep_the_order_of_numbers(toy: Geometry) -> None:
    counts = torch.zeros(1, toy.num_layers, dtype=torch.int64)
    showers = blobs(toy, 1)
    budget = Budget(toy, Profile(counts, counts.float(), torch.zeros(1, 4)))
    order, cells, _ = outwards(toy, ShowerFrame(showers.incident, toy.layer_z), budget)
    assert torch.equal(order, torch.arange(toy.num_colours).expand_as(order))
    assert len(cells) == 0
