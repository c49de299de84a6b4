import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.projection.dequantise import dequantise


@pytest.mark.parametrize("name", ["toy", "hgcal", "ild"])
def test_points_lie_in_their_own_cell(name: str) -> None:
    torch.manual_seed(1)
    geometry = Geometry.load(name)
    cell = torch.randint(0, geometry.num_cells, (3000,))
    xy = dequantise(cell, geometry)
    assert torch.equal(geometry.cell_at(geometry.layer_of(cell), xy), cell)


def test_a_square_is_filled_evenly() -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("ild")  # squares of 5 mm
    inner = geometry.cell_at(torch.tensor([2]), torch.tensor([[0.1, 0.1]])).repeat(20000)
    away = dequantise(inner, geometry) - geometry.position(inner)[:, :2]
    assert away.mean(dim=0).abs().max() < 0.05
    assert away.std(dim=0).tolist() == pytest.approx([5 / 12**0.5] * 2, rel=0.02)
    assert away.abs().max() <= 2.5 + 1e-4


def test_a_hexagon_is_filled_to_its_corners() -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("hgcal")  # 11.6 mm flat to flat, corners at 11.6 / sqrt(3)
    inner = geometry.cell_at(torch.tensor([2]), torch.tensor([[0.1, 0.1]])).repeat(20000)
    away = dequantise(inner, geometry) - geometry.position(inner)[:, :2]
    corner = 11.6 / 3**0.5
    # second moment of a regular hexagon of side a along any axis: 5 a^2 / 24
    assert away.std(dim=0).tolist() == pytest.approx([corner * (5 / 24) ** 0.5] * 2, rel=0.02)
    assert 0.97 * corner < away.norm(dim=1).max() <= corner + 1e-4
