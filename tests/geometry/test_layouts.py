"""What holds on every layout: each built-in geometry, a table of cells, a region."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pointcalo.geometry import CellTable, DetectorLayer, Geometry, geometry_names
from pointcalo.programs.tracing import trace

BUILT_IN = (
    *("atlas", "calochallenge_1_photon", "calochallenge_1_pion", "calochallenge_2"),
    *("calochallenge_3", "calogan", "clic", "hgcal", "hgcal_full", "ild", "ild_ecal_hcal", "toy"),
)
LAYOUTS = (*BUILT_IN, "table", "mixed", "rings", "region", "region of rings")
SAMPLE = 20_000


def scattered_table(seed: int = 3) -> CellTable:
    """400 cells at jittered places of a square lattice of 10 mm."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(20) * 10.0, np.arange(20) * 10.0)
    jitter = random.uniform(-3.0, 3.0, size=(2, 400))
    return CellTable(x.ravel() + jitter[0], y.ravel() + jitter[1])


def rings() -> dict:
    """Rings with a disc, an odd and a single-cell ring, changing their number of bins."""
    rows = [[0, 10, 1, 1], [10, 20, 1, 5], [20, 40, 2, 10], [40, 50, 1, 1], [50, 60, 1, 2]]
    return {"type": "polar", "rows": rows}


# Hexagons, and around them rings of larger cells.
MIXED = {
    "active": ["Si", 0.5],
    "segmentation": [
        {"type": "hexagonal", "pitch_mm": 9.0, "radius_mm": 150.0},
        {"type": "polar", "rows": [[155.0, 335.0, 10, 80]]},
    ],
}


class LookUps(nn.Module):
    """What programs ask of a geometry."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry

    def forward(self, cell: torch.Tensor, point: torch.Tensor) -> tuple[torch.Tensor, ...]:
        geometry = self.geometry
        layer, first = geometry.layer_of(cell), geometry.neighbour_table(cell)
        near = [geometry.nearest(layer, point, k).sort(dim=1).values for k in (1, 20, 61)]
        beside = geometry.cell_at(layer, point), geometry.colour(cell), geometry.area(cell)
        second = geometry.second_neighbour_table(cell, first)
        return geometry.position(cell), first, second, *beside, *near


@pytest.fixture(scope="module")
def layouts() -> dict[str, Geometry]:
    from pointcalo.geometry.files import geometry_from

    made = {name: Geometry.load(name) for name in BUILT_IN}
    stack = {"absorber": (("W", 3.0),), "active": ("Si", 0.5)}
    tables = [scattered_table(seed) for seed in (1, 2)]
    layers = [DetectorLayer(segmentation=t, z=10.0 * i, **stack) for i, t in enumerate(tables)]
    made["table"] = Geometry("table", layers)
    ring_layers = [{"repeat": 2, "active": ["Si", 0.5], "segmentation": rings()}]
    made["rings"] = geometry_from({"name": "rings", "layers": ring_layers}, Path())
    start = torch.tensor([3.0, -2.0, 0.0])
    slope = torch.tensor([0.3, 0.1, 1.0])
    made["region"] = made["hgcal_full"].region(0.0 * start, slope, 80.0).geometry
    made["mixed"] = geometry_from({"name": "mixed", "layers": [{"repeat": 2, **MIXED}]}, Path())
    made["region of rings"] = made["rings"].region(start, slope, 35.0).geometry
    return made


@pytest.fixture(params=LAYOUTS)
def geometry(request: pytest.FixtureRequest, layouts: dict[str, Geometry]) -> Geometry:
    return layouts[request.param]


def some_cells(geometry: Geometry) -> torch.Tensor:
    """Every cell, or every n-th."""
    return torch.arange(0, geometry.num_cells, max(1, geometry.num_cells // SAMPLE))


def test_built_in_geometries_are_named() -> None:
    assert set(BUILT_IN) <= set(geometry_names())


def test_cell_at_inverts_position(geometry: Geometry) -> None:
    cell = torch.arange(geometry.num_cells) if geometry.num_cells < 1e6 else some_cells(geometry)
    position = geometry.position(cell)
    layer = geometry.layer_of(cell)
    assert position.dtype == torch.float32
    assert torch.equal(geometry.cell_at(layer, position[:, :2]), cell)
    assert torch.equal(position[:, 2], geometry.layer_z[layer])


def test_cells_are_numbered_layer_by_layer(geometry: Geometry) -> None:
    start = geometry.layer_start
    assert start[0] == 0 and start[-1] == geometry.num_cells
    filled = (start.diff() > 0).nonzero().squeeze(1)
    assert torch.equal(geometry.layer_of(start[filled]), filled)
    assert torch.equal(geometry.layer_of(start[filled + 1] - 1), filled)


def test_neighbours_are_symmetric_and_of_one_layer(geometry: Geometry) -> None:
    one, other = geometry.neighbours(some_cells(geometry))
    assert (one != other).all()
    assert torch.equal(geometry.layer_of(one), geometry.layer_of(other))
    back = geometry.neighbour_table(other)
    assert (back == one[:, None]).sum(1).eq(1).all()


def test_neighbours_have_different_colours(geometry: Geometry) -> None:
    one, other = geometry.neighbours(some_cells(geometry))
    colour, next_colour = geometry.colour(one), geometry.colour(other)
    assert (colour != next_colour).all()
    assert colour.min() >= 0 and colour.max() < geometry.num_colours


def test_the_second_ring_is_symmetric_and_two_steps_on(geometry: Geometry) -> None:
    cell = some_cells(geometry)[::8].contiguous()
    first, second = geometry.neighbour_table(cell), geometry.second_neighbour_table(cell)
    row, column = (second >= 0).nonzero(as_tuple=True)
    assert len(row) > 0
    assert (geometry.second_neighbour_table(second[row, column]) == cell[row, None]).any(1).all()
    for here, near, far in zip(cell.tolist(), first.tolist(), second.tolist(), strict=True):
        around = torch.tensor([other for other in near if other >= 0], dtype=torch.int64)
        ends = set(geometry.neighbour_table(around).flatten().tolist()) - {-1, here, *near}
        found = [other for other in far if other >= 0]
        assert len(found) == len(set(found)) and ends <= set(found)
        assert not set(found) & {here, *near}


def test_two_cells_of_a_colour_have_no_neighbour_in_common(geometry: Geometry) -> None:
    cell = some_cells(geometry)
    second = geometry.second_neighbour_table(cell)
    row, column = (second >= 0).nonzero(as_tuple=True)
    equal = geometry.colour(cell[row]) == geometry.colour(second[row, column])
    kinds = {layer.segmentation.kind for layer in geometry.layers}
    if kinds <= {"hexagonal", "cartesian", "table"}:
        assert not equal.any()
    else:
        assert equal.any()  # rings, and parts of several kinds: neighbours only


@torch.no_grad()
def test_a_program_looks_up_what_torch_does(geometry: Geometry) -> None:
    random = torch.Generator().manual_seed(1)
    cell = torch.randint(geometry.num_cells, (500,), generator=random)
    side = geometry.area(cell).sqrt()[:, None]
    point = geometry.position(cell)[:, :2] + side * (
        0.6 * torch.rand(500, 2, generator=random) - 0.3
    )
    inside = torch.ones_like(cell, dtype=torch.bool)
    if geometry.lattice_tables() is not None:  # where these end, programs find fewer
        steps = 5.0 * torch.tensor([[1, 0], [-1, 0], [0, 1], [0, -1]])
        places = (point + side * steps[:, None]).flatten(0, 1)
        inside = geometry.cell_at(geometry.layer_of(cell).repeat(4), places).reshape(4, -1) >= 0
        inside = inside.all(dim=0)
    inputs = cell[inside], point[inside]
    program = LookUps(geometry)
    traced = trace(program, tuple(x[:7] for x in inputs))
    assert len(inputs[0]) > 10
    for own, found in zip(program(*inputs), traced(*inputs), strict=True):
        assert torch.equal(found, own)


def test_nearest_agrees_with_all_distances(geometry: Geometry) -> None:
    random = torch.Generator().manual_seed(1)
    for layer in (0, geometry.num_layers - 1):
        start, stop = geometry.layer_start[layer : layer + 2].tolist()
        if start == stop:
            continue
        centres = geometry.position(torch.arange(start, stop))[:, :2]
        picked = centres[torch.randint(stop - start, (30,), generator=random)]
        size = geometry.area(torch.tensor([start])).sqrt()
        point = picked + 3.0 * size * torch.randn(30, 2, generator=random)
        k = min(19, stop - start + 2)
        near = geometry.nearest(torch.full((30,), layer), point, k)
        found = (near >= 0).all(0)
        assert found.sum() == min(k, stop - start)
        distance = torch.cdist(point.double(), centres.double())
        if geometry.name == "atlas":
            x = (point[:, None, 0] - centres[:, 0]).double()
            turn = 2.0 * torch.pi * geometry.layers[layer].segmentation.radius_mm
            x = torch.remainder(x + turn / 2, turn) - turn / 2
            distance = torch.hypot(x, (point[:, None, 1] - centres[:, 1]).double())
        expected = distance.sort(dim=1).values[:, : int(found.sum())]
        got = distance.gather(1, near[:, found] - start)
        torch.testing.assert_close(got, expected, atol=2e-3, rtol=0.0)


def test_save_and_load_keep_the_hash(geometry: Geometry, tmp_path: Path) -> None:
    geometry.save(tmp_path / "saved.yaml")
    again = Geometry.load(tmp_path / "saved.yaml")
    assert again.hash == geometry.hash
    assert (again.name, again.num_cells) == (geometry.name, geometry.num_cells)
    assert not list(tmp_path.glob(".*"))


def test_hashes_differ(layouts: dict[str, Geometry]) -> None:
    assert len({geometry.hash for geometry in layouts.values()}) == len(layouts)


def test_points_beyond_the_outline_or_not_finite_have_no_cell(geometry: Geometry) -> None:
    far = torch.tensor([[1e7, 0.0], [0.0, -1e7], [torch.nan, 0.0], [0.0, torch.inf]])
    if geometry.name == "atlas":
        far = far[1:]
    layer = torch.zeros(len(far), dtype=torch.int64)
    assert (geometry.cell_at(layer, far) == -1).all()


def test_moving_keeps_everything(geometry: Geometry) -> None:
    moved = geometry.to("cpu")
    cell = some_cells(geometry)[:100]
    assert torch.equal(moved.position(cell), geometry.position(cell))
    assert torch.equal(moved.colour(cell), geometry.colour(cell))
    assert moved.hash == geometry.hash


def test_chunks_give_what_one_piece_gives(layouts: dict[str, Geometry]) -> None:
    from pointcalo.geometry.geometry import CHUNK

    geometry = layouts["hgcal"]
    random = torch.Generator().manual_seed(5)
    xy = 1000.0 * torch.rand(CHUNK + 7, 2, generator=random) - 500.0
    layer = torch.randint(0, 26, (CHUNK + 7,), generator=random)
    pieces = [geometry.cell_at(layer[i::2], xy[i::2]) for i in (0, 1)]
    whole = geometry.cell_at(layer, xy)
    assert torch.equal(whole[0::2], pieces[0]) and torch.equal(whole[1::2], pieces[1])


@pytest.mark.parametrize("name", ["hgcal", "ild", "clic", "toy", "calogan"])
def test_the_cell_under_a_point_is_the_nearest(name: str, layouts: dict[str, Geometry]) -> None:
    geometry = layouts[name]
    random = torch.Generator().manual_seed(2)
    cell = torch.randint(geometry.num_cells, (2000,), generator=random)
    layer = geometry.layer_of(cell)
    point = geometry.position(cell)[:, :2] + 3.0 * torch.randn(2000, 2, generator=random)
    found = geometry.cell_at(layer, point)
    inside = found >= 0
    if name == "calogan":  # a rectangle's point may be nearer to the centre beside it
        size = geometry.area(found[inside])
        assert (size > 0).all()
        return
    nearest = geometry.nearest(layer, point, 1)[:, 0]
    assert inside.float().mean() > 0.9
    assert torch.equal(found[inside], nearest[inside])


def test_a_geometry_is_frozen(layouts: dict[str, Geometry]) -> None:
    with pytest.raises(AttributeError):
        layouts["toy"].name = "other"
