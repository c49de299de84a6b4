"""HGCal challenge files: the order of a cell map, the axis, there and back, and mistakes."""

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
from pointcalo.formats.voxels.hgcal_challenge import HGCalChallengeFile
from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.geometry.table import CellTable
from pointcalo.showers import Showers

SIZES = (7, 4, 9)
ETA, PHI = 2.0, 1.57


def cell_map(centred: bool) -> Geometry:
    """Cells of a map in rising angle: a centre, and rings about it, as (0, 0) or at eta 2."""
    layers = []
    for number, size in enumerate(SIZES):
        z = 3210.0 + 20 * number
        middle = z / math.sinh(ETA) * np.array([math.cos(PHI), math.sin(PHI)])
        angle = np.arange(size) * 2.4
        xy = 8 * np.sqrt(np.arange(size))[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        xy += 0 if centred else middle
        cells = CellTable(xy[:, 0], xy[:, 1], np.full(size, 50.0))
        layers.append(DetectorLayer(segmentation=cells, z=5.0 + 20 * number))
    return Geometry("map", layers)


@pytest.fixture(scope="module")
def detector() -> Geometry:
    return cell_map(centred=False)


def said(geometry: Geometry, unit: str = "MeV") -> Conventions:
    return Conventions(geometry=geometry, energy_unit=unit, incident_particle="photon")


def made(num: int, most: int = max(SIZES)) -> dict[str, NDArray[Any]]:
    """Data sets as in the public files: padded voxels, energy in GeV, eta and phi."""
    random = np.random.default_rng(4)
    values = random.lognormal(0, 2, (num, len(SIZES), most)) * (random.random((most,)) < 0.7)
    values *= np.arange(most) < np.array(SIZES)[:, None]
    gen = np.stack([random.uniform(1, 1e3, num), np.full(num, ETA), np.full(num, PHI)], axis=1)
    return {"showers": values.astype(np.float32), "gen_info": gen.astype(np.float32)}


def test_order_of_the_map(detector: Geometry, tmp_path: Path) -> None:
    content = made(3)
    content["showers"][:] = 0
    content["showers"][1, 2, 5] = 2.5
    file = open_showers(write_raw(tmp_path / "a.h5", content), said(detector, "GeV"))
    assert isinstance(file, HGCalChallengeFile) and file.left_out == ()
    showers = file.read()
    assert showers.counts.tolist() == [0, 1, 0] and showers.layer.tolist() == [2]
    segmentation = detector.layers[2].segmentation
    assert isinstance(segmentation, CellTable)
    np.testing.assert_array_equal(showers.xy[0], segmentation.xy[5])
    assert showers.energy.tolist() == [2500]


def test_axis_in_the_detector(detector: Geometry, tmp_path: Path) -> None:
    file = open_showers(write_raw(tmp_path / "a.h5", made(1)), said(detector))
    incident = file.incident()
    theta = 2 * math.atan(math.exp(-ETA))
    x, y = math.sin(theta) * math.cos(PHI), math.sin(theta) * math.sin(PHI)
    away = torch.tensor([[x, y, math.cos(theta)]])
    torch.testing.assert_close(incident.direction, away, rtol=0, atol=1e-6)
    place = 3210 * torch.tensor([[x, y, 0]]) / math.cos(theta)
    torch.testing.assert_close(incident.position, place, rtol=0, atol=1e-3)
    axis = incident.position[0] + 45 * incident.direction[0] / incident.direction[0, 2]
    centre = detector.position(detector.layer_start[2:3])[0]
    assert float((axis - centre)[:2].norm()) < 2  # the axis follows the centres of the map


def test_map_about_its_centres(tmp_path: Path) -> None:
    geometry = cell_map(centred=True)
    path = write_raw(tmp_path / "a.h5", made(2))
    file = open_showers(path, said(geometry))
    incident = file.incident()
    assert incident.direction.tolist() == [[0, 0, 1]] * 2 and not incident.position.any()
    assert file.left_out == ("eta, phi (each layer of the cell map is about its own centre)",)
    with pytest.raises(ValueError, match=r"b.h5: a particle along the layers' normal has no eta"):
        write_as("hgcal_challenge", tmp_path / "b.h5", file.read(), said(geometry))
    assert [path] == list(tmp_path.iterdir())


def test_there_and_back(detector: Geometry, tmp_path: Path) -> None:
    content = made(6)
    showers = open_showers(write_raw(tmp_path / "a.h5", content), said(detector)).read()
    assert write_as("hgcal_challenge", tmp_path / "b.h5", showers, said(detector)) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert set(raw) == set(content)
        assert {data.compression for data in raw.values()} == {"gzip"}
        assert {data.dtype for data in raw.values()} == {np.dtype("f4")}
        np.testing.assert_array_equal(raw["showers"][:], content["showers"])
        np.testing.assert_allclose(raw["gen_info"][:], content["gen_info"], rtol=1e-5)
    back = open_showers(tmp_path / "b.h5", said(detector)).read()
    assert torch.equal(back.points, showers.points) and torch.equal(back.cell, showers.cell)


def test_more_padding_than_needed(detector: Geometry, tmp_path: Path) -> None:
    content = made(2, most=20)
    path = write_raw(tmp_path / "a.h5", content)
    showers = open_showers(path, said(detector)).read()
    assert showers.counts.tolist() == (content["showers"] > 0).sum(axis=(1, 2)).tolist()
    with h5py.File(path, "a") as raw:
        raw["showers"][1, 1, 4] = 1
    with pytest.raises(ValueError, match=r"a.h5: shower 1: energy 1 in voxel 24, which is no cell"):
        open_showers(path, said(detector)).read()


def test_units_and_other_axes(detector: Geometry, tmp_path: Path) -> None:
    showers = open_showers(write_raw(tmp_path / "a.h5", made(4)), said(detector)).read()
    incident = showers.incident
    moved = Showers(
        showers.points,
        showers.layer,
        showers.ptr,
        type(incident)(
            incident.energy, incident.direction, incident.position + 3, torch.arange(11, 15)
        ),
    )
    lost = write_as("hgcal_challenge", tmp_path / "b.h5", moved, said(detector, "GeV"), "deposits")
    assert lost == [
        "places of the deposits within their cells",
        "kinds of incident particles",
        "entry positions",
    ]
    back = open_showers(tmp_path / "b.h5", said(detector, "GeV")).read()
    torch.testing.assert_close(back.points, showers.points)
    with h5py.File(tmp_path / "b.h5") as raw:
        torch.testing.assert_close(torch.from_numpy(raw["gen_info"][:, 0]), incident.energy / 1e3)


def test_command_line_there_and_back(
    detector: Geometry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    detector.save("map.yaml")
    content = made(5)
    write_raw(tmp_path / "a.h5", content)
    keys = ["geometry=map.yaml", "energy_unit=MeV", "incident_particle=pion+"]
    assert main(["convert", "input=a.h5", "output=b.h5", *keys]) == 0
    assert main(["convert", "input=b.h5", "output=c.h5", "format=hgcal_challenge", *keys]) == 0
    assert "5 showers, layout hgcal_challenge\n" in capsys.readouterr().out
    with h5py.File("c.h5") as raw:
        np.testing.assert_array_equal(raw["showers"][:], content["showers"])


@pytest.mark.parametrize(
    ("change", "keys", "line"),
    [
        ({}, {"geometry": None}, "geometry: a file of the HGCal challenge does not name its cells"),
        ({}, {"geometry": "toy"}, "geometry 'toy': a file of the HGCal challenge has the order of"),
        ({}, {"energy_unit": None}, "energy_unit: a file of the HGCal challenge records no units"),
        ({}, {"incident_particle": None}, "incident_particle: a file of the HGCal challenge"),
        ({"gen_info": np.ones((3, 2))}, {}, "a.h5: data set gen_info has shape (3, 2), expected"),
        ({"showers": np.ones((3, 4, 9))}, {}, "geometry 'map' has 3 layers of at most 9 cells"),
        ({"showers": np.ones((3, 3, 8))}, {}, "geometry 'map' has 3 layers of at most 9 cells"),
        ({"gen_info": None}, {}, "a.h5: data set gen_info is missing"),
        ({"gen_info": np.full((3, 3), np.nan)}, {}, "a.h5: shower 0: incident energy is nan"),
        ({"gen_info": [[1, 1e3, 0]] * 3}, {}, "a.h5: shower 0: incident direction is"),
    ],
)
def test_mistakes(
    detector: Geometry,
    refused: Refused,
    tmp_path: Path,
    change: dict[str, Any],
    keys: dict[str, Any],
    line: str,
) -> None:
    detector.save(tmp_path / "map.yaml")
    given = {"geometry": "map.yaml", "energy_unit": "MeV", "incident_particle": "photon"} | keys
    said = (f"{key}={value}" for key, value in given.items() if value is not None)
    assert line in refused(made(3) | change, "layout=hgcal_challenge", *said)


@given(contents({"showers": (len(SIZES), max(SIZES)), "gen_info": (3,)}))
@settings(max_examples=60)
def test_any_content(
    detector: Geometry, tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "hgcal_challenge.h5", content)
    reads_or_says_why(
        path,
        Conventions(
            geometry=detector,
            layout="hgcal_challenge",
            energy_unit="GeV",
            incident_particle="photon",
        ),
    )
