"""CaloGAN files: which axis is eta, what lies outside the cells, there and back."""

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
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

SHAPES = {"layer_0": (3, 96), "layer_1": (12, 12), "layer_2": (12, 6)}
SAID = Conventions(incident_particle="positron", geometry=Geometry.load("calogan"))


def made(num: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Data sets as in the public files: double precision, MeV and GeV."""
    random = np.random.default_rng(seed)
    content = {"energy": random.uniform(1, 100, (num, 1))}
    for name, shape in SHAPES.items():
        values = random.lognormal(2, 2, (num, *shape)) * (random.random((num, *shape)) < 0.3)
        content[name] = values.astype(np.float32).astype(np.float64)
    return content | {"overflow": np.zeros((num, 3))}


def test_which_axis_is_eta(tmp_path: Path) -> None:
    content = {name: 0 * values for name, values in made(2).items()}
    content["energy"][:] = [[10.0], [100.0]]
    content["layer_0"][0, 2, 10] = 1.0
    content["layer_1"][0, 0, 11] = 2.0
    content["layer_2"][1, 3, 1] = 4.0
    file = open_showers(
        write_raw(tmp_path / "a.hdf5", content), Conventions(incident_particle="positron")
    )
    assert (file.layout, file.geometry_name, file.left_out) == ("calogan", "calogan", ())
    showers = file.read()
    assert showers.layer.tolist() == [0, 1, 2] and showers.counts.tolist() == [2, 1]
    # x is eta: 5, 40 and 80 mm from -240 mm; y is phi: 160, 40 and 40 mm
    assert showers.points.tolist() == [
        [-240 + 10.5 * 5, 160, 1, 0],
        [-240 + 11.5 * 40, -240 + 0.5 * 40, 2, 0],
        [-240 + 1.5 * 80, -240 + 3.5 * 40, 4, 0],
    ]
    assert showers.incident.energy.tolist() == [10e3, 100e3]
    assert showers.incident.pdg.tolist() == [-11, -11]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2


def test_there_and_back(tmp_path: Path) -> None:
    content = made(7)
    showers = open_showers(write_raw(tmp_path / "a.h5", content), SAID).read()
    assert torch.equal(SAID.geometry.cell_at(showers.layer, showers.xy), showers.cell)
    assert write_as("calogan", tmp_path / "b.h5", showers, SAID) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert set(raw) == set(content)
        for name, values in content.items():
            assert (raw[name].dtype, raw[name].compression) == ("f8", "gzip")
            np.testing.assert_allclose(raw[name][:], values, rtol=2e-7 if name == "energy" else 0)


def test_energy_outside_the_cells(tmp_path: Path) -> None:
    content = made(3) | {"overflow": np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0.25]])}
    file = open_showers(write_raw(tmp_path / "a.h5", content), SAID)
    assert file.left_out == ("overflow (3.75 MeV outside the cells)",)
    showers = file.read()
    points = showers.points.clone()
    points[::7, 0] += 1e4
    deposits = Showers(points, showers.layer, showers.ptr, showers.incident)
    assert write_as("calogan", tmp_path / "b.h5", deposits, SAID) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        expected = np.zeros((3, 3))
        for point in range(0, len(points), 7):
            shower, layer = int(showers.index[point]), int(showers.layer[point])
            expected[shower, layer] += float(showers.energy[point])
        np.testing.assert_allclose(raw["overflow"][:], expected, rtol=1e-6)
        total = sum(raw[name][:].sum() for name in (*SHAPES, "overflow"))
    assert total == pytest.approx(float(showers.energy.double().sum()), rel=1e-6)


def test_overflow_may_be_missing(tmp_path: Path) -> None:
    content = made(2)
    del content["overflow"]
    assert len(open_showers(write_raw(tmp_path / "a.h5", content), SAID).read()) == 2


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = made(5) | {"overflow": np.ones((5, 3))}
    write_raw(tmp_path / "gamma.hdf5", content)
    assert main(["convert", "input=gamma.hdf5", "output=b.h5", "incident_particle=photon"]) == 0
    assert "dropped: overflow (15 MeV outside the cells)\n" in capsys.readouterr().out
    assert main(["convert", "input=b.h5", "output=c.hdf5", "format=calogan"]) == 0
    with h5py.File("c.hdf5") as raw:
        for name in SHAPES:
            np.testing.assert_array_equal(raw[name][:], content[name])


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        ({}, {}, "a file of calogan does not name it: pass incident_particle=photon"),
        ({"layer_1": None}, {}, "a.h5: data set layer_1 is missing"),
        (
            {"layer_0": np.ones((2, 96, 3))},
            {},
            "layer_0 has shape (2, 96, 3), expected (N, 3, 96)",
        ),
        ({"energy": np.ones((3, 1))}, {}, "different numbers of showers"),
        ({"energy": np.zeros((2, 1))}, {"particle": "photon"}, "a.h5: shower 0: incident energy"),
        ({"layer_2": np.full((2, 12, 6), -1.0)}, {"particle": "photon"}, "a.h5: shower 0: point"),
        (
            {"overflow": np.array([[0, 0, 0], [0, np.nan, 0]])},
            {},
            "shower 1: overflow is below 0 or",
        ),
        ({}, {"geometry": "atlas"}, "a.h5: geometry 'atlas' has 4 layers, a file of calogan has 3"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    said: dict[str, str],
    line: str,
) -> None:
    keys = [
        f"{key.replace('particle', 'incident_particle')}={value}" for key, value in said.items()
    ]
    assert line in refused(made(2) | change, "layout=calogan", *keys)


@given(contents({"energy": (1,), **SHAPES, "overflow": (3,)}))
@settings(max_examples=60)
def test_any_content(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "calogan.h5", content)
    reads_or_says_why(path, Conventions(layout="calogan", incident_particle="photon"))
