"""The symmetries of detectors: a group of bijections of cells."""

import numpy as np
import pytest
import torch

from pointcalo.geometry import Cartesian, CellTable, DetectorLayer, Geometry, Hexagonal, Polar
from pointcalo.geometry.segmentation import Segmentation


def one_layer(*segmentations: Segmentation) -> Geometry:
    layers = [
        DetectorLayer(segmentation=s, z=5.0 + 10.0 * n, absorber=(), active=("Si", 0.3))
        for n, s in enumerate(segmentations)
    ]
    return Geometry("mine", layers)


def squares(**changes: object) -> Cartesian:
    return Cartesian(**({"pitch_mm": 5.0, "nx": 6, "ny": 6} | changes))


HEXAGONS = Hexagonal(pitch_mm=10.0, radius_mm=45.0)
DETECTORS = {
    "hexagons": (one_layer(HEXAGONS), 12),
    "hexagons about a corner": (
        one_layer(Hexagonal(pitch_mm=10.0, radius_mm=28.0, offset_mm=(5.0, 5.0 / 3.0**0.5))),
        6,
    ),
    "squares": (one_layer(squares(offset_mm=(3.0, -70.0))), 8),
    "rectangles": (one_layer(squares(pitch_mm=[5.0, 4.0])), 4),
    "half as many": (one_layer(squares(ny=3)), 4),
    "squares and hexagons": (one_layer(squares(), HEXAGONS), 4),
    "a hole beside the middle": (one_layer(squares(holes=[(7.5, 0.0, 4.0)])), 2),
    "a dead cell in the corner": (one_layer(squares(dead=[(12.5, 12.5)])), 2),
    "a dead cell elsewhere": (one_layer(squares(dead=[(2.5, 12.5)])), 1),
    "a shifted layer": (one_layer(squares(), squares(offset_mm=(2.5, 0.0))), 2),
    "rings": (one_layer(Polar(rows=[[0, 10, 1, 1], [10, 30, 2, 6]])), 12),
}


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> tuple[Geometry, int]:
    return DETECTORS[request.param]


def test_number_of_symmetries(detector: tuple[Geometry, int]) -> None:
    geometry, expected = detector
    assert len(geometry.symmetries) == expected
    assert torch.equal(geometry.symmetries.matrix[0], torch.eye(2))


@pytest.mark.parametrize(("name", "expected"), [("toy", 12), ("ild", 8), ("calogan", 4)])
def test_detectors_that_come_with_the_package(name: str, expected: int) -> None:
    assert len(Geometry.load(name).symmetries) == expected


def test_an_irregular_table_has_none() -> None:
    x, y = np.random.default_rng(1).uniform(-50, 50, (2, 40))
    assert len(one_layer(CellTable(x, y)).symmetries) == 1


def test_they_form_a_group(detector: tuple[Geometry, int]) -> None:
    symmetries = detector[0].symmetries
    product = (symmetries.matrix[:, None] @ symmetries.matrix[None]).flatten(0, 1)
    difference = (product[:, None] - symmetries.matrix[None]).abs().amax(dim=(2, 3))
    assert bool((difference.min(dim=1).values < 1e-6).all())
    assert sorted(symmetries.inverse.tolist()) == list(range(len(symmetries)))
    undone = symmetries.matrix[symmetries.inverse] @ symmetries.matrix
    torch.testing.assert_close(undone, torch.eye(2).expand_as(undone), atol=1e-6, rtol=0.0)


def test_each_is_a_bijection_that_keeps_layer_area_and_neighbours(
    detector: tuple[Geometry, int],
) -> None:
    geometry = detector[0]
    symmetries = geometry.symmetries
    cell = torch.arange(geometry.num_cells)
    edges = {tuple(pair) for pair in geometry.neighbours().T.tolist()}
    for number in range(len(symmetries)):
        image = symmetries.cell(torch.full_like(cell, number), cell)
        assert sorted(image.tolist()) == cell.tolist()
        assert torch.equal(geometry.layer_of(image), geometry.layer_of(cell))
        torch.testing.assert_close(geometry.area(image), geometry.area(cell))
        assert {tuple(pair) for pair in image[geometry.neighbours()].T.tolist()} == edges
        back = symmetries.cell(symmetries.inverse[torch.full_like(cell, number)], image)
        assert torch.equal(back, cell)


def test_a_layer_without_cells() -> None:
    bare = one_layer(squares(discs=[(400.0, 0.0, 1.0)]))
    assert bare.num_cells == 0 and len(bare.symmetries) == 1
