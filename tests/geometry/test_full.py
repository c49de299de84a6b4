"""The whole HGCal: counts, boundaries and what it costs."""

import pytest
import torch

from pointcalo.geometry import Geometry, Hexagonal, Polar
from pointcalo.geometry.composite import parts_of


@pytest.fixture(scope="module")
def full() -> Geometry:
    return Geometry.load("hgcal_full")


def test_channels_are_those_of_the_detector(full: Geometry) -> None:
    assert full.num_layers == 94
    assert 5.5e6 < full.num_cells < 6.5e6
    counts = full.layer_start.diff()
    assert torch.equal(counts[:47], counts[47:])


def test_the_stack_ends_where_cms_says(full: Geometry) -> None:
    # zHGCal2, zHGCal6 and zHGCal12 of CMSSW's hgcal.xml v17.
    behind = {25: 1.6 + 6.025 + 1.0, 32: 1.4 + 6.35, 46: 1.4 + 6.35}
    ends = {25: 3619.71, 32: 4065.81, 46: 5140.51}
    for number, end in ends.items():
        layer = full.layers[number]
        assert layer.z + 0.5 * layer.active[1] + behind[number] == pytest.approx(end, abs=1e-3)


def test_parts_change_with_depth(full: Geometry) -> None:
    kinds = [[type(part) for part in parts_of(layer.segmentation)] for layer in full.layers[:47]]
    assert all(kind == [Hexagonal, Hexagonal] for kind in kinds[:33])
    assert all(kind[-1] is Polar for kind in kinds[33:])


def test_few_points_fall_between_sizes_of_cells(full: Geometry) -> None:
    random = torch.Generator().manual_seed(0)
    radius = 330.0 + 1100.0 * torch.rand(200_000, generator=random).sqrt()
    angle = 2.0 * torch.pi * torch.rand(200_000, generator=random)
    xy = torch.stack((radius * angle.cos(), radius * angle.sin()), dim=1)
    cell = full.cell_at(torch.full((200_000,), 10), xy)
    assert (cell < 0).float().mean() < 0.005
    area = full.area(cell[cell >= 0]).unique()
    assert area.tolist() == pytest.approx([56.2, 126.5], abs=0.1)


def test_side_of_each_layer(full: Geometry) -> None:
    cell = torch.tensor([0, full.num_cells - 1])
    assert full.layer_of(cell).tolist() == [0, 93]
    assert full.position(cell)[:, 2].sign().tolist() == [1.0, -1.0]
