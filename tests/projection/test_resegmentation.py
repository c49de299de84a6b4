"""Cells to those of another geometry: energy kept, overlaps known by hand, any shape of cell."""

from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Cartesian, DetectorLayer, Geometry, Polar, Segmentation
from pointcalo.projection import Projector, Resegmentation
from pointcalo.projection.resegmentation import points_inside
from pointcalo.showers import TIME, Incident, Showers, ptr_from_counts, segment_sum


def _detector(cells: Segmentation, depth_mm: tuple[float, ...] = (1.0, 4.0)) -> Geometry:
    return Geometry("made", [DetectorLayer(segmentation=cells, z=z) for z in depth_mm])


def _array(pitch_mm: float, number: int, offset: tuple[float, float] = (0.0, 0.0)) -> Cartesian:
    return Cartesian(pitch_mm=(pitch_mm, pitch_mm), nx=number, ny=number, offset_mm=offset)


def _showers(geometry: Geometry, num: int = 3000, spread_mm: float = 20.0) -> Showers:
    generator = torch.Generator().manual_seed(4)
    points = torch.rand(num, 4, generator=generator)
    points[:, :2] = spread_mm * torch.randn(num, 2, generator=generator)
    incident = Incident(
        energy=torch.full((3,), 1e4),
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(3, 1),
        position=torch.zeros(3, 3),
        pdg=torch.full((3,), 22),
    )
    deposits = Showers(
        points=points,
        layer=torch.randint(0, geometry.num_layers, (num,), generator=generator),
        ptr=ptr_from_counts(torch.tensor([num // 2, 0, num - num // 2])),
        incident=incident,
    )
    return Projector(geometry)(deposits)[0]


def _one_cell(geometry: Geometry, x: float, y: float) -> Showers:
    showers = _showers(geometry, num=4)[0]
    points = torch.tensor([[x, y, 8.0, 0.7]])
    return showers.replace(
        points=points,
        layer=torch.zeros(1).long(),
        ptr=torch.tensor([0, 1]),
        cell=geometry.cell_at(torch.tensor([0]), points[:, :2]),
    )


def test_onto_its_own_cells_nothing_changes() -> None:
    toy = Geometry.load("toy")
    showers = _showers(toy)
    again, share = Resegmentation(toy, toy)(showers)
    assert torch.equal(again.points, showers.points) and torch.equal(again.cell, showers.cell)
    assert torch.equal(again.ptr, showers.ptr) and not share.any()


def test_square_in_quarters() -> None:
    coarse, fine = _detector(_array(8.0, 3)), _detector(_array(4.0, 6))
    spread, share = Resegmentation(coarse, fine)(_one_cell(coarse, 0.0, 0.0))
    assert sorted(map(tuple, spread.xy.tolist())) == [(-2, -2), (-2, 2), (2, -2), (2, 2)]
    assert spread.energy.tolist() == pytest.approx([2.0] * 4, rel=0.03)
    assert spread.points[:, TIME].tolist() == pytest.approx([0.7] * 4)
    assert float(spread.energy.sum()) == pytest.approx(8.0) and not share.any()


@pytest.mark.parametrize("shift", [(1.0, 0.0), (2.0, 3.0), (-4.0, 4.0), (0.5, -7.0)])
def test_overlap_of_shifted_squares_is_that_of_their_areas(shift: tuple[float, float]) -> None:
    squares, moved = _detector(_array(8.0, 5)), _detector(_array(8.0, 5, shift))
    spread, _ = Resegmentation(squares, moved, samples=1024)(_one_cell(squares, 0.0, 0.0))
    away = (spread.xy).abs()
    expected = (1 - away[:, 0] / 8) * (1 - away[:, 1] / 8)
    assert len(expected) == 2 ** sum(part != 0 for part in shift)
    torch.testing.assert_close(spread.energy / 8, expected, atol=0.01, rtol=0)


def test_what_lies_beyond_the_target_is_told() -> None:
    squares, half = _detector(_array(8.0, 1)), _detector(_array(8.0, 1, (2.0, 0.0)))
    spread, share = Resegmentation(squares, half, samples=1024)(_one_cell(squares, 0.0, 0.0))
    assert float(share) == pytest.approx(0.25, abs=0.01)
    assert float(spread.energy) == pytest.approx(8 * (1 - float(share)))


def test_hexagons_to_small_squares_and_back() -> None:
    toy = Geometry.load("toy")
    squares = Cartesian(pitch_mm=(3.0, 3.0), radius_mm=150.0)
    fine = Geometry("fine", [replace(layer, segmentation=squares) for layer in toy.layers])
    showers = _showers(toy)
    there, share = Resegmentation(toy, fine)(showers)
    assert not share.any()
    back, share = Resegmentation(fine, toy)(there)
    before, after = showers.layer_sums(8)[1], there.layer_sums(8)[1]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    kept = segment_sum(back.energy.double(), back.ptr)
    total = segment_sum(showers.energy.double(), showers.ptr)
    torch.testing.assert_close(kept + share * total, total, rtol=1e-6, atol=1e-6)
    # squares on a border of hexagons belong to both: most of the energy comes back, not all
    key, again = (s.index * toy.num_cells + s.cell for s in (showers, back))
    own = torch.isin(again, key)
    assert 0.9 < float(back.energy[own].sum() / back.energy.sum()) < 1


def test_time_is_the_earliest() -> None:
    fine, coarse = _detector(_array(4.0, 8)), _detector(_array(16.0, 2))
    showers = _showers(fine, spread_mm=4.0)
    merged, share = Resegmentation(fine, coarse)(showers)
    expected, _ = Projector(coarse)(showers)
    torch.testing.assert_close(merged.points, expected.points)
    assert not share.any()


RINGS = Polar(rows=((0.0, 10.0, 1, 1), (10.0, 12.0, 1, 1), (12.0, 60.0, 4, 6)))


@pytest.mark.parametrize(
    "geometry",
    [Geometry.load("toy"), Geometry.load("ild"), Geometry.load("atlas"), _detector(RINGS)],
    ids=["hexagons", "squares", "eta-phi", "rings"],
)
def test_points_fill_cells_of_any_shape(geometry: Geometry) -> None:
    generator = torch.Generator().manual_seed(3)
    cell = torch.randint(0, geometry.num_cells, (200,), generator=generator)
    row, xy = points_inside(cell, geometry, 64)
    assert torch.equal(geometry.cell_at(geometry.layer_of(cell)[row], xy), cell[row])
    number = torch.bincount(row, minlength=len(cell))
    assert number.min() >= 32
    middle = torch.stack([torch.bincount(row, part.double()) for part in xy.unbind(1)], dim=1)
    away = (middle / number[:, None] - geometry.mean_position(cell)[:, :2]).norm(dim=1)
    assert float((away / geometry.area(cell).sqrt()).max()) < 0.35


def test_a_full_ring_is_spread_all_around() -> None:
    rings, squares = _detector(RINGS), _detector(_array(5.0, 26))
    ring = rings.cell_at(torch.tensor([0]), torch.tensor([[11.0, 0.0]]))
    x, y = rings.position(ring)[0, :2].tolist()
    spread, share = Resegmentation(rings, squares, samples=256)(_one_cell(rings, x, y))
    assert not share.any()
    quarter = (spread.xy[:, 0] > 0).long() * 2 + (spread.xy[:, 1] > 0).long()
    assert torch.bincount(quarter, spread.energy, 4).min() > 0
    radius = spread.xy.norm(dim=1)
    assert float(radius.min()) > 10 - 3.6 and float(radius.max()) < 12 + 3.6


def test_same_result_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Geometry.load("toy")
    shifted = Cartesian(pitch_mm=(7.0, 7.0), radius_mm=150.0, offset_mm=(1.0, 2.0))
    target = Geometry("t", [replace(layer, segmentation=shifted) for layer in toy.layers])
    showers = _showers(toy)
    whole, share = Resegmentation(toy, target)(showers)
    monkeypatch.setattr("pointcalo.projection.resegmentation.BATCH_ROWS", 1000)
    parts, again = Resegmentation(toy, target)(showers)
    assert torch.equal(whole.points, parts.points) and torch.equal(whole.ptr, parts.ptr)
    assert torch.equal(share, again)
    one_by_one = Resegmentation(toy, target)
    for number in (2, 0, 1):
        assert torch.equal(one_by_one(showers[number])[0].points, whole[number].points)


def test_nothing_in_nothing_out() -> None:
    toy = Geometry.load("toy")
    empty = _showers(toy)[1]
    again, share = Resegmentation(toy, toy)(empty)
    assert again.num_points == 0 and share.tolist() == [0]


def test_layers_that_do_not_match() -> None:
    squares = _detector(_array(8.0, 3))
    with pytest.raises(ValueError, match="have 2 and 3 layers, expected as many"):
        Resegmentation(squares, _detector(_array(8.0, 3), (1.0, 4.0, 7.0)))
    with pytest.raises(ValueError, match=r"layer 1 lies at z = 4 and 5 mm, expected the same"):
        Resegmentation(squares, _detector(_array(8.0, 3), (1.0, 5.0)))
