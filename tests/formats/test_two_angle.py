"""Photon showers of two angles: where a voxel lies, what the angles mean, there and back."""

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

PITCH = 5.088333


def made(num: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    shape = (num, 30, 30, 49)
    values = random.lognormal(0, 2, shape) * (random.random(shape) < 0.01)
    return {
        "energy": random.uniform(10, 126, (num, 1)).astype(np.float32),
        "layers": values.astype(np.float32).astype(np.float64),
        "phi": np.radians(random.uniform(60, 120, (num, 1))).astype(np.float32),
        "theta": np.radians(random.uniform(30, 90, (num, 1))).astype(np.float32),
    }


def test_where_voxels_lie_and_angles_point(tmp_path: Path) -> None:
    content = made(3) | {
        "layers": np.zeros((3, 30, 30, 49)),
        "theta": np.radians([[90.0], [30.0], [90.0]]),
        "phi": np.radians([[90.0], [90.0], [60.0]]),
    }
    content["layers"][2, 11, 4, 40] = 0.5
    file = open_showers(write_raw(tmp_path / "a.hdf5", content))
    assert (file.layout, file.geometry_name) == ("two_angle", "two_angle")
    showers = file.read()
    assert showers.counts.tolist() == [0, 0, 1] and showers.layer.tolist() == [11]
    # the bins begin at x = -77 and z = -237 mm, where local y is z + 100 mm
    expected = [-77 + 4.5 * PITCH, -137 + 40.5 * PITCH, 0.5, 0]
    torch.testing.assert_close(showers.points, torch.tensor([expected]), atol=1e-3, rtol=0)
    root = math.sqrt(0.75)
    directions = torch.tensor([[0, 0, 1], [0, root, 0.5], [0.5, 0, root]])
    torch.testing.assert_close(showers.incident.direction, directions)
    # all axes go through (0, 0, 85 mm)
    positions = torch.tensor([[0, 0, 0], [0, -85 * root / 0.5, 0], [-85 * 0.5 / root, 0, 0]])
    torch.testing.assert_close(showers.incident.position, positions, atol=1e-4, rtol=0)
    assert showers.incident.pdg.tolist() == [22] * 3


def test_there_and_back(tmp_path: Path) -> None:
    content = made(5)
    showers = open_showers(write_raw(tmp_path / "a.h5", content)).read()
    said = Conventions(geometry=Geometry.load("two_angle"))
    assert write_as("two_angle", tmp_path / "b.h5", showers, said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert {name: (data.shape, data.dtype.str) for name, data in raw.items()} == {
            "energy": ((5, 1), "<f4"),
            "layers": ((5, 30, 30, 49), "<f8"),
            "phi": ((5, 1), "<f4"),
            "theta": ((5, 1), "<f4"),
        }
        np.testing.assert_array_equal(raw["layers"][:], content["layers"])
        for name in ("energy", "theta", "phi"):
            np.testing.assert_allclose(raw[name][:], content[name], rtol=3e-7)
    again = open_showers(tmp_path / "b.h5").read()
    assert torch.equal(again.points, showers.points)
    torch.testing.assert_close(again.incident.direction, showers.incident.direction)


def test_another_entry_is_lost(tmp_path: Path) -> None:
    showers = open_showers(write_raw(tmp_path / "a.h5", made(2))).read()
    position = showers.incident.position + torch.tensor([0.0, 1.0, 0.0])
    showers = showers.replace(incident=replace(showers.incident, position=position))
    said = Conventions(geometry=Geometry.load("two_angle"))
    assert write_as("two_angle", tmp_path / "b.h5", showers, said) == ["entry positions"]
    along = torch.tensor([[0.0, 1.0, 0.0]]).repeat(2, 1)
    showers = showers.replace(incident=replace(showers.incident, direction=along))
    assert write_as("two_angle", tmp_path / "c.h5", showers, said) == ["entry positions"]


def test_command_line_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = made(3)
    write_raw(tmp_path / "a.hdf5", content)
    assert main(["convert", "input=a.hdf5", "output=b.h5"]) == 0
    assert main(["convert", "input=b.h5", "output=c.hdf5", "format=two_angle"]) == 0
    with h5py.File("c.hdf5") as raw:
        np.testing.assert_array_equal(raw["layers"][:], content["layers"])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"theta": None}, "a.h5: data set theta is missing"),
        ({"theta": np.ones((2, 2))}, "data set theta has shape (2, 2), expected (2, 1)"),
        ({"phi": np.array([[1.0], [-1.0]])}, "a.h5: shower 1: incident direction is [nan"),
        ({"phi": np.array([[1.0], [np.nan]])}, "a.h5: shower 1: incident direction is [nan"),
        ({"layers": np.ones((2, 30, 49, 30))}, "window of 49 x 30 voxels in the middle of layer"),
        ({"layers": np.full((2, 30, 30, 49), -2.0)}, "a.h5: shower 0: point 0 has"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    line: str,
) -> None:
    assert line in refused(made(2) | change, "layout=two_angle")


@given(contents({"layers": (2, 3, 4), "energy": (1,), "theta": (1,), "phi": (1,)}))
@settings(max_examples=60)
def test_any_content(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    squares = Cartesian(pitch_mm=5, nx=5, ny=6)
    layers = [DetectorLayer(segmentation=squares, z=9.0 * i) for i in range(2)]
    path = write_raw(tmp_path_factory.getbasetemp() / "two_angle.h5", content)
    reads_or_says_why(path, Conventions(geometry=Geometry("squares", layers), layout="two_angle"))
