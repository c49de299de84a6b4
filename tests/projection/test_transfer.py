"""Hits to another lattice: energy kept, particles kept whole, the same whatever the batch."""

import pytest
import torch
from projection.test_resegmentation import _array

from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.projection import Transfer
from pointcalo.showers import Incident, Showers, ptr_from_counts
from pointcalo.showers.noise import Noise

THRESHOLD = 0.1


def detector(pitch_mm: float, number: int, threshold: float = THRESHOLD) -> Geometry:
    cells = _array(pitch_mm, number)
    layers = [DetectorLayer(segmentation=cells, z=z, threshold=threshold) for z in (1.0, 4.0, 7.0)]
    return Geometry("made", layers)


def showers_of(geometry: Geometry, *hits: list[tuple[int, float, float, float]]) -> Showers:
    """Showers along z with hits (layer, x, y, energy)."""
    rows = torch.tensor([hit for shower in hits for hit in shower]).reshape(-1, 4)
    layer = rows[:, 0].long()
    cell = geometry.cell_at(layer, rows[:, 1:3].contiguous())
    points = torch.cat([geometry.position(cell)[:, :2], rows[:, 3:], rows[:, :1]], dim=1)
    along = torch.tensor([[0.0, 0.0, 1.0]]).repeat(len(hits), 1)
    energy, pdg = torch.full((len(hits),), 1e4), torch.full((len(hits),), 22)
    return Showers(
        points=points,
        layer=layer,
        ptr=ptr_from_counts(torch.tensor([len(shower) for shower in hits])),
        incident=Incident(energy=energy, direction=along, position=0 * along, pdg=pdg),
        cell=cell,
    )


def block(size: int, energy: float) -> list[tuple[int, float, float, float]]:
    """Hits on size x size cells of 12 mm in the middle layer."""
    return [(1, 12.0 * x, 12.0 * y, energy) for y in range(size) for x in range(size)]


def keys(number: int, first: int = 0) -> Noise:
    return Noise.for_showers(7, torch.arange(first, first + number))


def test_onto_the_same_cells_nothing_changes() -> None:
    geometry = detector(12.0, 9)
    showers = showers_of(geometry, block(3, 5.0), [], [(0, 0.0, 0.0, 0.2)])
    again, outside = Transfer(geometry, geometry)(showers, keys(3))
    assert torch.equal(again.cell, showers.cell) and torch.equal(again.ptr, showers.ptr)
    torch.testing.assert_close(again.points, showers.points)
    assert outside.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_each_layer_keeps_its_energy() -> None:
    source, target = detector(12.0, 9), detector(5.0, 27, threshold=0.0)
    showers = showers_of(source, block(4, 3.0), block(2, 50.0))
    there, _ = Transfer(source, target)(showers, keys(2))
    expected, found = (s.layer_sums(3)[1] for s in (showers, there))
    torch.testing.assert_close(found, expected)
    assert (there.counts > showers.counts).all()  # a core has several particles in a cell


def test_a_lone_hit_stays_one_in_its_cell() -> None:
    source, target = detector(12.0, 9), detector(4.0, 27)
    showers = showers_of(source, *[[(1, 24.0, -12.0, 30.0)]] * 200)
    there, _ = Transfer(source, target)(showers, keys(200))
    assert there.counts.tolist() == [1] * 200
    assert there.energy.tolist() == pytest.approx([30.0] * 200)
    assert torch.equal(source.cell_at(there.layer, there.xy), showers.cell)
    assert len(there.cell.unique()) == 9  # anywhere in it


def test_a_small_hit_is_one_particle_whatever_lies_beside_it() -> None:
    source, target = detector(12.0, 9), detector(4.0, 27)
    showers = showers_of(source, block(3, 2.0 * THRESHOLD))
    there, _ = Transfer(source, target)(showers, keys(1))
    assert there.num_points == 9


def test_particles_are_rather_where_the_shower_goes_on() -> None:
    source, target = detector(12.0, 9), detector(4.0, 27)
    beside = [(1, 36.0, 0.0, 0.2), (1, 48.0, 0.0, 0.2)]
    showers = showers_of(source, *[beside] * 500)
    there, _ = Transfer(source, target)(showers, keys(500))
    left, right = there.xy[:, 0].reshape(500, 2).unbind(1)
    # away from the axis, towards one another; the axis pulls both to the left
    assert float((left - 36.0).mean()) > float((right - 48.0).mean()) + 1.0


def test_the_batch_does_not_matter() -> None:
    source, target = detector(12.0, 9), detector(5.0, 27)
    showers = showers_of(source, block(4, 3.0), block(3, 9.0), block(2, 50.0))
    transfer = Transfer(source, target)
    whole, _ = transfer(showers, keys(3))
    parts = Showers.cat([transfer(showers[n : n + 1], keys(1, n))[0] for n in range(3)])
    assert torch.equal(whole.cell, parts.cell)
    torch.testing.assert_close(whole.points, parts.points)
    other, _ = transfer(showers, keys(3, 5))
    assert whole.cell.tolist() != other.cell.tolist()


def test_what_lies_outside_the_target_is_said() -> None:
    source, target = detector(12.0, 9), detector(4.0, 9)
    showers = showers_of(source, [(0, 0.0, 0.0, 1.0), (0, 36.0, 0.0, 3.0)])
    there, outside = Transfer(source, target)(showers, keys(1))
    assert there.num_points == 1 and outside.tolist() == pytest.approx([0.75])


def test_no_shower_and_other_layers() -> None:
    source = detector(12.0, 9)
    there, outside = Transfer(source, detector(4.0, 27))(showers_of(source, [], []), keys(2))
    assert there.counts.tolist() == [0, 0] and outside.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="expected as many: cells are cut anew layer by layer"):
        Transfer(source, Geometry.load("toy"))
