"""Irregular layers: two sizes of cells, holes, dead cells, partial wafers, staggered layers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pointcalo.geometry import CellTable, Geometry
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.touching import continued_cells

SQRT3 = math.sqrt(3.0)
HEXAGONS = {"type": "hexagonal", "pitch_mm": 10, "radius_mm": 60}
TWO_SIZES = [
    {"type": "hexagonal", "pitch_mm": 8, "radius_mm": 80, "wafer_mm": 48, "wafer_radius_mm": 30},
    {
        "type": "hexagonal",
        "pitch_mm": 12,
        "radius_mm": 80,
        "wafer_mm": 48,
        "wafer_inner_radius_mm": 30,
    },
]
RINGS = {"type": "polar", "rows": [[20, 40, 4, 12], [40, 80, 4, 24]]}
SECTOR = {**RINGS, "phi": [0.0, 1.5]}
BANDS = {"type": "eta_phi", "radius_mm": 100, "rows": [[-1, 1, 10, 16]], "phi": [-1.0, 1.0]}
SQUARES = {"type": "cartesian", "pitch_mm": [5, 6], "nx": 9, "ny": 7}
LAYERS = {
    "hexagons": HEXAGONS,
    "a hole": {**HEXAGONS, "holes": [[20, 10, 15]]},
    "dead cells": {**HEXAGONS, "dead": [[0, 0], [10, 0], [41, 1]]},
    "a partial wafer": {**HEXAGONS, "outline_mm": [[0, -60], [60, -30], [60, 30], [0, 60]]},
    "squares": SQUARES,
    "squares with a hole": {**SQUARES, "holes": [[5, 0, 7]], "dead": [[-20, 18]]},
    "round squares": {"type": "cartesian", "pitch_mm": 5, "radius_mm": 40, "inner_radius_mm": 12},
    "rings": RINGS,
    "a sector": {**SECTOR, "dead": [[50, 30]]},
    "geometric rings": {"type": "polar", "spacing": "geometric", "rows": [[20, 60, 8, 24]]},
    "bands": {**BANDS, "dead": [[1, 1]]},
    "two sizes": TWO_SIZES,
    "two sizes and a dead cell": [{**TWO_SIZES[0], "dead": [[8, 0]]}, TWO_SIZES[1]],
    "two sizes and a hole": [{**TWO_SIZES[0], "holes": [[0, 0, 18]]}, TWO_SIZES[1]],
    "hexagons and tiles": [
        {**HEXAGONS, "inner_radius_mm": 25},
        {"type": "polar", "rows": [[61, 101, 3, 24]]},
    ],
}


def geometry_of(segmentation: dict | list, place: Path, layers: int = 1) -> Geometry:
    """A geometry of equal layers, read from a file."""
    block = {"repeat": layers, "active": ["Si", 0.5], "segmentation": segmentation}
    path = place / "made.yaml"
    path.write_text(yaml.safe_dump({"name": "made", "layers": [block]}))
    return Geometry.load(path)


@pytest.fixture(params=LAYERS)
def geometry(request: pytest.FixtureRequest, tmp_path: Path) -> Geometry:
    return geometry_of(LAYERS[request.param], tmp_path, layers=2)


def cells(geometry: Geometry) -> torch.Tensor:
    return torch.arange(geometry.num_cells)


def test_positions_and_cells_are_inverse(geometry: Geometry, tmp_path: Path) -> None:
    layer, xy = geometry.layer_of(cells(geometry)), geometry.position(cells(geometry))[:, :2]
    assert torch.equal(geometry.cell_at(layer, xy), cells(geometry))
    geometry.save(tmp_path / "saved.yaml")
    again = Geometry.load(tmp_path / "saved.yaml")
    assert again.hash == geometry.hash and again.num_cells == geometry.num_cells


def test_neighbours_are_symmetric_and_have_different_colours(geometry: Geometry) -> None:
    for each in (geometry, geometry.extended(20.0).geometry):
        one, other = each.neighbours()
        assert torch.equal(each.layer_of(one), each.layer_of(other)) and (one != other).all()
        assert (each.neighbour_table(other) == one[:, None]).sum(1).eq(1).all()
        colour = each.colour(cells(each))
        assert (colour[one] != colour[other]).all()
        most = torch.zeros(each.num_layers, dtype=torch.int64)
        most = most.scatter_reduce(0, each.layer_of(cells(each)), colour + 1, "amax")
        assert (most <= each.layer_colours).all() and each.num_colours == each.layer_colours.max()


def test_the_extension_keeps_every_cell_and_its_colour(geometry: Geometry) -> None:
    wider = geometry.extended(20.0)
    real = wider.parent_cell >= 0
    assert torch.equal(wider.parent_cell[real].sort().values, cells(geometry))
    own, parent = real.nonzero()[:, 0], wider.parent_cell[real]
    torch.testing.assert_close(wider.geometry.position(own), geometry.position(parent))
    if not isinstance(geometry.layers[0].segmentation, Composite):
        assert torch.equal(wider.geometry.colour(own), geometry.colour(parent))


def test_added_cells_fill_the_margin_and_nothing_else(geometry: Geometry) -> None:
    wider = geometry.extended(20.0)
    added = (wider.parent_cell < 0).nonzero()[:, 0]
    layer, xy = wider.geometry.layer_of(added), wider.geometry.position(added)[:, :2]
    assert (geometry.cell_at(layer, xy) == -1).all()
    step = geometry.num_cells // 200 + 1
    some = geometry.position(torch.arange(0, geometry.num_cells, step))
    random = torch.Generator().manual_seed(1)
    angle = 2.0 * torch.pi * torch.rand(len(some), generator=random)
    step = torch.stack((angle.cos(), angle.sin()), dim=1) * 19.0
    near = some[:, :2] + step * torch.rand(len(some), 1, generator=random)
    first = torch.zeros(len(some), dtype=torch.int64)
    covered = wider.geometry.cell_at(first, near) >= 0
    assert covered.float().mean() > 0.9  # less than a cell is left open between two parts


def test_distance_to_the_edge_grows_inwards(tmp_path: Path) -> None:
    geometry = geometry_of({"type": "cartesian", "pitch_mm": 2, "nx": 50, "ny": 50}, tmp_path)
    x = torch.tensor([0.0, 30.0, 44.0, 48.0, 55.0])
    distance = geometry.edge_distance(torch.zeros(5, dtype=torch.int64), torch.stack((x, 0 * x), 1))
    assert distance.tolist() == pytest.approx([50.0, 20.0, 6.0, 2.0, 0.0], abs=0.2)


@pytest.mark.parametrize("name", ["toy", "ild_ecal_hcal", "par04"])
def test_distances_that_matter_are_found_in_every_layer(name: str) -> None:
    geometry = Geometry.load(name)
    generator = torch.Generator().manual_seed(1)
    reach = 1.2 * geometry.position(torch.arange(geometry.num_cells))[:, :2].abs().max()
    xy = reach * (2.0 * torch.rand(4000, 2, generator=generator) - 1.0)
    layer = torch.randint(geometry.num_layers, (4000,), generator=generator)
    whole, near = geometry.edge_distance(layer, xy), geometry.edge_distance(layer, xy, 15.0)
    assert ((whole > 0.0) & (whole < 15.0)).sum() > 50
    assert torch.equal(near.clamp_max(15.0), whole.clamp_max(15.0))
    pairs = zip(layer[:100].split(1), xy[:100].split(1), strict=True)
    one = torch.cat([geometry.edge_distance(n, p) for n, p in pairs])
    assert torch.equal(one, whole[:100])


def test_a_hole_and_a_dead_cell_are_edges(tmp_path: Path) -> None:
    first = torch.zeros(2, dtype=torch.int64)
    points = torch.tensor([[20.0, 10.0], [20.0, -10.0]])
    hole = geometry_of(LAYERS["a hole"], tmp_path)
    whole = geometry_of(HEXAGONS, tmp_path)
    inside, near = hole.edge_distance(first, points).tolist()
    assert inside == 0.0 and 2.0 < near < 10.0
    assert whole.edge_distance(first, points).min() > 30.0
    gone = whole.num_cells - hole.num_cells
    assert gone == pytest.approx(math.pi * 15**2 / (0.5 * SQRT3 * 100), abs=2)
    dead = geometry_of(LAYERS["dead cells"], tmp_path)
    assert dead.num_cells == whole.num_cells - 3
    points = torch.tensor([[4.0, 0.0], [0.0, 7.0]])
    assert dead.cell_at(first, points).lt(0).tolist() == [True, False]
    assert dead.edge_distance(first, points).tolist() == pytest.approx([0.0, 2.3], abs=0.2)


def test_a_hole_in_the_smaller_of_two_sizes_is_filled(tmp_path: Path) -> None:
    geometry = geometry_of(LAYERS["two sizes and a hole"], tmp_path)
    wider = geometry.extended(30.0)
    points = 12.0 * torch.rand(500, 2, generator=torch.Generator().manual_seed(1)) - 6.0
    cell = wider.geometry.cell_at(torch.zeros(500, dtype=torch.int64), points)
    assert (cell >= 0).float().mean() > 0.99 and (wider.parent_cell[cell] == -1).all()
    assert wider.geometry.area(cell).unique().tolist() == pytest.approx([32 * SQRT3], rel=1e-5)


def test_a_partial_wafer_has_half_the_cells(tmp_path: Path) -> None:
    corners = [[0.1, -70], [70, -70], [70, 70], [0.1, 70]]
    half = geometry_of({**HEXAGONS, "outline_mm": corners}, tmp_path)
    whole = geometry_of(HEXAGONS, tmp_path)
    on_axis = int((whole.position(cells(whole))[:, 0] == 0.0).sum())
    assert 2 * half.num_cells + on_axis == whole.num_cells
    assert half.position(cells(half))[:, 0].min() > 0.1


def test_layers_are_staggered_by_their_offset(tmp_path: Path) -> None:
    segmentation = {**HEXAGONS, "offset_mm": {"each": [[0, 0], [5, 2.886751]]}}
    geometry = geometry_of(segmentation, tmp_path, layers=2)
    origin = torch.zeros(2, 2)
    nearest = geometry.nearest(torch.arange(2), origin, 3)
    distance = geometry.position(nearest.flatten())[:, :2].norm(dim=1).reshape(2, 3)
    assert distance[0].tolist() == pytest.approx([0.0, 10.0, 10.0])
    assert distance[1].tolist() == pytest.approx([10 / SQRT3] * 3, rel=1e-4)


def test_cells_of_two_sizes_touch_across_the_seam(tmp_path: Path) -> None:
    parts = [
        {"type": "cartesian", "pitch_mm": 2, "nx": 8, "ny": 8, "offset_mm": [-8, 0]},
        {"type": "cartesian", "pitch_mm": 4, "nx": 4, "ny": 4, "offset_mm": [8, 0]},
    ]
    geometry = geometry_of(parts, tmp_path)
    first = torch.zeros(1, dtype=torch.int64)
    large = geometry.cell_at(first, torch.tensor([[2.0, 2.0]]))
    beside = geometry.neighbour_table(large)[0]
    found = geometry.position(beside[beside >= 0])[:, :2]
    small = sorted(found[found[:, 0] < 0].tolist())
    # 3 mm is the mean side: 1.5 of it is 4.5 mm, and (-1, y) is at most 4.24 mm away.
    assert small == [[-1.0, -1.0], [-1.0, 1.0], [-1.0, 3.0], [-1.0, 5.0]]


def test_dead_cells_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "dead.csv").write_text("layer,x_mm,y_mm\n0,0,0\n1,10,0\n1,-10,0\n")
    geometry = geometry_of({**HEXAGONS, "dead_file": "dead.csv"}, tmp_path, layers=2)
    whole = geometry_of(HEXAGONS, tmp_path, layers=2)
    lost = (whole.layer_start.diff() - geometry.layer_start.diff()).tolist()
    assert lost == [1, 2]
    origin = torch.zeros(2, 2)
    assert geometry.cell_at(torch.arange(2), origin).lt(0).tolist() == [True, False]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"dead": [[100, 0]]}, r"layer 0: dead has \[100, 0\], where there is no cell"),
        ({"dead": [1, 2]}, r"dead has the entry 1; expected \[x, y\] in mm"),
        ({"holes": [[1, 2]]}, r"holes has the entry \[1, 2\]; expected \[x, y, radius\]"),
        ({"outline_mm": [[1, 2], [3, 4]]}, "outline_mm has 2 corners; expected at least 3"),
        ({"holes": 3}, "holes is 3; expected a list"),
        ({"holes": [[1, 2, -3]]}, "holes has the radius -3; expected 0 or more"),
    ],
)
def test_mistakes_are_told(keys: dict, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=fault):
        geometry_of({**HEXAGONS, **keys}, tmp_path)


def lattice(number: int = 12) -> np.ndarray:
    """Hexagons of 10 mm in a rhombus."""
    i, j = np.meshgrid(np.arange(number), np.arange(number))
    return np.stack(((i + 0.5 * j).ravel() * 10.0, j.ravel() * 5.0 * SQRT3), axis=1)


def test_a_table_goes_on_as_its_lattice() -> None:
    xy = lattice().astype(np.float32)
    area = np.full(len(xy), 50.0 * SQRT3, dtype=np.float32)
    wider, _ = continued_cells(xy, area, 25.0)
    assert np.array_equal(wider[: len(xy)], xy)
    j = wider[:, 1] / (5.0 * SQRT3)
    i = wider[:, 0] / 10.0 - 0.5 * j
    assert np.abs(i - i.round()).max() < 1e-3 and np.abs(j - j.round()).max() < 1e-3
    sites = {tuple(site) for site in np.stack((i.round(), j.round()), 1).astype(int).tolist()}
    assert len(sites) == len(wider)
    # Two rows of hexagons are 17.3 mm deep, three 26.
    assert {(i, j) for i in range(-1, 13) for j in range(-2, 14)} - sites <= {(12, 13), (-1, -2)}


def test_a_dead_cell_of_a_table_leaves_a_hole(tmp_path: Path) -> None:
    xy = lattice()
    dead = (xy == xy[66]).all(axis=1)
    columns = {"layer": np.zeros(len(xy), dtype=int), "x_mm": xy[:, 0], "y_mm": xy[:, 1]}
    np.savez(tmp_path / "cells.npz", dead=dead, **columns)
    by_column = geometry_of({"type": "table", "file": "cells.npz"}, tmp_path)
    np.savez(tmp_path / "cells.npz", **columns)
    by_point = geometry_of(
        {"type": "table", "file": "cells.npz", "dead": [xy[66].tolist()]}, tmp_path
    )
    assert by_column.hash == by_point.hash
    first = torch.zeros(3, dtype=torch.int64)
    around = torch.tensor(xy[66]).float() + torch.tensor([[0.0, 0.0], [4.5, 0.0], [5.5, 0.0]])
    assert by_point.cell_at(first, around).lt(0).tolist() == [True, True, False]
    by_point.save(tmp_path / "saved.yaml")
    again = Geometry.load(tmp_path / "saved.yaml")
    assert again.hash == by_point.hash and again.num_cells == len(xy) - 1
    wider = by_point.extended(15.0)
    hole = wider.geometry.cell_at(first[:1], around[:1])
    assert hole >= 0 and wider.parent_cell[hole] == -1
    assert isinstance(by_point.layers[0].segmentation, CellTable)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "geometries.md"
    text = page.read_text(encoding="utf-8").partition("## Irregular layers")[2]
    (tmp_path / "example.yaml").write_text(
        "name: example\n" + text.split("```")[1].removeprefix("yaml")
    )
    geometry = Geometry.load(tmp_path / "example.yaml")
    dead = torch.tensor([[41.0, 3.0], [60.0, 12.0], [0.0, 0.0]])
    assert (geometry.cell_at(torch.zeros(3, dtype=torch.int64), dead) == -1).all()
    assert geometry.num_layers == 2 and geometry.area(cells(geometry)).unique().numel() == 2
    cell = cells(geometry)
    xy = geometry.position(cell)[:, :2]
    assert torch.equal(geometry.cell_at(geometry.layer_of(cell), xy), cell)
