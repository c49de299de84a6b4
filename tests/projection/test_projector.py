"""Projection: merged rows by hand, energy kept, cells found again, the share outside."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.projection import CountingProjector, Projector
from pointcalo.showers import ENERGY, TIME, Incident, Showers, ptr_from_counts, segment_sum


def _incident(num: int) -> Incident:
    return Incident(
        energy=torch.full((num,), 1e4),
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(num, 1),
        position=torch.zeros(num, 3),
        pdg=torch.full((num,), 22),
    )


def _deposits(geometry: Geometry, num: int = 3000, spread_mm: float = 20.0) -> Showers:
    generator = torch.Generator().manual_seed(4)
    points = torch.rand(num, 4, generator=generator)
    points[:, :2] = spread_mm * torch.randn(num, 2, generator=generator)
    return Showers(
        points=points,
        layer=torch.randint(0, geometry.num_layers, (num,), generator=generator),
        ptr=ptr_from_counts(torch.tensor([num // 2, 0, num - num // 2])),
        incident=_incident(3),
    )


def test_merge_by_hand() -> None:
    geometry = Geometry.load("toy")
    first, second = geometry.position(torch.tensor([700, 701]))[:, :2].tolist()
    rows = [
        [second[0] + 1, second[1], 2.0, 5.0],
        [first[0], first[1] + 1, 1.0, 3.0],
        [first[0] - 1, first[1], 0.5, 1.0],
        [first[0], first[1], 4.0, 9.0],
    ]
    layer = int(geometry.layer_of(torch.tensor([700])))
    showers = Showers(
        points=torch.tensor(rows),
        layer=torch.full((4,), layer),
        ptr=torch.tensor([0, 3, 3, 4]),
        incident=_incident(3),
    )
    projected, outside = Projector(geometry)(showers)
    assert projected.cell is not None
    assert projected.cell.tolist() == [700, 701, 700]
    assert projected.counts.tolist() == [2, 0, 1]
    assert projected.energy.tolist() == [1.5, 2.0, 4.0]
    assert projected.points[:, TIME].tolist() == [1.0, 5.0, 9.0]
    assert torch.equal(projected.xy, geometry.position(projected.cell)[:, :2])
    assert outside.tolist() == [0, 0, 0]


def test_energy_is_kept_and_cells_are_sorted() -> None:
    geometry = Geometry.load("toy")
    showers = _deposits(geometry)
    projected, outside = Projector(geometry)(showers)
    assert projected.cell is not None and not outside.any()
    for before, after in zip(showers.layer_sums(8), projected.layer_sums(8), strict=True):
        if before.is_floating_point():
            torch.testing.assert_close(after, before)
    key = projected.index * geometry.num_cells + projected.cell
    assert bool((key.diff() > 0).all())
    assert torch.equal(geometry.cell_at(projected.layer, projected.xy), projected.cell)


def test_projecting_twice_changes_nothing() -> None:
    geometry = Geometry.load("toy")
    once, _ = Projector(geometry)(_deposits(geometry))
    twice, outside = Projector(geometry)(once)
    assert torch.equal(once.points, twice.points) and torch.equal(once.ptr, twice.ptr)
    assert not outside.any()


def test_order_of_the_points_does_not_matter() -> None:
    geometry = Geometry.load("toy")
    showers = _deposits(geometry)[0]
    order = torch.randperm(showers.num_points, generator=torch.Generator().manual_seed(5))
    mixed = showers.replace(points=showers.points[order], layer=showers.layer[order])
    assert torch.equal(Projector(geometry)(showers)[0].points, Projector(geometry)(mixed)[0].points)


def test_share_outside() -> None:
    geometry = Geometry.load("toy")
    showers = _deposits(geometry, spread_mm=80.0)
    projected, outside = Projector(geometry)(showers)
    inside = geometry.cell_at(showers.layer, showers.xy) >= 0
    lost = segment_sum(showers.energy * ~inside, showers.ptr)
    total = segment_sum(showers.energy, showers.ptr)
    expected = torch.where(total > 0, lost / total.clamp(min=1e-9), 0)
    assert 0.1 < float(expected[0]) < 0.9
    torch.testing.assert_close(outside, expected)
    kept = segment_sum(projected.energy, projected.ptr)
    torch.testing.assert_close(kept + lost, total)


def test_nothing_but_points_outside_or_without_energy() -> None:
    geometry = Geometry.load("toy")
    showers = _deposits(geometry, num=10)
    points = showers.points.clone()
    points[:5, 0] = 1e4
    points[5:, ENERGY] = 0
    projected, outside = Projector(geometry)(showers.replace(points=points))
    assert projected.num_points == 0 and len(projected) == 3
    assert outside.tolist() == [1, 0, 0]


def test_energy_outside_is_counted_over_batches() -> None:
    geometry = Geometry.load("toy")
    counting = CountingProjector(Projector(geometry))
    assert counting.share == 0
    batches = [_deposits(geometry), _deposits(geometry, num=500, spread_mm=200.0)]
    held = sum(float(counting(batch).energy.sum(dtype=torch.float64)) for batch in batches)
    total = sum(float(batch.energy.sum(dtype=torch.float64)) for batch in batches)
    assert abs(counting.energy - total) < 1e-6 * total
    assert abs(counting.energy - counting.outside - held) < 1e-5 * total
    assert 0 < counting.share < 1 and counting.share == counting.outside / counting.energy
