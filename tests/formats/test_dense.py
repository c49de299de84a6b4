"""Voxels and cells: there and back bit for bit, in pieces, and faults with their shower."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pointcalo.formats import ShowerStream, stream
from pointcalo.formats.hdf5 import check_rows, open_hdf5, read_column
from pointcalo.formats.layouts import Outgoing
from pointcalo.formats.voxels import dense
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Incident, ShowerError, Showers

MakeShowers = Callable[..., Showers]


class Plain(DenseFile):
    """A file of one data set of voxels and one of energies."""

    layout = "plain"

    def __init__(self, path: Path, grid: Grid, factor: float = 1.0) -> None:
        super().__init__(path, grid, ("voxels",), factor, ("energy",))

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return along(read_column(file, "energy", rows))


def opened(path: Path, grid: Grid) -> Plain:
    with open_hdf5(path) as raw:
        check_rows(raw, path, ("voxels", "energy"))
    return Plain(path, grid)


def along(energy: torch.Tensor) -> Incident:
    size = len(energy)
    direction = torch.tensor([[0.0, 0.0, 1.0]]).repeat(size, 1)
    return Incident(energy, direction, torch.zeros(size, 3), torch.full((size,), 22))


@pytest.fixture
def grid(toy: Geometry) -> Grid:
    """Cells in a random order, every fifth voxel being padding."""
    generator = torch.Generator().manual_seed(3)
    cell = torch.full((toy.num_cells * 5 // 4 + 1,), -1)
    places = torch.randperm(len(cell), generator=generator)[: toy.num_cells]
    cell[places] = torch.randperm(toy.num_cells, generator=generator)
    return Grid(toy, cell)


@pytest.fixture
def values(grid: Grid) -> NDArray[np.float32]:
    """Voxels [40, V] of which one in ten is lit, the third shower empty."""
    random = np.random.default_rng(1)
    shape = (40, len(grid.cell))
    lit = (random.random(shape) < 0.1) & (grid.cell.numpy() >= 0)
    lit[2] = False
    return np.where(lit, random.lognormal(0, 3, shape), 0).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path, values: NDArray[np.float32]) -> Path:
    energy = np.arange(1.0, len(values) + 1, dtype=np.float32)
    shapes: dict[str, tuple[int, ...]] = {"voxels": values.shape[1:], "energy": ()}
    rows = [{"voxels": values[:25], "energy": energy[:25]}]
    rows += [{"voxels": values[25:], "energy": energy[25:]}]
    outgoing = Outgoing(num_showers=len(values), points="cells", source="random")
    Columns(tmp_path / "a.h5", outgoing, shapes).write(rows)
    return tmp_path / "a.h5"


def test_voxels_are_cells(grid: Grid, values: NDArray[np.float32]) -> None:
    showers = grid.showers(values, along(torch.ones(len(values))))
    assert showers.counts.tolist() == (values > 0).sum(axis=1).tolist()
    assert showers.cell is not None
    inside = showers.index[1:] == showers.index[:-1]
    assert bool((showers.cell.diff()[inside] > 0).all())
    shower, voxel = 7, int(np.flatnonzero(values[7])[4])
    one = showers[shower]
    place = int((one.cell == grid.cell[voxel]).nonzero()[0])
    assert one.energy[place] == values[shower, voxel]
    torch.testing.assert_close(one.xy, grid.geometry.position(one.cell)[:, :2])
    assert torch.equal(one.layer, grid.geometry.layer_of(one.cell))


def test_there_and_back_is_exact(grid: Grid, values: NDArray[np.float32]) -> None:
    showers = grid.showers(values, along(torch.ones(len(values))))
    for some in (showers, replace(showers, cell=None)):
        back, outside = grid.values(some)
        assert outside == 0 and back.dtype == np.float32
        np.testing.assert_array_equal(back, values)


def test_points_of_a_cell_are_added_and_those_outside_counted(grid: Grid, toy: Geometry) -> None:
    centre = toy.position(torch.tensor([0]))[0, :2].tolist()
    points = torch.tensor([[*centre, 1.5, 0], [*centre, 0.25, 0], [1e6, 0, 4, 0]])
    ptr = torch.tensor([0, 3])
    showers = Showers(points, torch.zeros(3, dtype=torch.int64), ptr, along(torch.ones(1)))
    values, outside = grid.values(showers)
    assert outside == 4
    assert values.sum() == values[0, int(grid.voxel[0])] == 1.75


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, 1e300])
def test_wrong_energies_are_named(grid: Grid, values: NDArray[np.float32], value: float) -> None:
    wrong = values.astype(np.float64)
    wrong[7, int(grid.voxel[3])] = value
    with pytest.raises(ShowerError, match=r"shower 7: point \d+ has .*expected finite"):
        grid.showers(wrong, along(torch.ones(len(values))))


def test_energy_in_padding_is_refused(grid: Grid, values: NDArray[np.float32]) -> None:
    padding = int((grid.cell < 0).nonzero()[3])
    values[9, padding] = 2
    match = rf"shower 9: energy 2 in voxel {padding}, which is no cell of geometry 'toy'"
    with pytest.raises(ShowerError, match=match):
        grid.showers(values, along(torch.ones(len(values))))


def test_two_voxels_in_one_cell(toy: Geometry) -> None:
    with pytest.raises(ValueError, match="geometry 'toy': two voxels lie in the same cell"):
        Grid(toy, torch.tensor([3, 4, -1, -1, 3]))


def test_pieces_make_the_whole(
    grid: Grid, values: NDArray[np.float32], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Plain(path, grid).read()
    np.testing.assert_array_equal(grid.values(whole)[0], values)
    monkeypatch.setattr(dense, "PIECE", 7 * len(grid.cell))
    file = Plain(path, grid)
    file.together = 3
    pieces = [(start, len(part)) for start, part in file._pieces(4, 20)]
    assert pieces == [(4, 2), (6, 6), (12, 6), (18, 2)]
    assert torch.equal(file.offset, whole.ptr)
    some = file.read(slice(4, 20))
    assert torch.equal(some.points, whole[4:20].points)
    assert torch.equal(some.incident.energy, torch.arange(5.0, 21.0))


def test_a_fault_is_told_with_file_and_shower(
    grid: Grid, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(path, "a") as raw:
        raw["voxels"][17, int(grid.voxel[0])] = np.nan
        raw["energy"][30] = -1
    monkeypatch.setattr(dense, "PIECE", 4 * len(grid.cell))
    file = Plain(path, grid)
    with pytest.raises(ValueError, match=r"a.h5: shower 17: point \d+ has"):
        file.read(slice(3, 20))
    with pytest.raises(ValueError, match=r"a.h5: shower 30: incident energy is -1"):
        file.read(slice(25, 35))
    with pytest.raises(ValueError, match=r"a.h5: shower 30: incident energy is -1"):
        file.incident()


def test_unit(grid: Grid, path: Path) -> None:
    one, thousand = (Plain(path, grid, factor).read() for factor in (1.0, 1e3))
    torch.testing.assert_close(thousand.energy, 1e3 * one.energy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voxels": None}, "a.h5: data set voxels is missing"),
        ({"voxels": np.zeros((39, 3))}, "different numbers of showers: voxels 39, energy 40"),
        ({"voxels": np.array([b"a"] * 40)}, r"voxels holds \|S1, expected numbers"),
        ({"voxels": np.zeros(()), "energy": np.zeros(())}, "data set voxels is missing"),
        ({"voxels": np.zeros((0, 3)), "energy": np.zeros(0)}, "a.h5: holds no showers"),
        ({"voxels": np.zeros((40, 3))}, r"3 voxels a shower, geometry 'toy' has \d+: pass"),
    ],
)
def test_wrong_shapes(grid: Grid, path: Path, change: dict, message: str) -> None:
    with h5py.File(path, "a") as raw:
        for name, content in change.items():
            del raw[name]
            if content is not None:
                raw[name] = content
    with pytest.raises(ValueError, match=message) as caught:
        opened(path, grid)
    assert "\n" not in str(caught.value)


def test_a_claim_of_ten_gigabytes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as raw:
        raw.create_dataset("voxels", (10**6, 2500), "f4", chunks=(1, 2500), compression="gzip")
        with pytest.raises(
            ValueError, match=r"a.h5: data set /voxels claims 10 GB, the file holds 0"
        ):
            check_rows(raw, tmp_path / "a.h5", ("voxels",))


@pytest.mark.parametrize("number", [39, 41])
def test_as_many_rows_as_announced(path: Path, number: int) -> None:
    before = path.read_bytes()
    rows = [{"energy": np.ones(20)}] * 2
    outgoing = Outgoing(num_showers=number, points="cells", source="random")
    with pytest.raises(ValueError, match=rf"a.h5: 40 showers came, expected {number}"):
        Columns(path, outgoing, {"energy": ()}).write(rows)
    assert path.read_bytes() == before and [path] == list(path.parent.iterdir())


def test_losses(make_showers: MakeShowers) -> None:
    showers = make_showers(10)
    total = float(showers.energy.sum())
    losses = Losses(Outgoing(num_showers=10, points="deposits", source="me"))
    losses.note(showers, outside=0.25 * total)
    losses.note(showers)
    assert losses.phrases() == [
        "places of the deposits within their cells",
        "times of the points",
        "incident directions",
        "entry positions",
        "kinds of incident particles",
        "12.5 % of the energy, outside every voxel",
    ]
    held = Losses(times=True, directions=True, positions=True, particles=True)
    held.note(showers)
    assert held.phrases() == []


def test_a_particle_that_readers_do_not_take(make_showers: MakeShowers) -> None:
    showers = make_showers(1)
    points = showers.points.clone()
    points[:, ENERGY + 1 :] = 0
    photon = replace(showers, points=points, incident=along(torch.ones(1)))
    for usual, lost in ((22, []), (None, []), (11, ["kinds of incident particles"])):
        losses = Losses(usual=usual)
        losses.note(photon)
        assert losses.phrases() == lost


def test_a_block_of_a_stream_ends_where_a_piece_of_the_file_does(
    grid: Grid, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Plain(path, grid)
    assert file.together == len(file)  # a small file is compressed as one
    file.together = 16
    monkeypatch.setattr(stream, "BLOCK_POINTS", int(file.offset[5]))
    blocks = ShowerStream([file], batch=4, split="all").blocks
    assert [block.numbers[0].item() for block in blocks] == [0, 16, 32]
    monkeypatch.setattr(dense, "LARGEST_PIECE", 39 * len(grid.cell))
    assert Plain(path, grid).together == 1


def test_damaged_files_are_told_in_one_line(grid: Grid, path: Path) -> None:
    whole, random = path.read_bytes(), np.random.default_rng(2)
    wrong = []
    for trial in range(150):
        content = np.frombuffer(whole, dtype=np.uint8).copy()
        content[random.integers(0, len(whole), 20)] = random.integers(0, 256, 20)
        path.write_bytes(content[: len(whole) - trial % 3 * 1000].tobytes())
        try:
            opened(path, grid).read()
        except (ValueError, OSError) as error:
            wrong += [] if str(path) in str(error) and "\n" not in str(error) else [error]
    assert not wrong
