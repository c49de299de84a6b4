import math

import pytest
import torch

from pointcalo.geometry import DetectorLayer, Geometry, Hexagonal
from pointcalo.geometry.hexagonal import hexagon_site

PITCH = 11.6
SIDE = PITCH / math.sqrt(3.0)


def one_layer(**outline: float) -> Geometry:
    segmentation = Hexagonal(pitch_mm=PITCH, **outline)
    layer = DetectorLayer(segmentation=segmentation, z=5.0, absorber=(), active=("Si", 0.3))
    return Geometry("one", [layer])


def at(geometry: Geometry, *points: tuple[float, float]) -> list[int]:
    return geometry.cell_at(
        torch.zeros(len(points), dtype=torch.int64), torch.tensor(points)
    ).tolist()


def test_rings_of_cells_are_kept_by_their_centre() -> None:
    radii = (1.0, 1.01 * PITCH, 1.74 * PITCH, 2.01 * PITCH)
    assert [one_layer(radius_mm=radius).num_cells for radius in radii] == [1, 7, 13, 19]


def test_positions_follow_axial_coordinates() -> None:
    geometry = one_layer(radius_mm=1.01 * PITCH)
    x = [0.5 * PITCH, 1.0 * PITCH, 0.5 * PITCH]
    expected = [(-x[0], -1.5 * SIDE), (x[0], -1.5 * SIDE), (-x[1], 0.0), (0.0, 0.0)]
    expected += [(x[1], 0.0), (-x[2], 1.5 * SIDE), (x[2], 1.5 * SIDE)]
    position = geometry.position(torch.arange(7))
    torch.testing.assert_close(position[:, :2], torch.tensor(expected), atol=1e-5, rtol=0.0)
    assert (position[:, 2] == 5.0).all()


def test_a_point_on_a_border_goes_to_the_lower_index() -> None:
    geometry = one_layer(radius_mm=1.01 * PITCH)
    centre, right, left = 3, 4, 2
    half = 0.5 * PITCH
    assert at(geometry, (half, 0.0), (-half, 0.0)) == [centre, left]
    assert at(geometry, (half + 1e-3, 0.0), (-half + 1e-3, 0.0)) == [right, centre]
    quarter = torch.tensor([0.25, -0.25, 0.25, -0.25])
    i, j = hexagon_site(quarter, torch.tensor([0.75, 0.75, -0.75, -0.75]))
    assert i.tolist() == [0, 0, 1, 0] and j.tolist() == [0, 0, -1, -1]


def test_neighbours_of_the_middle_and_of_the_edge() -> None:
    geometry = one_layer(radius_mm=1.01 * PITCH)
    assert geometry.neighbour_table(torch.tensor([3])).tolist() == [[0, 1, 2, 4, 5, 6]]
    edge = geometry.neighbour_table(torch.tensor([0]))[0]
    assert sorted(edge.tolist()) == [-1, -1, -1, 1, 2, 3]
    assert geometry.neighbours(torch.tensor([0])).tolist() == [[0, 0, 0], [1, 2, 3]]


def test_areas_tile_the_plane() -> None:
    geometry = one_layer(radius_mm=400.0)
    area = geometry.area(torch.arange(geometry.num_cells))
    assert area[0].item() == pytest.approx(1.5 * math.sqrt(3.0) * SIDE**2)
    assert area.sum().item() == pytest.approx(math.pi * 400.0**2, rel=0.01)


def test_hgcal_is_the_geometry_of_the_sample() -> None:
    geometry = Geometry.load("hgcal")
    z = torch.arange(26) * 10.5 + 5.95
    torch.testing.assert_close(geometry.layer_z, z, atol=1e-4, rtol=0.0)
    assert geometry.layer_threshold.unique().tolist() == pytest.approx([0.043])
    cell = geometry.cell_at(torch.tensor([7]), torch.zeros(1, 2))
    table = geometry.neighbour_table(cell)[0]
    distance = geometry.position(table)[:, :2].norm(dim=1)
    torch.testing.assert_close(distance, torch.full((6,), 11.6), atol=1e-4, rtol=0.0)
    assert geometry.position(torch.arange(geometry.num_cells))[:, :2].norm(dim=1).max() <= 500.0


def test_wafers_of_two_sizes_share_the_plane() -> None:
    fine = Hexagonal(pitch_mm=167.4408 / 12 / 3**0.5, radius_mm=600.0, wafer_mm=167.4408)
    coarse = Hexagonal(pitch_mm=167.4408 / 8 / 3**0.5, radius_mm=600.0, wafer_mm=167.4408)
    for segmentation, expected in ((fine, 432), (coarse, 192)):
        vertex = segmentation.pitch_mm / math.sqrt(3.0)
        one_wafer = Hexagonal(
            pitch_mm=segmentation.pitch_mm,
            radius_mm=600.0,
            offset_mm=(0.0, vertex),
            wafer_mm=167.4408,
            wafer_radius_mm=1.0,
        )
        layer = DetectorLayer(segmentation=one_wafer, z=1.0, absorber=(), active=("Si", 0.3))
        assert Geometry("wafer", [layer]).num_cells == expected


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="pitch_mm is -1; expected a number above 0"):
        Hexagonal(pitch_mm=-1, radius_mm=10)
    with pytest.raises(ValueError, match=r"inner_radius_mm 20\.0 is beyond radius_mm 10\.0"):
        Hexagonal(pitch_mm=1, radius_mm=10, inner_radius_mm=20)
