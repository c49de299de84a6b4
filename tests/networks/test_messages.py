"""Messages between hits, and what a cell hears that counts do not tell."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.edges import Cells, Edges
from pointcalo.networks.graph import GraphGenerator
from pointcalo.networks.lit import Lit
from pointcalo.networks.messages import EdgeMessages
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame


def edges(*triples: tuple[int, int, int]) -> Edges:
    return Edges(*torch.tensor(triples).T)


def test_heard_by_hand() -> None:
    """Each kind of edge has a map of its own; nothing arrives where no edge leads."""
    messages = EdgeMessages(2)
    with torch.no_grad():
        messages.said.weight.copy_(torch.arange(24.0).view(12, 2))
        messages.said.bias.zero_()
    hidden = torch.tensor([[1.0, 2.0], [3.0, 0.5]])
    maps = messages.said.weight.view(6, 2, 2)
    heard = messages.heard(hidden, edges((0, 2, 1), (1, 2, 4), (1, 0, 0)), 3)
    torch.testing.assert_close(heard[2], maps[1] @ hidden[0] + maps[4] @ hidden[1])
    torch.testing.assert_close(heard[0], maps[0] @ hidden[1])
    assert heard[1].tolist() == [0.0, 0.0]
    faded = messages.heard(hidden, edges((0, 2, 1), (1, 2, 4)), 3, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(faded[2], maps[4] @ hidden[1])


def test_lit_edges_lead_from_earlier_turns_to_later_ones() -> None:
    """Three hits of turns 0, 1, 1 in the cells 7, 5 and 3; all edges but those backwards stay."""
    turn = torch.tensor([0, 1, 1])
    zero = torch.zeros(3, dtype=torch.int64)
    cell = torch.tensor([7, 5, 3])
    hits = Cells(zero, zero, cell, turn, turn, zero)
    lit = Lit(torch.device("cpu"))
    assert len(lit.towards(0).target) == 0
    lit.add(hits[:1], edges((0, 5, 0), (0, 9, 0)), torch.tensor([1, 2]))
    lit.add(hits[1:], edges((0, 7, 0), (1, 9, 1)), torch.tensor([0, 2]))
    found, earlier = lit.earlier(10)
    assert found.cell.tolist() == [7, 5, 3]
    assert (earlier.source.tolist(), earlier.target.tolist()) == ([0], [1])
    towards = lit.towards(2)
    assert (towards.source.tolist(), towards.target.tolist()) == ([0, 2], [9, 9])


def test_a_cell_hears_of_the_hits_beside_its_neighbours() -> None:
    """Two hits in a row: the cell next to the second hears of the first with two rounds only."""
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 1)
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    ours = Cells.of(geometry, torch.zeros(2, dtype=torch.int64), geometry.layer_start[:2] + 1)
    hits = replace(ours, turn=torch.tensor([0, 1]))
    beside = edges((0, int(hits.cell[1]), 1), (1, int(hits.cell[1]) + 1, 0))
    heard = []
    for rounds in (1, 2):
        torch.manual_seed(1)
        generator = GraphGenerator(geometry, latent=2, width=16, rounds=rounds)
        generator.fit(showers)
        context = torch.randn(geometry.num_layers, 16)
        see = generator.sight(frame, Budget(geometry, Profile.of(showers, geometry)), context)
        for kept in (beside, beside.where(torch.tensor([False, True]))):
            lit = Lit(torch.device("cpu"))
            lit.add(hits, kept, torch.tensor([1, 2])[-len(kept.source) :])
            onto = Edges(*(torch.tensor([n]) for n in (1, 0, 0)))
            heard.append(see(lit, onto, torch.ones(1, 2)))
    assert torch.equal(heard[0], heard[1])
    assert not torch.allclose(heard[2], heard[3])
    assert torch.equal(heard[2][:, :10], heard[3][:, :10])  # the counts are the same


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds: got 0"):
        GraphGenerator(Geometry.load("toy"), rounds=0)
