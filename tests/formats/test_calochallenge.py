"""CaloChallenge files: where a voxel lies, there and back, and mistakes in one line."""

import math
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
from pointcalo.formats.voxels.calochallenge import PUBLIC, CaloChallengeFile
from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.geometry.polar import Polar

RINGS = [[(0, 10, 2, 1)], [(0, 4, 2, 4), (4, 9, 1, 4)], [(2, 8, 3, 2)]]
NUM_VOXELS = 2 * 1 + 3 * 4 + 3 * 2


@pytest.fixture(scope="module")
def rings() -> Geometry:
    """Three layers of 2 x 1, 3 x 4 and 3 x 2 voxels in r and alpha."""
    layers = [
        DetectorLayer(segmentation=Polar(rows=tuple(rows)), z=10.0 * number + 5)
        for number, rows in enumerate(RINGS)
    ]
    return Geometry("rings", layers)


def made(num: int, voxels: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Data sets as in the public files: MeV, energies [N, 1]."""
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 3, (num, voxels)) * (random.random((num, voxels)) < 0.3)
    return {
        "incident_energies": random.uniform(1e3, 1e6, (num, 1)).astype(np.float32),
        "showers": values.astype(np.float32),
    }


def test_where_voxels_of_data_set_2_lie(tmp_path: Path) -> None:
    layer, alpha, r = 17, 5, 3
    values = np.zeros((2, 6480))
    values[1, (layer * 16 + alpha) * 9 + r] = 2.5
    path = write_raw(tmp_path / "a.hdf5", {"incident_energies": [[1e3], [65e3]], "showers": values})
    file = open_showers(path)
    assert isinstance(file, CaloChallengeFile) and file.geometry_name == "calochallenge_2"
    showers = file.read()
    assert showers.counts.tolist() == [0, 1] and showers.layer.tolist() == [17]
    radius, angle = 3.5 * 4.65, 5.5 * 2 * math.pi / 16
    expected = [radius * math.cos(angle), radius * math.sin(angle), 2.5, 0]
    torch.testing.assert_close(showers.points, torch.tensor([expected]))
    assert showers.incident.energy.tolist() == [1e3, 65e3]
    assert showers.incident.pdg.tolist() == [11, 11]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2
    assert not showers.incident.position.any()


@pytest.mark.parametrize("voxels", PUBLIC)
def test_public_data_sets(tmp_path: Path, voxels: int) -> None:
    content = made(4, voxels)
    file = open_showers(write_raw(tmp_path / "a.h5", content))
    name, particle = PUBLIC[voxels]
    geometry = Geometry.load(name)
    assert (file.geometry_name, file.geometry_hash) == (name, geometry.hash)
    assert file.incident().pdg.tolist() == [{"photon": 22, "pion+": 211}.get(particle, 11)] * 4
    showers = file.read()
    torch.testing.assert_close(
        torch.from_numpy(content["showers"]).sum(), showers.energy.sum(), rtol=1e-4, atol=0
    )
    assert torch.equal(geometry.cell_at(showers.layer, showers.xy), showers.cell)
    lost = write_as("calochallenge", tmp_path / "b.h5", showers, Conventions(geometry=geometry))
    assert lost == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert set(raw) == set(content)
        for data in raw.values():
            assert data.dtype == np.float32 and data.compression == "gzip"
            np.testing.assert_array_equal(data[:], content[data.name[1:]])


def test_order_of_other_rings(rings: Geometry, tmp_path: Path) -> None:
    values = np.arange(1.0, NUM_VOXELS + 1)[None]
    path = write_raw(tmp_path / "a.h5", {"incident_energies": [[1.0]], "showers": values})
    said = Conventions(geometry=rings, incident_particle="photon")
    showers = open_showers(path, said).read()
    layer = torch.tensor([1])
    place = torch.tensor([[6.5 * math.cos(2.0), 6.5 * math.sin(2.0)]])  # ring 2, bin 1 of layer 1
    (cell,) = (showers.cell == rings.cell_at(layer, place)).nonzero()
    assert showers.energy[cell] == 2 + (1 * 3 + 2) + 1
    lost = write_as("calochallenge", tmp_path / "b.h5", showers[[0, 0]], said)
    with h5py.File(tmp_path / "b.h5") as raw:
        np.testing.assert_array_equal(raw["showers"][:], np.repeat(values, 2, axis=0))
    assert lost == []


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = made(7, 368)
    write_raw(tmp_path / "a.hdf5", content)
    assert main(["convert", "input=a.hdf5", "output=b.h5"]) == 0
    assert main(["convert", "input=b.h5", "output=c.hdf5", "format=calochallenge"]) == 0
    assert "7 showers, layout calochallenge\n" in capsys.readouterr().out
    with h5py.File("c.hdf5") as raw:
        for name, values in content.items():
            np.testing.assert_array_equal(raw[name][:], values)


def test_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw(tmp_path / "a.h5", made(3, 6480) | {"weights": np.ones(3)})
    arguments = ["input=a.h5", "output=b.h5", "incident_particle=photon"]
    assert main(["convert", *arguments]) == 0
    assert "dropped: data sets weights\n" in capsys.readouterr().out
    assert main(["convert", "input=b.h5", "output=c.h5", "format=calochallenge"]) == 0
    assert "dropped: kinds of incident particles\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        ({"showers": np.ones((3, 7))}, {}, "a.h5: 7 voxels a shower, no public data set"),
        ({"showers": None}, {}, "a.h5: data set showers is missing"),
        ({"incident_energies": np.ones((3, 2))}, {}, r"shape (3, 2), expected (3, 1)"),
        ({"incident_energies": np.ones((2, 1))}, {}, "incident_energies 2, showers 3"),
        ({"incident_energies": np.zeros((3, 1))}, {}, "a.h5: shower 0: incident energy is 0.0"),
        ({"showers": np.full((3, 6480), -0.5)}, {}, "a.h5: shower 0: point 0 has"),
        ({"showers": np.full((3, 6480), np.nan)}, {}, "energy nan"),
        ({}, {"geometry": "atlas"}, "geometry 'atlas': layer 0 is not made of whole rings"),
        ({}, {"geometry": "calochallenge_3"}, "a.h5: 6480 voxels a shower, geometry"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    said: dict[str, str],
    line: str,
) -> None:
    keys = ["layout=calochallenge", *(f"{key}={value}" for key, value in said.items())]
    assert line in refused(made(3, 6480) | change, *keys)


def test_particle_must_be_known(rings: Geometry, tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.h5", made(1, NUM_VOXELS))
    with pytest.raises(ValueError, match="the CaloChallenge does not name it: pass incident_part"):
        open_showers(path, Conventions(geometry=rings))


@given(contents({"incident_energies": (1,), "showers": (NUM_VOXELS,)}))
@settings(max_examples=60)
def test_any_content(
    rings: Geometry, tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "calochallenge.h5", content)
    said = {"geometry": rings, "layout": "calochallenge", "incident_particle": "photon"}
    reads_or_says_why(path, Conventions(**said))
