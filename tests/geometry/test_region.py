import pytest
import torch

from pointcalo.geometry import Geometry

DIRECTION = torch.tensor([0.25, -0.1, 1.0])


@pytest.mark.parametrize("name", ["toy", "hgcal", "ild", "atlas"])
def test_a_region_holds_the_cells_about_the_axis(name: str) -> None:
    geometry = Geometry.load(name)
    position, radius = torch.tensor([3.0, 4.0, 0.0]), 60.0
    region = geometry.region(position, DIRECTION, radius)
    cell = torch.arange(geometry.num_cells)
    centre = geometry.position(cell)
    axis = position[:2] + centre[:, 2:] * DIRECTION[:2]
    expected = cell[(centre[:, :2] - axis).norm(dim=1) <= radius]
    assert torch.equal(region.parent_cell, expected)
    own = torch.arange(region.geometry.num_cells)
    assert torch.equal(region.geometry.position(own), geometry.position(expected))
    assert torch.equal(
        region.parent_layer[region.geometry.layer_of(own)], geometry.layer_of(expected)
    )
    assert torch.equal(region.geometry.layer_threshold, geometry.layer_threshold)


def test_each_endcap_of_the_full_detector_has_its_own_regions() -> None:
    geometry = Geometry.load("hgcal_full")
    for side, layers in ((1.0, range(47)), (-1.0, range(47, 94))):
        direction = torch.tensor([0.2, 0.1, side])
        region = geometry.region(torch.zeros(3), direction, 100.0)
        assert region.parent_layer.tolist() == list(layers)
        own = torch.arange(region.geometry.num_cells)
        assert torch.equal(geometry.position(region.parent_cell), region.geometry.position(own))
        counts = region.geometry.layer_start.diff()
        assert counts.min() > 0


def test_a_layer_that_the_axis_misses_keeps_its_number() -> None:
    geometry = Geometry.load("toy")
    region = geometry.region(torch.zeros(3), torch.tensor([1.6, 0.0, 1.0]), 15.0)
    counts = region.geometry.layer_start.diff().tolist()
    assert region.geometry.num_layers == 8 and counts[0] > 0 and counts[-1] == 0
    last = torch.tensor([7])
    assert region.geometry.cell_at(last, torch.zeros(1, 2)).tolist() == [-1]
    assert region.geometry.nearest(last, torch.zeros(1, 2), 3).tolist() == [[-1, -1, -1]]


def test_a_region_of_a_region_is_the_smaller_one() -> None:
    geometry = Geometry.load("toy")
    large = geometry.region(torch.zeros(3), DIRECTION, 60.0).geometry
    twice = large.region(torch.zeros(3), DIRECTION, 30.0).geometry
    once = geometry.region(torch.zeros(3), DIRECTION, 30.0).geometry
    assert twice.num_cells == once.num_cells


def test_a_direction_within_the_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="a direction with z"):
        Geometry.load("toy").region(torch.zeros(3), torch.tensor([1.0, 0.0, 0.0]), 10.0)
