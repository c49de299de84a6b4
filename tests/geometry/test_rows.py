import math

import pytest
import torch

from pointcalo.geometry import Cartesian, DetectorLayer, EtaPhi, Geometry, Polar, Segmentation


def one_layer(segmentation: Segmentation) -> Geometry:
    layer = DetectorLayer(segmentation=segmentation, z=5.0, absorber=(), active=("Si", 0.3))
    return Geometry("one", [layer])


def at(geometry: Geometry, *points: tuple[float, float]) -> list[int]:
    return geometry.cell_at(
        torch.zeros(len(points), dtype=torch.int64), torch.tensor(points)
    ).tolist()


def test_rings_are_numbered_outwards_and_from_x() -> None:
    geometry = one_layer(Polar(rows=((0.0, 10.0, 1, 1), (10.0, 20.0, 1, 4))))
    assert at(geometry, (0.0, 0.0), (5.0, -5.0)) == [0, 0]
    assert at(geometry, (11.0, 11.0), (-11.0, 11.0), (-11.0, -11.0), (11.0, -11.0)) == [1, 2, 3, 4]
    assert at(geometry, (10.0, 0.0), (20.0, 0.0), (20.1, 0.0)) == [0, 1, -1]
    assert at(geometry, (0.0, 15.0), (-15.0, 0.0)) == [1, 2]
    expected = torch.tensor([[0.0, 0.0, 5.0], [15 / 2**0.5, 15 / 2**0.5, 5.0]])
    torch.testing.assert_close(geometry.position(torch.arange(2)), expected)


def test_a_full_ring_has_its_mean_in_the_middle() -> None:
    geometry = one_layer(Polar(rows=((10.0, 20.0, 1, 1), (20.0, 30.0, 1, 8))))
    cell = torch.tensor([0])
    assert geometry.mean_position(cell).tolist() == [[0.0, 0.0, 5.0]]
    assert geometry.position(cell)[:, :2].norm().item() == pytest.approx(15.0)
    assert torch.equal(geometry.mean_position(cell + 3), geometry.position(cell + 3))


def test_areas_of_rings_add_up() -> None:
    rows = ((5.0, 10.0, 2, 7), (10.0, 40.0, 3, 18))
    for spacing in ("even", "geometric"):
        geometry = one_layer(Polar(rows=rows, spacing=spacing))
        area = geometry.area(torch.arange(geometry.num_cells))
        assert area.sum().item() == pytest.approx(math.pi * (40.0**2 - 5.0**2), rel=1e-5)


def test_geometric_rings_grow_by_a_factor() -> None:
    edges = Polar(rows=((100.0, 800.0, 3, 12),), spacing="geometric").edges
    assert edges.tolist() == pytest.approx([100.0, 200.0, 400.0, 800.0])


def test_neighbours_across_rings_of_different_bins() -> None:
    geometry = one_layer(Polar(rows=((0.0, 10.0, 1, 1), (10.0, 20.0, 1, 4), (20.0, 30.0, 1, 8))))
    near = [set(row) - {-1} for row in geometry.neighbour_table(torch.arange(13)).tolist()]
    assert near[0] == {1, 2, 3, 4}
    assert near[1] == {0, 2, 4, 5, 6, 7, 12}
    assert near[5] == {1, 4, 6, 12}
    assert near[6] == {1, 2, 5, 7}


def test_a_partial_turn_has_ends() -> None:
    geometry = one_layer(Polar(rows=((10.0, 20.0, 1, 3),), phi=(0.0, 1.5)))
    assert at(geometry, (15.0, 1e-3), (15.0, -1e-3), (-15.0, 0.0)) == [0, -1, -1]
    near = geometry.neighbour_table(torch.arange(3)).tolist()
    assert [set(row) - {-1} for row in near] == [{1}, {0, 2}, {1}]


def test_eta_phi_is_the_unrolled_cylinder() -> None:
    radius = 1500.0
    geometry = one_layer(EtaPhi(radius_mm=radius, rows=((-1.0, 1.0, 20, 64),)))
    phi, eta = 0.3, 0.72
    (cell,) = at(geometry, (radius * phi, radius * math.sinh(eta)))
    row, bin_ = cell // 64, cell % 64
    assert row == math.floor((eta + 1.0) / 0.1)
    assert bin_ == math.floor((phi + math.pi) / (2 * math.pi / 64))
    turn = 2 * math.pi * radius
    assert at(geometry, (radius * phi + turn, radius * math.sinh(eta))) == [cell]
    assert at(geometry, (0.0, radius * math.sinh(1.01))) == [-1]


def test_the_cylinder_closes() -> None:
    geometry = one_layer(EtaPhi(radius_mm=100.0, rows=((-0.5, 0.5, 4, 16),)))
    first = geometry.neighbour_table(torch.tensor([16])).tolist()[0]
    assert {15, 31, 47} <= set(first) and len(set(first)) == 8
    point = geometry.position(torch.tensor([16]))[:, :2]
    assert set(geometry.nearest(torch.tensor([0]), point, 5)[0].tolist()) == {0, 16, 17, 31, 32}


def test_atlas_has_the_channels_of_the_paper() -> None:
    counts = Geometry.load("atlas").layer_start.diff().tolist()
    assert counts[0] == 7808
    # 101 760 in the paper: there the two strips at eta = 0 are one.
    assert sum(counts[1:]) == 101_760 + 2 * 64


def test_calogan_cells_are_numbered_like_its_arrays() -> None:
    geometry = Geometry.load("calogan")
    assert geometry.layer_start.tolist() == [0, 288, 432, 504]
    first, second = geometry.position(torch.tensor([0, 1]))
    assert second[0] - first[0] == 5.0 and second[1] == first[1]
    assert geometry.area(torch.tensor([0, 288, 432])).tolist() == [800.0, 1600.0, 3200.0]


def test_squares_with_offset_and_border() -> None:
    geometry = one_layer(Cartesian(pitch_mm=5, nx=3, ny=2, offset_mm=(1.0, 0.0)))
    position = geometry.position(torch.arange(6))[:, :2]
    assert position.tolist()[:3] == [[-4.0, -2.5], [1.0, -2.5], [6.0, -2.5]]
    assert at(geometry, (3.5, -1.0), (3.51, -1.0), (1.0, 0.0), (1.0, 0.01)) == [1, 2, 1, 4]
    assert at(geometry, (8.6, 1.0), (0.0, 5.1)) == [-1, -1]


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match=r"rows end at 10\.0 and go on at 11\.0"):
        Polar(rows=((0, 10, 1, 1), (11, 20, 1, 4)))
    with pytest.raises(ValueError, match="expected a rising range"):
        Polar(rows=((10, 5, 1, 1),))
    with pytest.raises(ValueError, match="at most 2 pi"):
        Polar(rows=((0, 10, 1, 4),), phi=(0.0, 7.0))
    with pytest.raises(ValueError, match="nx, ny and radius_mm"):
        Cartesian(pitch_mm=5, nx=3, ny=3, radius_mm=10)
