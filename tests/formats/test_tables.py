"""Plain ROOT and Parquet files: there and back bit for bit, foreign tables, and mistakes."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import uproot
from formats.voxels import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile, open_showers, write
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named, layout_of
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

SUFFIX = {"root": "root", "parquet": "parquet"}
LAYOUTS = list(SUFFIX)
MeV = Conventions(energy_unit="MeV", incident_particle="photon")

MakeShowers = Callable[..., Showers]


def outgoing(showers: Showers, **changes: Any) -> Outgoing:
    known = Outgoing(
        num_showers=len(showers),
        points="cells",
        source="random",
        geometry_name="toy",
        geometry_hash="0123",
        attributes={
            "layer_z_mm": np.array([1.5, 2.7], dtype=np.float32),
            "seed": np.int64(7),
            "cut_mm": np.float64(0.1),
            "physics": "none",
            "layout_version": 2,
        },
    )
    return replace(known, **changes)


def save(name: str, path: Path, showers: Showers, batch: int = 7, **changes: Any) -> None:
    batches = (showers[n : n + batch] for n in range(0, len(showers), batch))
    layout_named(name).write(path, batches, outgoing(showers, **changes), Conventions())


def foreign(name: str, path: Path, columns: dict[str, Any]) -> None:
    """A table of somebody else's: no units, nothing said of itself."""
    if name == "parquet":
        pq.write_table(pa.table(columns), path)
        return
    with uproot.recreate(path) as file:
        arrays = {key: ak.Array(values) for key, values in columns.items()}
        types = {key: array.type.content for key, array in arrays.items()}
        file.mktree("hits", types).extend(arrays)


def fault(path: Path) -> str:
    """The line that reading a file ends with; empty where it can be read."""
    try:
        open_showers(path, MeV).read()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def two_showers() -> dict[str, Any]:
    return {
        "x": [[1.0, 2.0], [3.0]],
        "y": [[0.0, 0.5], [-1.0]],
        "layer": [[0, 1], [2]],
        "energy": [[0.25, 0.5], [1.0]],
        "incident_energy": [10.0, 20.0],
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_and_back_bit_for_bit(name: str, tmp_path: Path, make_showers: MakeShowers) -> None:
    showers = make_showers(num=30)
    path = tmp_path / "a"
    save(name, path, showers)
    assert layout_of(path).name == name
    file = open_showers(path)
    assert (len(file), file.points, file.source) == (30, "cells", "random")
    assert (file.geometry_name, file.geometry_hash) == ("toy", "0123")
    assert file.assumed == ()
    read = file.read()
    assert torch.equal(read.points.view(torch.int32), showers.points.view(torch.int32))
    for part in ("layer", "ptr"):
        assert torch.equal(getattr(read, part), getattr(showers, part))
    for part in ("energy", "direction", "position", "pdg"):
        assert torch.equal(getattr(read.incident, part), getattr(showers.incident, part))
        assert torch.equal(getattr(file.incident(), part), getattr(showers.incident, part))
    assert torch.equal(file.offset, showers.ptr)
    some = file.read(torch.tensor([20, 3, 8]))
    assert torch.equal(some.points, showers[torch.tensor([20, 3, 8])].points)
    z = file.attributes["layer_z_mm"]
    assert z.dtype == np.float32 and z.tolist() == [1.5, np.float32(2.7)]
    seed, cut = file.attributes["seed"], file.attributes["cut_mm"]
    assert (type(seed), seed, cut, file.attributes["physics"]) == (np.int64, 7, 0.1, "none")
    assert "layout_version" not in file.attributes


@pytest.mark.parametrize("name", LAYOUTS)
def test_convert_there_and_back(name: str, tmp_path: Path, make_showers: MakeShowers) -> None:
    toy, showers = Geometry.load("toy"), make_showers(num=20)
    attributes = {"layer_z_mm": np.array([1.5, 2.5]), "physics": "none"}
    known = {"geometry_name": toy.name, "geometry_hash": toy.hash, "source": "random"}
    write(tmp_path / "a.h5", showers, attributes=attributes, **known)
    there = [f"input={tmp_path}/a.h5", f"output={tmp_path}/b", f"format={name}", "batch=6"]
    assert main(["convert", *there]) == 0
    assert main(["convert", f"input={tmp_path}/b", f"output={tmp_path}/c.h5"]) == 0
    first, last = NativeFile(tmp_path / "a.h5"), NativeFile(tmp_path / "c.h5")
    assert {k: str(v) for k, v in first.attributes.items()} == {
        k: str(v) for k, v in last.attributes.items()
    }
    assert torch.equal(first.read().points, last.read().points)
    assert torch.equal(first.read().layer, last.read().layer)


def test_units_stand_in_the_file(tmp_path: Path, make_showers: MakeShowers) -> None:
    save("parquet", tmp_path / "a.parquet", make_showers(num=3))
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.field("energy").metadata == {b"unit": b"MeV"}
    assert schema.field("x").metadata == {b"unit": b"mm"}
    save("root", tmp_path / "a.root", make_showers(num=3))
    with uproot.open(tmp_path / "a.root") as file:
        assert '"time": "ns"' in str(file["about"])
        assert file["events"]["energy"].typename == "float[]"


@pytest.mark.parametrize("name", LAYOUTS)
def test_foreign_lists(name: str, tmp_path: Path) -> None:
    foreign(name, tmp_path / "a", two_showers())
    told = Conventions(energy_unit="GeV", length_unit="cm", incident_particle="electron")
    file = open_showers(tmp_path / "a", told)
    showers = file.read()
    assert showers.points[:, 0].tolist() == [10.0, 20.0, 30.0]
    assert showers.points[:, 2].tolist() == [250.0, 500.0, 1000.0]
    assert showers.layer.tolist() == [0, 1, 2] and showers.counts.tolist() == [2, 1]
    assert showers.incident.energy.tolist() == [1e4, 2e4]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2
    assert showers.incident.pdg.tolist() == [11, 11]
    assert file.assumed == ("times 0", "directions along z", "entry at the origin")
    assert file.points == "deposits"


@pytest.mark.parametrize("name", LAYOUTS)
def test_foreign_rows_of_points(name: str, tmp_path: Path, toy: Geometry) -> None:
    z = toy.layer_z.double().tolist()
    rows = {
        "event": [4, 4, 9],
        "x": [1.0, 2.0, 3.0],
        "y": [0.0, 0.5, -1.0],
        "z": [z[0], z[1] + 0.1, z[2]],
        "energy": [0.25, 0.5, 1.0],
        "incident_energy": [10.0, 10.0, 20.0],
        "pdg": [22, 22, 211],
    }
    foreign(name, tmp_path / "a", rows)
    file = open_showers(tmp_path / "a", replace(MeV, depth="z", geometry=toy))
    showers = file.read()
    assert showers.counts.tolist() == [2, 1] and showers.layer.tolist() == [0, 1, 2]
    assert showers.incident.energy.tolist() == [10, 20]
    assert showers.incident.pdg.tolist() == [22, 211]
    assert file.read(slice(1, 2)).points[:, 0].tolist() == [3.0]
    foreign(name, tmp_path / "a", rows | {"event": [4, 9, 4]})
    with pytest.raises(ValueError, match="rows of one event do not follow one another"):
        open_showers(tmp_path / "a", replace(MeV, depth="z", geometry=toy))


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"energy": [[0.25, -0.5], [1.0]]}, "shower 0: point 1 has .*energy -0.5"),
        ({"x": [[1.0, 2.0], [np.nan]]}, "shower 1: point 0 has x nan"),
        ({"y": [[1.0], [1.0, 2.0]]}, "shower 0: x has 2 entries, y 1"),
        ({"layer": [[0.5, 1.0], [2.0]]}, "shower 0: depth 0.5, that is no layer number"),
        ({"incident_energy": [0.0, 1.0]}, "shower 0: incident energy is 0.0"),
        ({"incident_energy": None}, "no column incident_energy, found energy, layer"),
        ({"x": [1.0, 2.0]}, "no column x, found"),
        ({"pdg": [22.0, 22.0]}, "column pdg holds float64, expected whole numbers"),
        ({"incident_position_x": [0.0, 1.0]}, "expected all or none of incident_position_x"),
    ],
)
def test_faults_of_tables(name: str, tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    columns = {k: v for k, v in (two_showers() | changes).items() if v is not None}
    foreign(name, tmp_path / "a", columns)
    with pytest.raises(ValueError, match=line) as caught:
        open_showers(tmp_path / "a", MeV).read()
    assert str(tmp_path / "a") in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LAYOUTS)
def test_units_are_asked_for(name: str, tmp_path: Path) -> None:
    foreign(name, tmp_path / "a", two_showers())
    with pytest.raises(ValueError, match=r"records no units.*pass energy_unit=GeV"):
        open_showers(tmp_path / "a")
    with pytest.raises(ValueError, match=r"incident_particle: a file of .* does not name it"):
        open_showers(tmp_path / "a", Conventions(energy_unit="MeV"))


def test_recorded_units_count(tmp_path: Path) -> None:
    def with_unit(unit: bytes) -> Path:
        table = pa.table(two_showers())
        fields = [
            f.with_metadata({b"unit": unit}) if f.name == "energy" else f for f in table.schema
        ]
        pq.write_table(table.cast(pa.schema(fields)), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    assert open_showers(with_unit(b"GeV"), MeV).read().energy.tolist() == [250, 500, 1000]
    with pytest.raises(ValueError, match="column energy has unit 'J', expected MeV or GeV"):
        open_showers(with_unit(b"J"), MeV)


def test_missing_values_and_trees(tmp_path: Path) -> None:
    pq.write_table(pa.table(two_showers() | {"x": [[1.0, None], [3.0]]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column x lacks 1 values"):
        open_showers(tmp_path / "a.parquet", MeV).read()
    pq.write_table(pa.table(two_showers()).slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="holds no showers"):
        open_showers(tmp_path / "a.parquet", MeV)
    foreign("root", tmp_path / "a.root", two_showers())
    assert len(open_showers(tmp_path / "a.root", replace(MeV, collections="hits"))) == 2
    with pytest.raises(ValueError, match="no tree 'none', found hits: pass collections=NAME"):
        open_showers(tmp_path / "a.root", replace(MeV, collections="none"))


def test_newer_descriptions_are_refused(tmp_path: Path, make_showers: MakeShowers) -> None:
    path = tmp_path / "a.parquet"
    save("parquet", path, make_showers(num=3))
    table = pq.read_table(path)
    about = table.schema.metadata[b"pointcalo"].replace(b'"version": 1', b'"version": 2')
    pq.write_table(table.replace_schema_metadata({b"pointcalo": about}), path)
    with pytest.raises(ValueError, match=r"version 2 .* this pointcalo reads 1 to 1: upgrade"):
        open_showers(path)
    pq.write_table(table.replace_schema_metadata({b"pointcalo": b"[1]"}), path)
    with pytest.raises(ValueError, match="description of the showers is not readable"):
        open_showers(path)


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_half_written_is_left(name: str, tmp_path: Path, make_showers: MakeShowers) -> None:
    showers = make_showers(num=10)
    with pytest.raises(ValueError, match="10 showers came, expected 11"):
        save(name, tmp_path / "a", showers, num_showers=11)
    with pytest.raises(ValueError, match="attribute odd holds complex128, expected numbers"):
        save(name, tmp_path / "a", showers, attributes={"odd": 1j})
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(name, tmp_path / "none" / "a", showers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_missing_package_is_named(
    name: str, tmp_path: Path, make_showers: MakeShowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = {"root": "uproot", "parquet": "pyarrow.parquet"}[name]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=rf"pip install 'pointcalo\[{name}\]'"):
        save(name, tmp_path / "a", make_showers(num=3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=40)
@given(data=st.data())
def test_damaged_files_are_told_in_one_line(
    name: str, data: st.DataObject, tmp_path: Path, make_showers: MakeShowers
) -> None:
    whole = tmp_path / "whole"
    if not whole.exists():
        save(name, whole, make_showers(num=20))
    (tmp_path / "damaged").write_bytes(data.draw(damaged(whole.read_bytes())))
    line = fault(tmp_path / "damaged")
    assert line == "" or ("damaged" in line and "\n" not in line)


def test_rntuples_are_read_as_trees_are(tmp_path: Path) -> None:
    columns = two_showers()
    foreign("root", tmp_path / "tree", columns)
    with uproot.recreate(tmp_path / "ntuple") as file:
        file.mkrntuple("hits", {key: ak.Array(values) for key, values in columns.items()})
    tree, ntuple = (open_showers(tmp_path / name, MeV).read() for name in ("tree", "ntuple"))
    assert torch.equal(ntuple.points, tree.points) and torch.equal(ntuple.ptr, tree.ptr)
    assert torch.equal(ntuple.incident.energy, tree.incident.energy)
