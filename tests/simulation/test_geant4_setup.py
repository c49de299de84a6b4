"""From the stack of a geometry to Geant4's slabs."""

from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Cartesian, DetectorLayer, Geometry
from pointcalo.simulation.geant4.setup import PASSIVE, box_about, materials_of, slabs_of


def layer(z: float, **values: object) -> DetectorLayer:
    squares = Cartesian(pitch_mm=(5, 20), nx=4, ny=1)
    stack = {"absorber": (("W", 2.0), ("AIR", 1.0)), "active": ("Si", 0.5)}
    return DetectorLayer(segmentation=squares, z=z, **(stack | values))


def test_slabs_follow_one_another_to_the_active_material() -> None:
    slabs = slabs_of(Geometry("two", [layer(3.25), layer(13.25)]))
    assert [(s.material, s.thickness, s.layer) for s in slabs] == [
        ("W", 2.0, PASSIVE),
        ("AIR", 1.0, PASSIVE),
        ("Si", 0.5, 0),
        ("W", 2.0, PASSIVE),
        ("AIR", 1.0, PASSIVE),
        ("Si", 0.5, 1),
    ]
    assert [s.z for s in slabs] == pytest.approx([1.0, 2.5, 3.25, 11.0, 12.5, 13.25])


def test_gaps_are_repeated_and_read_as_one_layer() -> None:
    slabs = slabs_of(Geometry("gaps", [layer(10 + 3.5, gaps=2)]))
    assert [s.z for s in slabs if s.layer == 0] == pytest.approx([13.25, 16.75])
    assert slabs[0].z - slabs[0].thickness / 2 == pytest.approx(10)
    assert slabs[-1].z + slabs[-1].thickness / 2 == pytest.approx(17)


def test_the_other_side_is_a_mirror() -> None:
    up = layer(3.25)
    slabs = slabs_of(Geometry("both", [up, replace(up, z=-up.z)]))
    assert [s.z for s in slabs[3:]] == [-s.z for s in slabs[:3]]
    assert [s.layer for s in slabs if s.layer != PASSIVE] == [0, 1]


def test_what_is_behind_follows_the_last_layer_of_each_side() -> None:
    up = layer(3.25)
    behind = [("CuW", 1.4), ("AIR", 0.0), ("Cu", 3.0)]
    slabs = slabs_of(Geometry("both", [up, replace(up, z=-up.z)], behind=behind))
    ends = {(s.material, round(s.z, 6)) for s in slabs[6:]}
    assert ends == {("CuW", 4.2), ("Cu", 6.4), ("CuW", -4.2), ("Cu", -6.4)}
    assert all(s.layer == PASSIVE for s in slabs[6:])


def test_rounded_depths_do_not_overlap() -> None:
    slabs = slabs_of(Geometry("rounded", [layer(3.25), layer(6.7495)]))
    edges = [s.z + side * s.thickness / 2 for s in slabs for side in (-1, 1)]
    assert edges == pytest.approx(sorted(edges), abs=1e-9)
    assert slabs[3].thickness == pytest.approx(1.9995)
    assert slabs[5].z == pytest.approx(6.7495)


@pytest.mark.parametrize("name", ["hgcal", "ild", "clic", "atlas", "calogan", "toy"])
def test_active_slabs_lie_at_the_layers(name: str) -> None:
    geometry = Geometry.load(name)
    slabs = slabs_of(geometry)
    for number, expected in enumerate(geometry.layers):
        own = [s for s in slabs if s.layer == number]
        assert len(own) == expected.gaps
        assert {s.material for s in own} == {expected.active[0]}
        assert sum(s.thickness for s in own) == pytest.approx(expected.gaps * expected.active_mm)
    whole = sum(s.thickness for s in slabs)
    behind = sum(thickness for _, thickness in geometry.behind)
    assert whole == pytest.approx(sum(x.thickness_mm for x in geometry.layers) + behind, abs=0.1)


@pytest.mark.parametrize("name", ["hgcal", "ild", "calogan", "toy"])
def test_the_box_holds_every_cell(name: str) -> None:
    geometry = Geometry.load(name)
    box = box_about(geometry)
    low = torch.tensor([box.x - box.half_x, box.y - box.half_y])
    size = 2 * torch.tensor([box.half_x, box.half_y])
    points = low + size * torch.rand(20000, 2, generator=torch.Generator().manual_seed(1))
    points = torch.cat([1.5 * (points - low - size / 2) + low + size / 2, points])
    inside = ((points >= low) & (points <= low + size)).all(1)
    for number in range(geometry.num_layers):
        cell = geometry.cell_at(torch.full((len(points),), number), points)
        assert not bool((cell[~inside] >= 0).any())


def test_strips_lie_wholly_in_the_box_with_its_margin() -> None:
    box = box_about(Geometry("strips", [layer(3.25)]))  # 4 x 1 cells of 5 x 20 mm
    assert 110 <= box.half_x <= 120 and 110 <= box.half_y <= 120


def test_materials_are_those_of_the_slabs_and_air() -> None:
    squares = {"absorber": (("CuW", 2.0),)}
    materials = materials_of(slabs_of(Geometry("one", [layer(3, **squares)])))
    assert list(materials) == ["AIR", "CuW", "Si"]
    density, elements = materials["CuW"]
    assert density == 14.98 and dict(elements) == pytest.approx({"Cu": 0.25, "W": 0.75})
