"""Getting High's photon showers and the pion showers: where a voxel lies, there and back."""

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
from pointcalo.showers import Showers

PITCH = 5.088333


def squares(layers: int, nx: int, ny: int, pitch: float = 10.0) -> Geometry:
    cells = Cartesian(pitch_mm=pitch, nx=nx, ny=ny)
    return Geometry(
        "squares", [DetectorLayer(segmentation=cells, z=9.0 * i) for i in range(layers)]
    )


def made(group: str, num: int, *shape: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """A group as in the public files: cells in MeV, energies [N, 1] in GeV."""
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 2, (num, *shape)) * (random.random((num, *shape)) < 0.05)
    return {
        f"{group}/energy": random.uniform(10, 100, (num, 1)).astype(np.float32),
        f"{group}/layers": values.astype(np.float32).astype(np.float64),
    }


def test_where_voxels_lie(tmp_path: Path) -> None:
    values = np.zeros((2, 30, 30, 30))
    values[1, 7, 3, 21] = 2.5
    content = {"30x30/energy": [[50.0], [20.0]], "30x30/layers": values}
    file = open_showers(write_raw(tmp_path / "a.hdf5", content))
    assert (file.layout, file.geometry_name, file.points) == (
        "getting_high",
        "getting_high",
        "cells",
    )
    showers = file.read()
    assert showers.counts.tolist() == [0, 1] and showers.layer.tolist() == [7]
    # the bins begin at -81 + 5.088333 and -77 mm
    expected = [-81 + 4.5 * PITCH, -77 + 21.5 * PITCH, 2.5, 0]
    torch.testing.assert_close(showers.points, torch.tensor([expected]), atol=1e-3, rtol=0)
    assert showers.incident.energy.tolist() == [50e3, 20e3]
    assert showers.incident.pdg.tolist() == [22, 22]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2


def test_there_and_back(tmp_path: Path) -> None:
    content = made("30x30", 5, 30, 30, 30)
    showers = open_showers(write_raw(tmp_path / "a.h5", content)).read()
    said = Conventions(geometry=Geometry.load("getting_high"))
    assert write_as("getting_high", tmp_path / "b.h5", showers, said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        assert raw["30x30/layers"].shape == (5, 30, 30, 30)
        assert (raw["30x30/layers"].dtype, raw["30x30/energy"].dtype) == ("f8", "f4")
        assert raw["30x30/layers"].compression == "gzip"
        np.testing.assert_array_equal(raw["30x30/layers"][:], content["30x30/layers"])
        # GeV to MeV and back: single precision rounds twice
        np.testing.assert_allclose(raw["30x30/energy"][:], content["30x30/energy"], rtol=2e-7)
    again = open_showers(tmp_path / "b.h5").read()
    assert torch.equal(again.points, showers.points) and torch.equal(again.cell, showers.cell)


@pytest.mark.parametrize(
    ("group", "layers", "first"), [("hcal_only", 3, 2), ("ecal", 3, 0), ("ecal_hcal", 5, 0)]
)
def test_groups_of_pions(tmp_path: Path, group: str, layers: int, first: int) -> None:
    content = made(group, 3, layers, 4, 6)
    said = Conventions(geometry=squares(5, 8, 6))
    showers = open_showers(write_raw(tmp_path / "a.h5", content), said).read()
    assert showers.incident.pdg.tolist() == [211] * 3
    shower, layer, x, y = (torch.from_numpy(i) for i in content[f"{group}/layers"].nonzero())
    points = {
        (s, int(number) + first, 10.0 * (int(i) - 1.5), 10.0 * (int(j) - 2.5))
        for s, number, i, j in zip(shower.tolist(), layer, x, y, strict=True)
    }
    places = zip(showers.index.tolist(), showers.layer.tolist(), showers.xy.tolist(), strict=True)
    assert {(s, number, *xy) for s, number, xy in places} == points


def test_pions_there_and_back(tmp_path: Path) -> None:
    content = made("hcal_only", 2, 48, 48, 48)
    said = Conventions(geometry=squares(48, 50, 50))
    file = open_showers(write_raw(tmp_path / "a.h5", content), said)
    assert file.layout == "ild_hadrons"
    assert write_as("ild_hadrons", tmp_path / "b.h5", file.read(), said) == []
    with h5py.File(tmp_path / "b.h5") as raw:
        np.testing.assert_array_equal(raw["hcal_only/layers"][:], content["hcal_only/layers"])


def test_what_is_lost(tmp_path: Path) -> None:
    said = Conventions(geometry=squares(30, 34, 34))
    content = made("ecal_hcal", 2, 30, 34, 34)
    showers = open_showers(write_raw(tmp_path / "a.h5", content), said).read()
    showers = Showers(
        points=showers.points + torch.tensor([0, 0, 0, 1.5]),
        layer=showers.layer,
        ptr=showers.ptr,
        incident=showers.incident,
    )
    lost = write_as("getting_high", tmp_path / "b.h5", showers, said, points="deposits")
    beyond = content["ecal_hcal/layers"].copy()
    beyond[:, :, 2:-2, 2:-2] = 0
    share = 100 * beyond.sum() / content["ecal_hcal/layers"].sum()
    assert lost == [
        "places of the deposits within their cells",
        "times of the points",
        "kinds of incident particles",
        f"{share:.3g} % of the energy, outside every voxel",
    ]


def test_command_line_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = made("30x30", 3, 30, 30, 30)
    write_raw(tmp_path / "a.hdf5", content)
    assert main(["convert", "input=a.hdf5", "output=b.h5"]) == 0
    assert "taken for granted: particles enter at the origin" in capsys.readouterr().out
    assert main(["convert", "input=b.h5", "output=c.hdf5", "format=getting_high"]) == 0
    with h5py.File("c.hdf5") as raw:
        np.testing.assert_array_equal(raw["30x30/layers"][:], content["30x30/layers"])


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        ({"layers": np.ones((3, 30, 30, 29))}, {}, "window of 30 x 29 voxels in the middle of lay"),
        ({"layers": np.ones((3, 9, 30, 30))}, {}, "has 30 layers, a file of the group 30x30 has 9"),
        ({"layers": np.ones((3, 27000))}, {}, "shape (3, 27000), expected (N, a, b, c)"),
        ({"layers": None}, {}, "a.h5: data set 30x30/layers is missing"),
        ({"energy": np.ones((2, 1))}, {}, "30x30/energy 2"),
        ({"energy": np.ones((3, 2))}, {}, "shape (3, 2), expected (3, 1)"),
        ({"energy": np.array([[1], [-1], [1]])}, {}, "a.h5: shower 1: incident energy is -1000"),
        ({"layers": np.full((3, 30, 30, 30), np.nan)}, {}, "a.h5: shower 0: point 0 has"),
        ({"layers": np.full((3, 30, 30, 30), -1.0)}, {}, "energy -1"),
        ({}, {"geometry": "toy"}, "geometry 'toy' has 8 layers"),
        ({}, {"geometry": "ild"}, "a.h5: geometry 'ild': a window of 30 x 30 voxels"),
    ],
)
def test_mistakes(
    refused: Refused,
    change: dict[str, Any],
    said: dict[str, str],
    line: str,
) -> None:
    content = made("30x30", 3, 30, 30, 30) | {f"30x30/{n}": v for n, v in change.items()}
    keys = ["layout=getting_high", *(f"{key}={value}" for key, value in said.items())]
    assert line in refused(content, *keys)


def test_no_group_of_pions(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.h5", {"hcal_only/energy": np.ones((2, 1))})
    with pytest.raises(ValueError, match=r"a.h5: no group hcal_only, ecal or ecal_hcal with laye"):
        open_showers(path, Conventions(layout="ild_hadrons", geometry=squares(5, 8, 6)))
    write_raw(path, made("ecal", 2, 3, 4, 6))
    with pytest.raises(ValueError, match="a file of ild_hadrons does not name its cells: pass geo"):
        open_showers(path)


@given(contents({"30x30/energy": (1,), "30x30/layers": (2, 4, 6)}))
@settings(max_examples=60)
def test_any_content(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "getting_high.h5", content)
    reads_or_says_why(path, Conventions(geometry=squares(2, 8, 6), layout="getting_high"))
    hadrons = {name.replace("30x30", "ecal"): values for name, values in content.items()}
    write_raw(path, hadrons)
    reads_or_says_why(path, Conventions(geometry=squares(2, 8, 6), layout="ild_hadrons"))


@given(contents({"30x30": (2,), "ecal": (2, 4, 6)}))
@settings(max_examples=20)
def test_data_sets_in_place_of_groups(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, NDArray[Any]]
) -> None:
    path = write_raw(tmp_path_factory.getbasetemp() / "groups.h5", content)
    for layout in ("getting_high", "ild_hadrons"):
        reads_or_says_why(path, Conventions(geometry=squares(2, 8, 6), layout=layout))


def test_other_groups_are_named(tmp_path: Path) -> None:
    content = made("30x30", 2, 30, 30, 30) | {"hcal_only/layers": np.ones((2, 3)), "e": [1.0]}
    path = write_raw(tmp_path / "a.hdf5", content)
    assert open_showers(path).left_out == ("data sets e, hcal_only/layers",)
