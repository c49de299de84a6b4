"""The native layout: write and read, versions, units, and every broken file in one line."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from pointcalo.formats import NativeFile, open_showers
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

MakeShowers = Callable[..., Showers]
WriteToy = Callable[..., Path]


def _assert_same(a: Showers, b: Showers) -> None:
    for name in ("points", "layer", "ptr"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    for name in ("energy", "direction", "position", "pdg"):
        assert torch.equal(getattr(a.incident, name), getattr(b.incident, name)), name


def test_there_and_back(make_showers: MakeShowers, write_toy: WriteToy, toy: Geometry) -> None:
    showers = make_showers()
    file = open_showers(write_toy(showers))
    assert len(file) == 50
    assert (file.geometry_name, file.geometry_hash) == (toy.name, toy.hash)
    assert file.points == "cells" and file.attributes["source"] == "random"
    _assert_same(file.read(), showers)
    assert torch.equal(file.incident().energy, showers.incident.energy)


@pytest.mark.parametrize(
    "numbers",
    [
        slice(10, 20),
        slice(None, None, -7),
        torch.tensor([3]),
        torch.tensor([499, 0, 250, 0, 12]),
        np.array([5, 6, 400]),
    ],
)
def test_some_showers(
    make_showers: MakeShowers, write_toy: WriteToy, numbers: slice | torch.Tensor
) -> None:
    showers = make_showers(500)
    if isinstance(numbers, slice):
        expected = torch.from_numpy(np.arange(500)[numbers].copy())
    else:
        expected = torch.as_tensor(numbers)
    _assert_same(NativeFile(write_toy(showers)).read(numbers), showers[expected])


def test_batches_make_the_whole(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    showers = make_showers()
    batches = list(NativeFile(write_toy(showers)).iterate(16))
    assert [len(batch) for batch in batches] == [16, 16, 16, 2]
    _assert_same(Showers.cat(batches), showers)


def test_other_data_sets_are_named(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    assert NativeFile(path).left_out == ()
    with h5py.File(path, "a") as raw:
        raw["mine/noise"] = np.zeros(3)
    assert NativeFile(path).left_out == ("data sets mine/noise",)


def test_version_1_is_upgraded(
    make_showers: MakeShowers, write_toy: WriteToy, toy: Geometry
) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        raw.attrs["layout_version"] = 1
        del raw.attrs["geometry_hash"]
    file = NativeFile(path)
    assert file.attributes["layout_version"] == 2
    assert file.geometry_hash == ""
    file.check_geometry(toy)


def test_damaged_data_name_the_file(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "r") as raw:
        chunk = raw["points/energy"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    place = slice(chunk.byte_offset, chunk.byte_offset + chunk.size)
    content[place] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(OSError, match=f"{path.name}: damaged, .*: fetch or make it again"):
        NativeFile(path).read()


@pytest.mark.parametrize("version", [3, 0, "new"])
def test_other_versions_are_refused(
    make_showers: MakeShowers, write_toy: WriteToy, version: int | str
) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        raw.attrs["layout_version"] = version
    with pytest.raises(ValueError, match=f"layout version {version}, this pointcalo reads 1 to 2"):
        open_showers(path)


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("toy", "0" * 16, r"made in another 'toy' \(hash .*pass geometry=PATH"),
        ("hgcal", "0" * 16, "made in geometry 'toy', not 'hgcal': pass geometry=toy"),
    ],
)
def test_other_geometry_is_refused(
    make_showers: MakeShowers, write_toy: WriteToy, name: str, number: str, message: str
) -> None:
    file = NativeFile(write_toy(make_showers()))
    with pytest.raises(ValueError, match=message):
        file.check_geometry(SimpleNamespace(name=name, hash=number))
    file.check_geometry(SimpleNamespace(name="renamed", hash=file.geometry_hash))


@pytest.mark.parametrize(
    ("name", "unit"),
    [("points/energy", "GeV"), ("points/x", "cm"), ("incident/energy", None), ("points/time", "s")],
)
def test_wrong_units(
    make_showers: MakeShowers, write_toy: WriteToy, name: str, unit: str | None
) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        del raw[name].attrs["unit"]
        if unit is not None:
            raw[name].attrs["unit"] = unit
    with pytest.raises(ValueError, match=f"{name} has unit {unit!r}, expected"):
        NativeFile(path)


@pytest.mark.parametrize("name", ["offset", "points/layer", "incident/pdg", "points"])
def test_missing_data_set(make_showers: MakeShowers, write_toy: WriteToy, name: str) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        del raw[name]
    with pytest.raises(ValueError, match=f"data set {name}.* is missing"):
        NativeFile(path)


def test_missing_attribute(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        del raw.attrs["points"]
    with pytest.raises(ValueError, match="attribute points is missing"):
        NativeFile(path)
    with h5py.File(path, "a") as raw:
        raw.attrs["points"] = "hits"
    with pytest.raises(ValueError, match="'hits', expected cells or deposits"):
        NativeFile(path)


def test_wrong_lengths(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        raw["points/x"].resize(5, axis=0)
    with pytest.raises(ValueError, match=r"points/x has shape \(5,\), expected"):
        NativeFile(path)
    with h5py.File(path, "a") as raw:
        raw["offset"][3] = 10**6
    with pytest.raises(ValueError, match="points/x"):
        NativeFile(path)


def test_offsets_that_decrease(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        raw["offset"][3] = 10**6
    with pytest.raises(ValueError, match="offset must start at 0 and never decrease"):
        NativeFile(path)


def test_nan_names_file_and_shower(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    showers = make_showers()
    path = write_toy(showers)
    shower = int((showers.counts > 0).nonzero()[20])
    with h5py.File(path, "a") as raw:
        raw["points/energy"][int(showers.ptr[shower])] = np.nan
    file = NativeFile(path)
    with pytest.raises(ValueError, match=f"toy.h5: shower {shower}: point 0 .*energy nan"):
        file.read()
    with pytest.raises(ValueError, match=f"toy.h5: shower {shower}: point 0"):
        file.read(torch.tensor([shower + 1, shower, 0]))
    assert len(file.read(slice(0, shower))) == shower


def test_bad_incident_names_file_and_shower(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        raw["incident/energy"][17] = -1
    with pytest.raises(ValueError, match=r"toy.h5: shower 17: incident energy is -1.0 MeV"):
        NativeFile(path).read(slice(10, 30))


def test_no_showers(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    with h5py.File(path, "a") as raw:
        for name in ("x", "y", "energy", "time", "layer"):
            raw[f"points/{name}"].resize(0, axis=0)
        for name in ("energy", "direction", "position", "pdg"):
            raw[f"incident/{name}"].resize(0, axis=0)
        raw["offset"].resize(1, axis=0)
    with pytest.raises(ValueError, match="holds no showers"):
        NativeFile(path)


def test_files_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.h5: no such file"):
        open_showers(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("no showers")
    with pytest.raises(ValueError, match=r"text.h5: neither HDF5 nor ROOT nor Parquet"):
        open_showers(text)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as raw:
        raw["showers"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"foreign.h5: no file of showers in a layout"):
        open_showers(foreign)
    with pytest.raises(ValueError, match="attribute layout is None, expected 'pointcalo'"):
        NativeFile(foreign)


def test_cut_off_file(make_showers: MakeShowers, write_toy: WriteToy) -> None:
    path = write_toy(make_showers())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match="not a readable HDF5 file"):
        open_showers(path)
