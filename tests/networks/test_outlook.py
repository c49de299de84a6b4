"""The outlook on later turns, by hand and against the showers themselves."""

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.edges import Cells, Edges, edges_beside
from pointcalo.networks.order import outwards
from pointcalo.networks.outlook import PLACES, Outlook
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame

RADIUS = torch.tensor(10.0)


@pytest.fixture
def toy() -> Geometry:
    return Geometry.load("toy")


def _budget(geometry: Geometry, num_showers: int = 1) -> Budget:
    counts = torch.ones(num_showers, geometry.num_layers, dtype=torch.int64)
    return Budget(geometry, Profile(counts, counts.float(), torch.zeros(num_showers, 4)))


def _cells(colour: list[int], layer: int, geometry: Geometry) -> Cells:
    """Cells of these colours in a layer of the first shower, near the axis."""
    centre = geometry.nearest(torch.tensor([layer]), torch.zeros(1, 2), 7)[0]
    cell = torch.stack([centre[geometry.colour(centre) == c][0] for c in colour])
    return Cells.of(geometry, torch.zeros_like(cell), cell)


def test_places_by_hand(toy: Geometry) -> None:
    """The cell on the axis has colour 2, another one colour 4."""
    outlook = Outlook(_budget(toy), adjacent=True)
    cells = _cells([2, 4], 3, toy)
    outlook.add_places(
        cells, torch.tensor([[0.0, 0.0], [10.0, 0.0]]), torch.full((2,), 100.0), RADIUS
    )
    features = outlook.features()
    weight = torch.exp(-torch.tensor([1.0, 1.0, 4.0]))
    later = features[3, :, :PLACES]
    torch.testing.assert_close(later[:2], torch.ones(2, 3))
    torch.testing.assert_close(later[2:4], torch.stack([weight / (1 + weight), torch.ones(3)]))
    assert later[4:].abs().max() == 0
    torch.testing.assert_close(features[3, 1, -PLACES:], 1 + weight)
    torch.testing.assert_close(features[3, 2, -PLACES:], weight)
    assert features[[0, 1, 2, 4, 5, 6, 7]].abs().max() == 0


def test_edges_by_hand(toy: Geometry) -> None:
    """Onto colour 1 with weights 1 and 3, around onto colour 5 with 2; neighbours do not count."""
    cells = _cells([1, 1, 5, 5], 1, toy)
    edges = Edges(torch.zeros(4, dtype=torch.int64), cells.cell, torch.tensor([1, 3, 2, 0]))
    outlook = Outlook(_budget(toy), adjacent=True)
    outlook.add_edges(edges, cells, torch.tensor([1.0, 3.0, 2.0, 9.0]))
    on, around, log_on, log_around = outlook.features()[1, :, PLACES:-PLACES].unbind(dim=-1)
    assert on.tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert around.tolist() == [1, 1, 1, 1, 1, 0, 0]
    torch.testing.assert_close(log_on.expm1(), torch.tensor([4.0, 4.0, 0, 0, 0, 0, 0]))
    torch.testing.assert_close(log_around.expm1(), torch.tensor([2.0] * 6 + [0.0]))
    blind = Outlook(_budget(toy), adjacent=False)
    blind.add_edges(edges, cells)
    assert blind.features().abs().max() == 0


def test_mirrored_showers_have_the_same_outlook(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    both = []
    for mirror in (None, -torch.ones(5)):
        frame = ShowerFrame(showers.incident, toy.layer_z, mirror)
        budget = Budget(toy, Profile.of(showers, toy, mirror))
        outlook = Outlook(budget, adjacent=True)
        order, cells, uv = outwards(toy, frame, budget)
        outlook.add_places(cells, uv, toy.area(cells.cell), RADIUS)
        hits = Cells.of(toy, showers.index, showers.cell, order)
        edges = edges_beside(toy, frame, hits)
        outlook.add_edges(edges, Cells.of_keys(toy, edges.target, order))
        both.append(outlook.features())
    torch.testing.assert_close(*both, atol=2e-4, rtol=0)
