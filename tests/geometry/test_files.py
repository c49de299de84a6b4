import contextlib
import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pointcalo.geometry import Geometry, geometry_names
from pointcalo.geometry.files import geometry_from

BLOCK = {
    "repeat": 3,
    "absorber": [["W", 3.0], ["AIR", 1.0]],
    "active": ["Si", 0.5],
    "threshold_MeV": 0.075,
    "segmentation": {"type": "hexagonal", "pitch_mm": 10, "radius_mm": 50},
}


def write(place: Path, name: str = "mine", **changes: object) -> Path:
    content = {"name": name, "layers": [BLOCK]} | changes
    path = place / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_copy_of_a_model_shares_its_geometry() -> None:
    geometry = Geometry.load("toy")
    assert copy.deepcopy({"geometry": geometry})["geometry"] is geometry


def test_layers_follow_one_another(tmp_path: Path) -> None:
    geometry = Geometry.load(write(tmp_path, face_mm=100.0))
    expected = torch.tensor([104.25, 108.75, 113.25])
    assert torch.equal(geometry.layer_z, expected)
    assert [layer.thickness_mm for layer in geometry.layers] == [4.5] * 3


def test_each_gives_one_value_to_every_layer(tmp_path: Path) -> None:
    segmentation = {"type": "hexagonal", "pitch_mm": 10, "radius_mm": {"each": [1, 11, 18]}}
    block = BLOCK | {"segmentation": segmentation, "z_mm": {"each": [5, 15.5, 30]}}
    geometry = Geometry.load(write(tmp_path, layers=[block]))
    assert geometry.layer_start.tolist() == [0, 1, 8, 21]
    assert geometry.layer_z.tolist() == [5.0, 15.5, 30.0]


def test_mirrored_layers_come_last(tmp_path: Path) -> None:
    geometry = Geometry.load(write(tmp_path, face_mm=100.0, mirror=True))
    assert torch.equal(geometry.layer_z[3:], -geometry.layer_z[:3])


def test_parts_of_a_layer_lie_side_by_side(tmp_path: Path) -> None:
    inner = {"type": "cartesian", "pitch_mm": 5, "nx": 4, "ny": 4}
    outer = {"type": "polar", "rows": [[15, 35, 2, 12]]}
    block = BLOCK | {"segmentation": [inner, outer]}
    geometry = Geometry.load(write(tmp_path, layers=[block]))
    assert geometry.layer_start.tolist() == [0, 40, 80, 120]
    layer = torch.tensor([1, 1, 1])
    xy = torch.tensor([[1.0, 1.0], [20.0, 1.0], [12.0, 0.0]])
    assert geometry.cell_at(layer, xy).tolist() == [50, 56, -1]
    near = geometry.nearest(torch.tensor([1]), torch.tensor([[13.0, 1.0]]), 2)
    assert near.tolist() == [[51, 47]]


def test_numbers_and_comments_do_not_change_the_hash(tmp_path: Path) -> None:
    first = Geometry.load(write(tmp_path))
    text = (tmp_path / "mine.yaml").read_text().replace("pitch_mm: 10", "pitch_mm: 10.0  # mm")
    (tmp_path / "other.yaml").write_text(text.replace("name: mine", "name: other"))
    assert Geometry.load(tmp_path / "other.yaml").hash == first.hash
    assert len(first.hash) == 16
    changed = BLOCK | {"threshold_MeV": 0.08}
    assert Geometry.load(write(tmp_path, layers=[changed])).hash != first.hash


def test_a_name_is_looked_for_in_the_folders_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, here = tmp_path / "own", tmp_path / "here"
    own.mkdir()
    (here / "geometries").mkdir(parents=True)
    write(own, "toy")
    write(here / "geometries", "local")
    monkeypatch.chdir(here)
    monkeypatch.setenv("POINTCALO_GEOMETRIES", str(own))
    assert Geometry.load("toy").num_layers == 3
    assert Geometry.load("local").num_layers == 3
    assert {"hgcal", "local", "toy"} <= set(geometry_names())
    monkeypatch.delenv("POINTCALO_GEOMETRIES")
    assert Geometry.load("toy").num_layers == 8


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(
        ValueError,
        match=r"no geometry 'hgcl': .* hgcal, hgcal_8mm, hgcal_full, hgcal_square, ild, .*toy",
    ):
        Geometry.load("hgcl")


def segmentation(**values: object) -> dict[str, object]:
    return {"layers": [BLOCK | {"segmentation": values}]}


MISTAKES = [
    ({"colour": 1}, "unknown key 'colour'; known keys: name"),
    ({"layers": [{"active": ["Si", 0.5]}]}, "layer 0: missing key 'segmentation'"),
    ({"layers": [BLOCK, BLOCK | {"absorbr": []}]}, "layer 3: unknown key 'absorbr'"),
    ({"layers": [BLOCK | {"absorber": [["W", -1.0]]}]}, "layer 0: absorber has -1.0 mm of W"),
    ({"layers": [BLOCK | {"absorber": [["Wx", 1.0]]}]}, "layer 0: unknown material 'Wx'"),
    ({"layers": [BLOCK | {"absorber": ["W", 1.0]}]}, "absorber has 'W'; expected [material"),
    ({"layers": [BLOCK | {"active": ["Si", 0.0]}]}, "active has the thickness 0"),
    ({"layers": [BLOCK | {"threshold_MeV": "1e"}]}, "threshold_MeV is '1e'; expected a finite"),
    ({"layers": [BLOCK | {"repeat": 0}]}, "repeat is 0; expected a whole number"),
    ({"layers": [BLOCK | {"z_mm": 3.0}]}, "layer 1 overlaps the one before in z"),
    ({"layers": [BLOCK | {"z_mm": {"each": [1.0]}}]}, "each has 1 values; expected repeat = 3"),
    ({"layers": [BLOCK | {"repeat": 10**9}]}, "repeat is 1000000000; expected at most 10000"),
    (
        {"layers": [{"z_mm": 3.0, "segmentation": BLOCK["segmentation"], "repeat": 2}]},
        "layer 1 lies where the one before does, z = 3 mm",
    ),
    ({"layers": 3}, "layers is not a list"),
    ({"layers": []}, "has no layers"),
    (segmentation(pitch_mm=1), "segmentation has no key 'type'"),
    (segmentation(type="hex"), "unknown segmentation type 'hex'; known types: cartesian"),
    (segmentation(type="hexagonal", pitch_mm=1), "layer 0: missing key 'radius_mm'"),
    (segmentation(type="hexagonal", pitch_mm=1, radius=1), "unknown key 'radius'"),
    (segmentation(type="cartesian", pitch_mm=[1, 2, 3], nx=1, ny=1), "pitch_mm has 3 numbers"),
    (segmentation(type="polar", rows=[[0, 1]]), "rows has the entry [0, 1]; expected [from, to"),
    (segmentation(type="table", file="none.csv"), "none.csv"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_a_mistake_is_one_line_that_names_the_file(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(ValueError) as caught:
        Geometry.load(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and message in text and "\n" not in text


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "name: other\n")
    with pytest.raises(
        ValueError, match=r"mine.yaml is not a YAML file: line \d+ gives .name. again"
    ):
        Geometry.load(path)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [1, 2\nlayers: {")
    with pytest.raises(ValueError, match="is not a YAML file") as caught:
        Geometry.load(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"\x89HDF\r\n\x1a\n\x00\xff")
    with pytest.raises(ValueError, match="is not a YAML file"):
        Geometry.load(path)
    path.write_text("just text")
    with pytest.raises(ValueError, match="found 'just text'; expected a mapping"):
        Geometry.load(path)


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Geometry.load("toy").save(tmp_path / "missing" / "toy.yaml")
    assert not list(tmp_path.iterdir())


def test_each_without_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, layers=[BLOCK | {"z_mm": {"each": 3}}])
    with pytest.raises(ValueError, match="each has 3; expected a list of 3 values"):
        Geometry.load(path)


def test_empty_table_of_cells(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("")
    path = write(
        tmp_path, layers=[BLOCK | {"segmentation": {"type": "table", "file": "cells.csv"}}]
    )
    with pytest.raises(ValueError, match=r"mine.yaml: layer 0: .*cells.csv: is empty"):
        Geometry.load(path)


def test_the_readout_is_kept_and_leaves_the_hash_alone(tmp_path: Path) -> None:
    fields = "system:5,layer:9,x:32:-16,y:-16"
    geometry = Geometry.load(write(tmp_path, readout=fields))
    assert geometry.readout == fields
    assert geometry.hash == Geometry.load(write(tmp_path, name="other")).hash
    geometry.save(tmp_path / "saved.yaml")
    assert Geometry.load(tmp_path / "saved.yaml").readout == fields
    piece = geometry.region(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]), 20.0).geometry
    assert piece.to("cpu").readout == fields


RICH = {
    "name": "rich",
    "face_mm": 1.0,
    "mirror": False,
    "layers": [
        BLOCK | {"gaps": 1},
        {
            "active": ["Si", 0.5],
            "z_mm": 50,
            "segmentation": [
                {"type": "polar", "rows": [[0, 5, 1, 3]], "phi": [0, 1], "spacing": "even"},
                {"type": "eta_phi", "radius_mm": 100, "rows": [[1, 2, 4, 5]], "discs": [[0, 0, 9]]},
            ],
        },
    ],
}
ODD = st.one_of(
    st.sampled_from([None, True, "x", [], {}, [[None]], [1], ["W", 1], {"each": 3}, {"each": [1]}]),
    st.floats(-10.0, 10.0),
    st.sampled_from([float("nan"), float("inf"), -1, 0]),
)


def _places(value: object, place: tuple = ()) -> list[tuple]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [place, *(deep for key in keys for deep in _places(value[key], (*place, key)))]


@settings(max_examples=300)
@given(place=st.sampled_from(_places(RICH)[1:]), odd=ODD)
def test_an_odd_value_anywhere_is_one_line(place: tuple, odd: object) -> None:
    content = copy.deepcopy(RICH)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    with contextlib.suppress(ValueError):
        assert geometry_from(content, Path()).num_layers > 0


def test_what_is_behind_is_kept_and_changes_no_cell(tmp_path: Path) -> None:
    ild = Geometry.load("ild")
    assert ild.behind == (("PCB", 1.2), ("AIR", 0.4))
    ild.save(tmp_path / "ild.yaml")
    assert Geometry.load(tmp_path / "ild.yaml").behind == ild.behind
    assert replace(ild, behind=()).hash == ild.hash
    with pytest.raises(ValueError, match=r"unknown material 'Xy'"):
        replace(ild, behind=[("Xy", 1.0)])
