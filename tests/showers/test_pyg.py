"""Showers to PyTorch Geometric and back."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import Batch, Data

from pointcalo.showers import Showers, from_pyg, to_pyg

MakeShowers = Callable[..., Showers]


def test_there_and_back(make_showers: MakeShowers) -> None:
    showers = make_showers()
    showers = showers.replace(cell=torch.arange(9))
    batch = to_pyg(showers)
    assert batch.num_graphs == 4 and batch.num_nodes == 9
    back = from_pyg(batch)
    for name in ("points", "layer", "ptr", "cell"):
        assert torch.equal(getattr(back, name), getattr(showers, name))
    assert torch.equal(back.incident.direction, showers.incident.direction)
    assert from_pyg(to_pyg(make_showers())).cell is None


def test_depth_from_the_geometry(make_showers: MakeShowers) -> None:
    showers = make_showers()
    geometry = SimpleNamespace(layer_z=torch.tensor([1.0, 2.0, 4.0, 8.0]))
    pos = to_pyg(showers, geometry).pos
    assert torch.equal(pos[:, :2], showers.xy)
    assert torch.equal(pos[:, 2], geometry.layer_z[showers.layer])


def test_graphs_one_by_one(make_showers: MakeShowers) -> None:
    showers = make_showers()
    graphs = to_pyg(showers).to_data_list()
    assert [graph.num_nodes for graph in graphs] == [3, 0, 5, 1]
    assert isinstance(graphs[2], Data)
    assert torch.equal(graphs[2].pos, showers[2].xy)
    assert torch.equal(graphs[2].incident_energy, showers[2].incident.energy)
    back = from_pyg(Batch.from_data_list([graphs[2], graphs[0]]))
    assert torch.equal(back.points, showers[torch.tensor([2, 0])].points)


def test_foreign_batch() -> None:
    batch = Batch.from_data_list([Data(x=torch.zeros(2, 2), pos=torch.zeros(2, 3))])
    with pytest.raises(ValueError, match="batch has no layer, incident_energy"):
        from_pyg(batch)
