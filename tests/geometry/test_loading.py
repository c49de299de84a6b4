"""The importer is chosen by the file itself; what cannot be read is one line."""

import dataclasses
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from showerdata.detector import get_ILD_geometry

from pointcalo.geometry import Geometry

YAML_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return self.path.write_text, ("loaded",)


@pytest.mark.parametrize("name", ["geometry.pkl", "geometry.pickle", "geometry.yaml", "geometry"])
def test_a_pickle_is_never_loaded(tmp_path: Path, name: str) -> None:
    path, trap = tmp_path / name, tmp_path / "trap"
    path.write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(ValueError, match=r"is a pickle.*never loaded"):
        Geometry.load(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"<html></html>", "has the root <html>; expected <Bins>"),
        (b"\xff\xfe\x00junk", "is not a YAML file"),
        (b"\x93NUMPY", "is not a YAML file"),
        (b"[" * 100_000, "is not a YAML file|nested too deeply"),
        (YAML_BOMB.encode(), "stands for more than 5000000 values"),
        (b"name: a\n", "missing key 'layers'"),
        (b"- 1\n", r"found \[1\]; expected a mapping"),
    ],
)
def test_what_is_no_detector_is_told_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "detector"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        Geometry.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_folders_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder; expected a file"):
        Geometry.load(tmp_path)
    with pytest.raises(ValueError, match=r"no geometry 'nothing'.*calochallenge_2"):
        Geometry.load("nothing")


@pytest.mark.parametrize("suffix", ["csv", "npz", "h5", "root", "xml", "txt", "yaml", "json"])
@given(content=st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_content_is_a_detector_or_one_line(suffix: str, content: bytes) -> None:
    heads = {
        "txt": b"plane u v typecode\n",
        "npz": b"PK\x03\x04",
        "h5": b"\x89HDF\r\n\x1a\n",
        "root": b"root",
    }
    for head in (b"", heads.get(suffix, b"layer,x_mm,y_mm\n")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"detector.{suffix}")
            path.write_bytes(head + content)
            with pytest.raises((ValueError, OSError)):
                Geometry.load(path, layer_z_mm=1.0)


@given(
    rows=st.lists(
        st.lists(st.one_of(st.integers(), st.floats(), st.text()), max_size=4), max_size=4
    )
)
def test_any_table_is_a_detector_or_one_line(rows: list[list]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cells.csv")
        lines = [",".join(map(str, row)) for row in rows]
        path.write_bytes("\n".join(["layer,x_mm,y_mm", *lines]).encode("utf-8", "replace"))
        try:
            assert Geometry.load(path, layer_z_mm=1.0).num_cells > 0
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017 - both outcomes are right


def test_ild_as_showerdata_describes_it(tmp_path: Path) -> None:
    path = tmp_path / "ild.json"
    path.write_text(json.dumps(dataclasses.asdict(get_ILD_geometry())))
    assert Geometry.load(path).hash == Geometry.load("ild_ecal_hcal").hash
    other = dataclasses.asdict(get_ILD_geometry()) | {"ecal_threshold": 0.2, "name": "mine"}
    path.write_text(json.dumps(other))
    geometry = Geometry.load(path)
    assert geometry.num_layers == 78 and geometry.name == "mine"
    assert all(layer.active is None for layer in geometry.layers)
    assert geometry.layer_threshold.tolist() == pytest.approx([0.2] * 30 + [0.25] * 48)
    assert geometry.layer_z[[0, 30]].tolist() == pytest.approx([1811.34 - 1803.7375, 277.6])
    # ShowerData's cells begin on the axis: floor(x / 5 mm).
    cell = geometry.cell_at(torch.tensor([0, 40]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    assert geometry.position(cell)[:, :2].tolist() == [[2.5, 2.5], [15.0, 15.0]]
    broken = dataclasses.asdict(get_ILD_geometry()) | {"num_layers_hcal": 40}
    path.write_text(json.dumps(broken))
    with pytest.raises(ValueError, match="layer_bottom_pos has 78 numbers; expected 70"):
        Geometry.load(path)


def test_what_is_missing_is_supplied(tmp_path: Path) -> None:
    toy = Geometry.load("toy")
    cell = torch.arange(toy.num_cells)
    x, y, _ = toy.position(cell).numpy().T
    np.savez(tmp_path / "cells.npz", layer=toy.layer_of(cell).numpy(), x_mm=x, y_mm=y)
    path = tmp_path / "cells.npz"
    by_name = Geometry.load(path, stack="toy")
    for one, other in zip(by_name.layers, toy.layers, strict=True):
        stack = (one.z, one.absorber, one.active, one.gaps, one.threshold)
        assert stack == (other.z, other.absorber, other.active, other.gaps, other.threshold)
    slabs = Geometry.load(path, stack=[["W", 2.0], ["PCB", 1.0], ["Si", 0.5]], threshold_MeV=0.05)
    assert [layer.z for layer in slabs.layers] == pytest.approx([3.25 + 3.5 * n for n in range(8)])
    assert slabs.layers[3].absorber == (("W", 2.0), ("PCB", 1.0))
    assert slabs.layer_threshold.tolist() == pytest.approx([0.05] * 8)
    pitch = Geometry.load(path, layer_z_mm=10, stack="toy", threshold_MeV=[0.1] * 8)
    assert [layer.z for layer in pitch.layers] == [5.0 + 10.0 * n for n in range(8)]
    assert pitch.layers[0].active == toy.layers[0].active
    pitch.save(tmp_path / "saved.yaml")
    assert Geometry.load(tmp_path / "saved.yaml").hash == pitch.hash


def test_a_named_geometry_is_changed_too() -> None:
    changed = Geometry.load("toy", threshold_MeV=0.5, layer_z_mm=100)
    assert changed.layer_threshold.tolist() == [0.5] * 8
    assert changed.layer_z[0].item() == 50.0
    assert Geometry.load("toy", threshold_MeV=None).hash == Geometry.load("toy").hash


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"layer_z_mm": [1.0]}, "layer_z_mm has 1 numbers; the detector has 8 layers"),
        ({"layer_z_mm": -3}, "layer_z_mm is -3; expected a number above 0"),
        ({"layer_z_mm": "far"}, "layer_z_mm is 'far'"),
        ({"layer_z_mm": 1.0, "stack": "toy"}, "overlaps"),
        ({"stack": "ild"}, "stack=ild has 30 layers, toy has 8"),
        ({"stack": [["W", 1.0], ["Gold", 1.0]]}, "unknown material 'Gold'"),
        ({"stack": ["W", 1.0]}, "expected a geometry or slabs"),
        ({"stack": []}, "expected a geometry or slabs"),
        ({"stack": 5}, "stack=5; expected a geometry or slabs"),
        ({"layer_z_mm": [5.0] * 8}, "layer 1 "),
        ({"threshold_MeV": [0.1, 0.2]}, "threshold_MeV has 2 numbers; the detector has 8 layers"),
        ({"threshold_MeV": -1.0}, "threshold_MeV is -1.0; expected 0 or more"),
    ],
)
def test_what_does_not_fit_is_told(said: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Geometry.load("toy", **said)
