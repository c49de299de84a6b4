"""Files of Par04 and LEMURS voxels: where a voxel lies, there and back, and mistakes."""

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
from pointcalo.formats.voxels.par04 import Par04File
from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.geometry.polar import Polar

PHOTON = Conventions(incident_particle="photon")


@pytest.fixture(scope="module")
def mesh() -> Geometry:
    """Four layers of 3 x 2 voxels in r and phi."""
    rings = Polar(rows=((0.0, 9.0, 3, 2),))
    return Geometry("mesh", [DetectorLayer(segmentation=rings, z=5.0 * n + 3) for n in range(4)])


def made(num: int, shape: tuple[int, ...] = (9, 16, 45)) -> dict[str, NDArray[Any]]:
    """Data sets as in the public files: MeV and rad, [N]."""
    random = np.random.default_rng(2)
    values = random.lognormal(0, 3, (num, *shape)) * (random.random((num, *shape)) < 0.2)
    content = {
        "showers": values,
        "incident_energy": random.uniform(1e3, 1e6, num),
        "incident_phi": random.uniform(0, 2 * math.pi, num),
        "incident_theta": random.uniform(0.87, 2.27, num),
    }
    return {name: column.astype(np.float32) for name, column in content.items()}


def test_where_a_voxel_lies(tmp_path: Path) -> None:
    content = made(3)
    content["showers"][:] = 0
    content["showers"][1, 3, 5, 17] = 2.5
    file = open_showers(write_raw(tmp_path / "a.h5", content), PHOTON)
    assert isinstance(file, Par04File) and file.geometry_name == "par04"
    showers = file.read()
    assert showers.counts.tolist() == [0, 1, 0] and showers.layer.tolist() == [17]
    radius, angle = 3.5 * 4.65, 5.5 * 2 * math.pi / 16
    expected = [radius * math.cos(angle), radius * math.sin(angle), 2.5, 0]
    torch.testing.assert_close(showers.points, torch.tensor([expected]))
    assert showers.incident.energy.tolist() == content["incident_energy"].tolist()
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 3
    assert showers.incident.pdg.tolist() == [22] * 3
    assert file.left_out == ("incident_phi, incident_theta (direction in the detector)",)


def test_there_and_back(tmp_path: Path) -> None:
    content = made(5)
    content["incident_phi"][:] = 0
    content["incident_theta"][:] = math.pi / 2
    file = open_showers(write_raw(tmp_path / "a.h5", content), PHOTON)
    assert file.left_out == ()
    said = Conventions(geometry=Geometry.load("par04"))
    assert write_as("par04", tmp_path / "b.h5", file.read(), said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert set(raw) == set(content)
        for data in raw.values():
            assert data.dtype == np.float32 and data.compression == "gzip"
            np.testing.assert_array_equal(data[:], content[data.name[1:]])


def test_another_mesh(mesh: Geometry, tmp_path: Path) -> None:
    content = made(2, (3, 2, 4))
    content["showers"] = np.arange(1.0, 49).reshape(2, 3, 2, 4)
    said = Conventions(geometry=mesh, incident_particle="electron")
    showers = open_showers(write_raw(tmp_path / "a.h5", content), said).read()
    place = torch.tensor([[0.0, -7.5]])  # the last ring, second half turn
    (point,) = (showers[0].cell == mesh.cell_at(torch.tensor([2]), place)).nonzero()
    assert showers[0].energy[point] == content["showers"][0, 2, 1, 2]
    assert write_as("par04", tmp_path / "b.h5", showers, said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        np.testing.assert_array_equal(raw["showers"][:], content["showers"])


def test_high_granularity_asks_for_its_mesh(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.h5", made(1, (18, 50, 45)))
    with pytest.raises(ValueError, match=r"18 x 50 x 45 voxels .* pass geometry=NAME"):
        open_showers(path, PHOTON)
    fine = Conventions(geometry=Geometry.load("calochallenge_3"), incident_particle="electron")
    assert open_showers(path, fine).read().num_points > 0


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = made(4)
    write_raw(tmp_path / "a.h5", content)
    assert main(["convert", "input=a.h5", "output=b.h5", "incident_particle=photon"]) == 0
    said = capsys.readouterr().out
    assert "dropped: incident_phi, incident_theta (direction in the detector)\n" in said
    assert main(["convert", "input=b.h5", "output=c.h5", "format=par04"]) == 0
    with h5py.File("c.h5") as raw:
        for name in ("showers", "incident_energy"):
            np.testing.assert_array_equal(raw[name][:], content[name])
    ds2 = ["output=d.h5", "format=calochallenge", "geometry=par04", "incident_particle=photon"]
    assert main(["convert", "input=a.h5", *ds2]) == 0
    with h5py.File("d.h5") as raw:
        turned = content["showers"].transpose(0, 3, 2, 1).reshape(4, -1)
        np.testing.assert_array_equal(raw["showers"][:], turned)


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        ({}, {}, "incident_particle: a file of Par04 does not name it"),
        ({"incident_theta": None}, {}, "a.h5: data set incident_theta is missing"),
        ({"showers": np.ones((3, 9, 16))}, {}, "a.h5: a mesh of 9 x 16 voxels"),
        ({"showers": np.ones((3, 9, 16, 44))}, {"geometry": "par04"}, "(9, 16, 44) voxels in"),
        ({"incident_energy": np.ones((3, 2))}, {}, "has shape (3, 2), expected (3, 1)"),
        ({}, {"geometry": "calochallenge_1_photon"}, "the layers have different rings"),
        ({"incident_energy": [1, -5, 1]}, {}, "a.h5: shower 1: incident energy is -5.0"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    said: dict[str, str],
    line: str,
) -> None:
    said = {"layout": "par04"} | said | ({"incident_particle": "photon"} if change else {})
    keys = [f"{key}={value}" for key, value in said.items()]
    assert line in refused(made(3) | change, *keys)


@given(
    contents(
        {"showers": (3, 2, 4), "incident_energy": (), "incident_phi": (), "incident_theta": ()}
    )
)
@settings(max_examples=60)
def test_any_content(
    mesh: Geometry, tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "par04.h5", content)
    said = Conventions(geometry=mesh, layout="par04", incident_particle="photon")
    reads_or_says_why(path, said)
