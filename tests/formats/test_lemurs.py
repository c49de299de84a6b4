"""LEMURS points: the local frame of a barrel, units, there and back, and mistakes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from formats.voxels import Refused, contents, reads_or_says_why, write_as
from hypothesis import given, settings

from pointcalo.cli.main import main
from pointcalo.formats import open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.points.lemurs import LemursFile
from pointcalo.showers import TIME, Showers

MakeShowers = Callable[..., Showers]
ROWS = [
    [[1.5, -2.5, 0, 0.25, 0], [0.5, 3.5, 7, 0.5, 0]],
    [],
    [[-10.5, 20.5, 3, 0.125, 0]],
]


def made() -> dict[str, Any]:
    """Data sets as in the public files: photons of 10, 20 and 40 GeV from a barrel of 1250 mm."""
    theta, phi = np.array([1.0, 1.5, 2.0]), np.array([0.0, 2.0, -2.5])
    away = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    gun = 1250 * np.stack([np.cos(phi), np.sin(phi), 1 / np.tan(theta)], axis=1)
    showers = np.empty(3, dtype=object)
    showers[:] = [np.array(rows, dtype=np.float32).reshape(-1) for rows in ROWS]
    return {
        "showers": showers,
        "energies": np.array([[10], [20], [40]], dtype=np.float32),
        "directions": np.stack(away, axis=1).astype(np.float32),
        "num_layers": np.full((3, 1), 90, dtype=np.int32),
        "num_points": np.array([2, 0, 1], dtype=np.int32),
        "pdg": np.full(3, 22, dtype=np.int32),
        "sampling_fraction": np.full((3, 1), 0.033, dtype=np.float32),
        "shower_ids": np.arange(3, dtype=np.int32),
        "gun_position": gun.astype(np.float32),
        "shape": np.array([3, 2, 5]),
        "layer_z_pos": np.zeros((3, 90), dtype=np.float32),
    }


def write_lemurs(path: Path, content: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            ragged = isinstance(values, np.ndarray) and values.dtype == object
            kind = {"dtype": h5py.vlen_dtype(np.float32)} if ragged else {}
            file.create_dataset(name, data=values, **kind)
    return path


def test_frame_and_units(tmp_path: Path) -> None:
    file = open_showers(write_lemurs(tmp_path / "a.h5", made()))
    assert isinstance(file, LemursFile) and file.points == "deposits"
    assert file.left_out[0] == "data sets layer_z_pos"
    assert file.left_out[1:] == (
        "sampling_fraction, num_layers, gun_position (place in the detector)",
    )
    showers = file.read()
    assert showers.counts.tolist() == [2, 0, 1] and showers.layer.tolist() == [0, 7, 3]
    assert showers.points.tolist() == [
        [1.5, -2.5, 250, 0],
        [0.5, 3.5, 500, 0],
        [-10.5, 20.5, 125, 0],
    ]
    incident = showers.incident
    assert incident.energy.tolist() == [10e3, 20e3, 40e3] and incident.pdg.tolist() == [22] * 3
    assert not incident.position.any()
    theta = torch.tensor([1.0, 1.5, 2.0])
    straight = torch.stack([torch.zeros(3), theta.cos(), theta.sin()], dim=1)
    torch.testing.assert_close(incident.direction, straight, rtol=0, atol=1e-6)


def test_direction_across_the_barrel(tmp_path: Path) -> None:
    content = made()
    content["gun_position"][:] = [0, 1250, 70]
    content["directions"][:] = [-0.6, 0.8, 0]  # the tangent at azimuth 90 degrees is -x
    showers = open_showers(write_lemurs(tmp_path / "a.h5", content)).read()
    straight = torch.tensor([[0.6, 0.0, 0.8]]).repeat(3, 1)
    torch.testing.assert_close(showers.incident.direction, straight)


def test_there_and_back(make_showers: MakeShowers, tmp_path: Path) -> None:
    showers = make_showers(9)
    position = showers.incident.position.clone()
    lost = write_as("lemurs", tmp_path / "a.h5", showers, Conventions())
    assert lost == ["times of the points", "entry positions"]
    with h5py.File(tmp_path / "a.h5") as raw:
        assert raw["gun_position"].shape == (9, 3) and not raw["gun_position"][:].any()
        assert raw["num_layers"].dtype == np.int32 and raw["num_layers"].shape == (9, 1)
        layers = [len(set(showers[n].layer.tolist())) for n in range(9)]
        assert raw["num_layers"][:, 0].tolist() == layers
        fraction = showers[3].energy.sum() / showers.incident.energy[3]
        assert raw["sampling_fraction"][3, 0] == pytest.approx(float(fraction))
    back = open_showers(tmp_path / "a.h5").read()
    assert torch.equal(back.ptr, showers.ptr) and torch.equal(back.layer, showers.layer)
    about_gun = showers.points[:, :TIME].clone()
    about_gun[:, :2] -= position[showers.index, :2]
    torch.testing.assert_close(back.points[:, :TIME], about_gun)
    torch.testing.assert_close(back.incident.direction, showers.incident.direction)
    torch.testing.assert_close(back.incident.energy, showers.incident.energy)
    assert torch.equal(back.incident.pdg, showers.incident.pdg)


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lemurs(tmp_path / "a.h5", made())
    assert main(["convert", "input=a.h5", "output=b.h5", "geometry=par04"]) == 0
    said = capsys.readouterr().out
    assert "dropped: data sets layer_z_pos; sampling_fraction, num_layers, gun" in said
    assert main(["convert", "input=b.h5", "output=c.h5", "format=lemurs"]) == 0
    assert "3 showers, layout lemurs\n" in capsys.readouterr().out
    with h5py.File("c.h5") as raw:
        for number, rows in enumerate(ROWS):
            np.testing.assert_allclose(raw["showers"][number], np.ravel(rows), rtol=1e-6)
        np.testing.assert_allclose(raw["energies"][:], [[10], [20], [40]])
        turned = [[math.sin(1), 0, math.cos(1)]]
        np.testing.assert_allclose(raw["directions"][:1], turned, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"gun_position": np.zeros((3, 2))}, "gun_position is (3, 2) float64, expected"),
        ({"sampling_fraction": np.zeros((3, 2))}, "sampling_fraction has shape (3, 2)"),
        ({"num_layers": np.zeros((2, 1))}, "different numbers of showers: "),
        ({"num_layers": None}, "a.h5: data set num_layers is missing"),
        ({"directions": np.ones((3, 3))}, "a.h5: shower 0: incident direction is"),
        ({"shape": np.array([3, 2, 7])}, "a.h5: rows of 7 numbers"),
        ({"showers": np.zeros((3, 10), "f4")}, "a.h5: data set showers is (3, 10) float32"),
        ({"shape": np.array(3)}, "a.h5: data set shape is () int64, expected 3 numbers"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    line: str,
) -> None:
    keys = ["layout=lemurs", "geometry=par04"]
    assert line in refused(made() | change, *keys, make=write_lemurs)


SHAPES = {
    "energies": (1,),
    "directions": (3,),
    "pdg": (),
    "sampling_fraction": (1,),
    "num_layers": (1,),
    "gun_position": (3,),
    "shape": (),
}


@given(contents(SHAPES), contents(SHAPES))
@settings(max_examples=80)
def test_any_content(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, Any], other: dict[str, Any]
) -> None:
    content = made() | {name: one[name] for name in list(one)[:3]}
    content |= {name: other[name] for name in list(other)[-1:]}
    path = write_lemurs(tmp_path_factory.getbasetemp() / "lemurs.h5", content)
    reads_or_says_why(path, Conventions(layout="lemurs"))
