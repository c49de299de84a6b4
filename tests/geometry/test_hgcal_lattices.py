"""The stack of hgcal with other cells."""

import pytest
import torch

from pointcalo.geometry import Geometry


@pytest.mark.parametrize(
    ("name", "area_mm2", "neighbours"), [("hgcal_8mm", 55.426, 6), ("hgcal_square", 100.0, 8)]
)
def test_only_the_cells_differ(name: str, area_mm2: float, neighbours: int) -> None:
    hgcal, other = Geometry.load("hgcal"), Geometry.load(name)
    assert torch.equal(other.layer_z, hgcal.layer_z)
    assert torch.equal(other.layer_threshold, hgcal.layer_threshold)
    assert other.behind == hgcal.behind
    for ours, theirs in zip(other.layers, hgcal.layers, strict=True):
        assert (ours.absorber, ours.active) == (theirs.absorber, theirs.active)
    middle = other.cell_at(torch.tensor([0, 25]), torch.zeros(2, 2))
    assert torch.equal(other.position(middle)[:, :2], torch.zeros(2, 2))
    assert other.area(middle).tolist() == pytest.approx([area_mm2] * 2, rel=1e-4)
    assert (other.neighbour_table(middle) >= 0).sum(dim=1).tolist() == [neighbours] * 2
    # the same disc of 500 mm, give or take a rim of cells
    assert other.num_cells * area_mm2 == pytest.approx(hgcal.num_cells * 116.532, rel=0.01)
