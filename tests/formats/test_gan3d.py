"""3DGAN files of a fixed and of a variable angle: where a voxel lies, angles, there and back."""

import math
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
from pointcalo.formats import open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.geometry import Cartesian, DetectorLayer, Geometry

CLIC = Geometry.load("clic")
SAID = Conventions(geometry=CLIC, incident_particle="electron", energy_unit="MeV")
KEYS = ["geometry=clic", "incident_particle=electron", "energy_unit=MeV"]


def fixed(num: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 2, (num, 25, 25, 25)) * (random.random((num, 25, 25, 25)) < 0.05)
    target = np.stack([np.full(num, 11.0), random.uniform(10, 500, num)], axis=1)
    return {"ECAL": values.astype(np.float32), "target": target}


def variable(num: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 2, (num, 51, 51, 25)) * (random.random((num, 51, 51, 25)) < 0.02)
    return {
        "ECAL": values.astype(np.float32),
        "energy": random.uniform(2, 500, num).astype(np.float32),
        "theta": np.radians(random.uniform(60, 120, num)).astype(np.float32),
    }


def test_where_voxels_of_a_fixed_angle_lie(tmp_path: Path) -> None:
    content = fixed(2) | {"target": np.array([[0, 100.0, 7], [0, 50.0, 7]])}
    content["ECAL"][:] = 0
    content["ECAL"][1, 3, 20, 9] = 0.5
    said = replace(SAID, energy_unit="GeV")
    file = open_showers(write_raw(tmp_path / "a.h5", content), said)
    assert (file.layout, file.geometry_name) == ("3dgan", "clic")
    showers = file.read()
    assert showers.counts.tolist() == [0, 1] and showers.layer.tolist() == [9]
    assert showers.points.tolist() == [[5 * (3 - 12), 5 * (20 - 12), 500, 0]]
    assert showers.incident.energy.tolist() == [100e3, 50e3]
    assert showers.incident.pdg.tolist() == [11, 11]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2


def test_where_voxels_and_angles_of_a_variable_angle_are(tmp_path: Path) -> None:
    content = variable(3) | {"theta": np.radians([90.0, 60.0, 120.0])}
    content["ECAL"][:] = 0
    content["ECAL"][2, 50, 0, 24] = 2
    showers = open_showers(write_raw(tmp_path / "a.h5", content), SAID).read()
    assert showers.layer.tolist() == [24]
    assert showers.points.tolist() == [[5 * 25, -5 * 25, 2, 0]]
    root = math.sqrt(0.75)
    expected = torch.tensor([[0, 0, 1], [0, 0.5, root], [0, -0.5, root]])
    torch.testing.assert_close(showers.incident.direction, expected)
    # eta = -ln tan(theta / 2), where a file has it in place of theta
    del content["theta"]
    content["eta"] = np.arcsinh(1 / np.tan(np.radians([90.0, 60.0, 120.0])))
    again = open_showers(write_raw(tmp_path / "b.h5", content), SAID).read()
    torch.testing.assert_close(again.incident.direction, expected)


def test_fixed_angle_there_and_back(tmp_path: Path) -> None:
    content = fixed(4)
    showers = open_showers(write_raw(tmp_path / "a.h5", content), SAID).read()
    assert write_as("3dgan", tmp_path / "b.h5", showers, SAID) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert (raw["ECAL"].shape, raw["ECAL"].dtype) == ((4, 25, 25, 25), "f4")
        np.testing.assert_array_equal(raw["ECAL"][:], content["ECAL"])
        np.testing.assert_allclose(raw["target"][:], content["target"], rtol=2e-7)


def test_variable_angle_there_and_back(tmp_path: Path) -> None:
    content = variable(3)
    file = open_showers(write_raw(tmp_path / "a.h5", content), SAID)
    assert file.layout == "3dgan_angle"
    showers = file.read()
    assert write_as("3dgan_angle", tmp_path / "b.h5", showers, SAID) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert {name: (data.shape, data.dtype.str) for name, data in raw.items()} == {
            "ECAL": ((3, 51, 51, 25), "<f4"),
            "energy": ((3,), "<f4"),
            "theta": ((3,), "<f4"),
        }
        np.testing.assert_array_equal(raw["ECAL"][:], content["ECAL"])
        np.testing.assert_allclose(raw["theta"][:], content["theta"], rtol=3e-7)
    gev = replace(SAID, energy_unit="GeV")
    write_as("3dgan_angle", tmp_path / "c.h5", showers, gev)
    again = open_showers(tmp_path / "c.h5", gev).read()
    torch.testing.assert_close(again.points, showers.points, rtol=2e-7, atol=0)


def test_directions_out_of_the_plane_are_lost(tmp_path: Path) -> None:
    showers = open_showers(write_raw(tmp_path / "a.h5", variable(2)), SAID).read()
    direction = torch.tensor([[0.6, 0.0, 0.8], [0.0, 0.6, 0.8]])
    showers = showers.replace(incident=replace(showers.incident, direction=direction))
    assert write_as("3dgan_angle", tmp_path / "b.h5", showers, SAID) == ["incident directions"]


def test_hcal_is_left_out(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.h5", fixed(2) | {"HCAL": np.ones((2, 5, 5, 60))})
    assert open_showers(path, SAID).left_out == ("data sets HCAL",)


@pytest.mark.parametrize(("name", "make"), [("3dgan", fixed), ("3dgan_angle", variable)])
def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    content = make(3)
    write_raw(tmp_path / "a.h5", content)
    assert main(["convert", "input=a.h5", "output=b.h5", *KEYS]) == 0
    back = ["input=b.h5", "output=c.h5", f"format={name}", "energy_unit=MeV"]
    assert main(["convert", *back]) == 0
    with h5py.File("c.h5") as raw:
        np.testing.assert_array_equal(raw["ECAL"][:], content["ECAL"])


@pytest.mark.parametrize(
    ("layout", "change", "without", "line"),
    [
        ("3dgan", {}, "energy_unit", "a file of 3DGAN records no units"),
        ("3dgan", {}, "incident_particle", "a file of 3DGAN does not name it: pass incident_part"),
        ("3dgan", {}, "geometry", "a file of 3DGAN does not name its cells: pass geometry=NAME"),
        ("3dgan", {"target": np.ones((2, 1))}, "", "target has shape (2, 1), expected (N, 2 or"),
        ("3dgan", {"target": np.zeros((2, 2))}, "", "a.h5: shower 0: incident energy is 0.0"),
        ("3dgan", {"ECAL": np.ones((2, 25, 25, 24))}, "", "has 25 layers, a file of 3DGAN has 24"),
        ("3dgan", {"ECAL": np.ones((2, 24, 25, 25))}, "", "a window of 24 x 25 voxels in the mid"),
        ("3dgan", {"ECAL": np.full((2, 25, 25, 25), np.inf)}, "", "a.h5: shower 0: point 0"),
        ("3dgan_angle", {"theta": None}, "", "a.h5: data set theta is missing"),
        ("3dgan_angle", {"theta": np.array([1, -1])}, "", "shower 1: incident direction is [nan"),
        ("3dgan_angle", {"energy": np.ones((2, 3))}, "", "energy has shape (2, 3), expected"),
    ],
)
def test_mistakes(
    refused: Refused,
    layout: str,
    change: dict[str, Any],
    without: str,
    line: str,
) -> None:
    make = {"3dgan": fixed, "3dgan_angle": variable}[layout]
    keys = [key for key in KEYS if not without or not key.startswith(without)]
    assert line in refused(make(2) | change, f"layout={layout}", *keys)


@given(contents({"ECAL": (3, 4, 2), "target": (2,), "energy": (), "theta": ()}))
@settings(max_examples=60)
def test_any_content(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    squares = Cartesian(pitch_mm=5, nx=5, ny=6)
    geometry = Geometry("s", [DetectorLayer(segmentation=squares, z=9.0 * i) for i in range(2)])
    path = write_raw(tmp_path_factory.getbasetemp() / "3dgan.h5", content)
    for layout in ("3dgan", "3dgan_angle"):
        reads_or_says_why(path, replace(SAID, geometry=geometry, layout=layout))
