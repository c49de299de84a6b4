"""CaloClouds files: columns, padding, layers, directions, and those counted in cells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from formats.voxels import Refused, contents, reads_or_says_why, write_as, write_raw
from hypothesis import given, settings
from numpy.typing import NDArray

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile, open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

MEV = Conventions(energy_unit="MeV", incident_energy_unit="GeV")


def made(num: int, most: int = 6000, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Points as in the files of CaloClouds 1 and 2: [N, 4, most], zeros in front, GeV."""
    random = np.random.default_rng(seed)
    events = np.zeros((num, 4, most), dtype=np.float32)
    for event, size in zip(events, random.integers(0, most // 2, num), strict=True):
        points = [random.normal(0, 30, size), random.integers(0, 30, size)]
        points += [random.normal(40, 30, size), random.exponential(1e-3, size) + 1e-6]
        event[:, most - size :] = points
    return {"energy": random.uniform(10, 90, (num, 1)).astype(np.float32), "events": events}


def grid(num: int, most: int = 1700, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Cells as in the file of the Getting High showers: [N, most, 4], zeros behind, MeV."""
    random = np.random.default_rng(seed)
    points = np.zeros((num, most, 4), dtype=np.float32)
    for shower, size in zip(points, random.integers(1, 400, num), strict=True):
        place = np.sort(random.choice(27000, size, replace=False))
        layer, x, z = np.unravel_index(place, (30, 30, 30))
        shower[:size] = np.stack([x, layer, z, random.exponential(1, size) + 0.01], axis=1)
    return {"genE": random.uniform(10, 90, (num, 1)).astype(np.float32), "showers": points}


@pytest.mark.parametrize("transposed", [False, True])
def test_columns(tmp_path: Path, transposed: bool) -> None:
    events = np.zeros((2, 4, 9), dtype=np.float32)
    events[1, :, -2:] = [[1.5, -2.5], [29, 0], [40, 41], [0.25, 0.5]]
    content = {
        "energy": np.array([[10.0], [20.0]]),
        "events": np.moveaxis(events, 1, 2) if transposed else events,
        "p_norm_local": np.array([[0.0, 0.48], [0.0, 0.36], [1.0, 0.8]]),
    }
    file = open_showers(write_raw(tmp_path / "a.hdf5", content))
    assert (file.layout, file.points) == ("caloclouds", "deposits")
    showers = file.read()
    assert showers.counts.tolist() == [0, 2] and showers.layer.tolist() == [29, 0]
    assert showers.points.tolist() == [[1.5, 40, 250, 0], [-2.5, 41, 500, 0]]
    assert showers.incident.energy.tolist() == [10e3, 20e3]
    assert showers.incident.pdg.tolist() == [22, 22]
    # the local x and y of CaloClouds are z and x of the points
    expected = torch.tensor([[0, 0, 1], [0.36, 0.48, 0.8]])
    torch.testing.assert_close(showers.incident.direction, expected)


def test_entry_as_the_user_says(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.h5", made(2))
    assert open_showers(path).assumed == ("particles enter at (0, 0)",)
    file = open_showers(path, Conventions(entry_mm=(1, 40.5)))
    assert file.assumed == () and file.read().incident.position.tolist() == [[1, 40.5, 0]] * 2
    for entry in ((1.0,), (1.0, np.nan), "12", 3):
        with pytest.raises(ValueError, match=r"entry_mm: got .*, expected \[x, y\] in mm"):
            Conventions(entry_mm=entry)


def test_there_and_back(tmp_path: Path) -> None:
    content = made(5)
    content["p_norm_local"] = np.array([[0.6], [0.0], [0.8]]).repeat(5, axis=1)
    showers = open_showers(write_raw(tmp_path / "a.h5", content)).read()
    assert write_as("caloclouds", tmp_path / "b.h5", showers, Conventions(), "deposits") == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert {name: (data.shape, data.dtype.str) for name, data in raw.items()} == {
            "energy": ((5, 1), "<f4"),
            "events": ((5, 4, 6000), "<f4"),
            "p_norm_local": ((3, 5), "<f8"),
        }
        assert raw["events"].compression == "gzip"
        np.testing.assert_array_equal(raw["events"][:, :3], content["events"][:, :3])
        for name in content:
            np.testing.assert_allclose(raw[name][:], content[name], rtol=2e-7, atol=1e-8)


def test_layers_spread_in_depth(tmp_path: Path) -> None:
    content = made(3)
    events = content["events"]
    held = events[:, 3] > 0
    events[:, 1][held] += np.float32(0.7)
    path = write_raw(tmp_path / "a.h5", content)
    with pytest.raises(
        ValueError, match=r"a.h5: shower 0: depth \d+.7, that is no layer number: p"
    ):
        open_showers(path).read()
    said = Conventions(depth="spread")
    file = open_showers(path, said)
    assert file.left_out == ("places of the points within the depth of their layer",)
    showers = file.read()
    assert showers.layer.tolist() == np.floor(events[:, 1][held]).astype(int).tolist()
    write_as("caloclouds", tmp_path / "b.h5", showers, said)
    assert torch.equal(open_showers(tmp_path / "b.h5", said).read().layer, showers.layer)


def test_more_points_than_fit(tmp_path: Path) -> None:
    showers = open_showers(write_raw(tmp_path / "a.h5", made(2, 28000))).read()
    assert showers.counts.max() > 6000
    with pytest.raises(ValueError, match=r"b.h5: a shower has \d{4} points, the layout holds 6000"):
        write_as("caloclouds", tmp_path / "b.h5", showers, Conventions())
    assert not (tmp_path / "b.h5").exists()


def test_where_cells_lie(tmp_path: Path) -> None:
    content = {"genE": np.array([10.0, 20.0]), "showers": np.zeros((2, 5, 4))}
    content["showers"][1, :2] = [[3, 7, 21, 2.5], [0, 29, 1, 0.5]]
    file = open_showers(write_raw(tmp_path / "a.hdf5", content), MEV)
    assert (file.layout, file.geometry_name) == ("caloclouds_grid", "getting_high")
    showers = file.read()
    assert showers.counts.tolist() == [0, 2] and showers.layer.tolist() == [7, 29]
    place = [-81 + 4.5 * 5.088333, -77 + 21.5 * 5.088333, 2.5, 0]
    torch.testing.assert_close(showers.points[0], torch.tensor(place), atol=1e-3, rtol=0)
    assert showers.incident.energy.tolist() == [10e3, 20e3]


def test_cells_spread(tmp_path: Path) -> None:
    content = grid(3)
    whole = open_showers(write_raw(tmp_path / "a.h5", content), MEV).read()
    content["showers"][..., :3] += 0.25 * (content["showers"][..., 3:] > 0)
    path = write_raw(tmp_path / "b.h5", content)
    showers = open_showers(path, replace(MEV, depth="spread")).read()
    assert torch.equal(showers.points, whole.points)


def test_cells_there_and_back(tmp_path: Path) -> None:
    content = grid(5)
    showers = open_showers(write_raw(tmp_path / "a.h5", content), MEV).read()
    said = replace(MEV, geometry=Geometry.load("getting_high"))
    assert write_as("caloclouds_grid", tmp_path / "b.h5", showers, said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert (raw["showers"].shape, raw["showers"].dtype) == ((5, 1700, 4), "f4")
        again = open_showers(tmp_path / "b.h5", MEV).read()
        # the order of the cells is that of the geometry, whose x is fastest
        for ours, theirs in zip(raw["showers"][:], content["showers"], strict=True):
            np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))
    assert torch.equal(again.points, showers.points) and torch.equal(again.cell, showers.cell)


def test_more_cells_than_fit(tmp_path: Path) -> None:
    geometry = Geometry.load("getting_high")
    showers = open_showers(write_raw(tmp_path / "a.h5", grid(2)), MEV).read()
    cell = torch.arange(1701)
    points = torch.cat([geometry.position(cell)[:, :2], torch.ones(1701, 2)], dim=1)
    ptr = torch.tensor([0, 0, 1701])
    showers = Showers(points, geometry.layer_of(cell), ptr, showers.incident, cell)
    with pytest.raises(ValueError, match="a shower has 1701 points, the layout holds 1700"):
        write_as("caloclouds_grid", tmp_path / "b.h5", showers, replace(MEV, geometry=geometry))


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = made(4)
    write_raw(tmp_path / "a.hdf5", content)
    assert main(["convert", "input=a.hdf5", "output=b.h5", "geometry=ild"]) == 0
    assert "taken for granted: particles enter at (0, 0)" in capsys.readouterr().out
    assert main(["convert", "input=b.h5", "output=c.hdf5", "format=caloclouds"]) == 0
    entry = ["input=c.hdf5", "output=b.h5", "geometry=ild", "entry_mm=[0,42]"]
    assert main(["convert", *entry]) == 0
    assert NativeFile(Path("b.h5")).incident().position.tolist() == [[0, 42, 0]] * 4
    assert "taken for granted" not in capsys.readouterr().out
    assert main(["convert", *entry[:3], "entry_mm=42"]) == 2
    assert "entry_mm: got 42, expected [x, y] in mm" in capsys.readouterr().err
    with h5py.File("c.hdf5") as raw:
        np.testing.assert_allclose(raw["events"][:], content["events"], rtol=2e-7)
    cells = grid(3)
    write_raw(tmp_path / "d.hdf5", cells)
    units = ["energy_unit=MeV", "incident_energy_unit=GeV"]
    assert main(["convert", "input=d.hdf5", "output=e.h5", *units]) == 0
    back = ["input=e.h5", "output=f.hdf5", "format=caloclouds_grid", *units]
    assert main(["convert", *back]) == 0
    with h5py.File("f.hdf5") as raw:
        assert raw["showers"][:].sum() == pytest.approx(cells["showers"].sum())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"events": np.ones((3, 4, 4))}, "shape (3, 4, 4), expected (N, 4, points) or (N, points"),
        ({"events": np.ones((3, 5, 7))}, "shape (3, 5, 7), expected (N, 4, points) or (N, points"),
        ({"events": np.ones((3, 28))}, "shape (3, 28), expected (N, 4, points)"),
        ({"events": np.ones((2, 4, 7))}, "different numbers of showers: events 2, energy 3"),
        ({"events": None}, "a.h5: data set events is missing"),
        ({"events": -np.ones((3, 4, 7))}, "a.h5: shower 0: point 0 has x -1, y -1, energy -1000"),
        ({"events": np.full((3, 4, 7), np.nan)}, "a.h5: shower 0: depth nan"),
        ({"events": np.full((3, 4, 7), 0.4)}, "depth 0.4, that is no layer number: pass depth=z"),
        ({"energy": np.zeros((3, 1))}, "a.h5: shower 0: incident energy is 0.0 MeV"),
        ({"p_norm_local": np.ones((3, 4))}, "p_norm_local has shape (3, 4), expected numbers (3,"),
        ({"p_norm_local": np.ones((3, 3))}, "a.h5: shower 0: incident direction is [1.0, 1.0"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    line: str,
) -> None:
    assert line in refused(made(3, 50) | change, "layout=caloclouds", "geometry=ild")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ([3, 7, 30, 1], "shower 1: 30 in column 2, expected a cell from 0 to 29"),
        ([-1, 7, 3, 1], "shower 1: -1 in column 0, expected a cell from 0 to 29"),
        ([3, 7.5, 3, 1], "7.5 in column 1, expected .*: pass depth=spread"),
        ([3, 7, 3, -1], "shower 1: energy -1, expected 0 or more"),
        ([3, 7, 3, np.nan], "shower 1: energy nan, expected 0 or more"),
    ],
)
def test_mistakes_in_cells(tmp_path: Path, row: list[float], line: str) -> None:
    content = grid(3, 500)
    content["showers"][1, 0] = row
    path = write_raw(tmp_path / "a.h5", content)
    with pytest.raises(ValueError, match=line):
        open_showers(path, MEV).read()
    with pytest.raises(ValueError, match="a file of caloclouds_grid records no units"):
        open_showers(path)


@given(contents({"events": (4, 3), "energy": (1,), "p_norm_local": ()}))
@settings(max_examples=60)
def test_any_points(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "caloclouds.h5", content)
    for depth in ("layer", "spread"):
        reads_or_says_why(path, Conventions(layout="caloclouds", depth=depth))


@given(contents({"showers": (3, 4), "genE": (1,)}))
@settings(max_examples=60)
def test_any_cells(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "caloclouds_grid.h5", content)
    reads_or_says_why(path, replace(MEV, layout="caloclouds_grid"))
