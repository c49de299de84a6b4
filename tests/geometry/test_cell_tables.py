"""Tables of cells in the forms in which the field has them."""

import contextlib
import csv
import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.geometry.importers.cell_tables import areas_from_centres, read_table


def hexagons(pitch: float, rings: int) -> np.ndarray:
    """Centres [N, 2] of hexagons within some rings about (0, 0)."""
    i, j = np.meshgrid(np.arange(-rings, rings + 1), np.arange(-rings, rings + 1))
    keep = np.abs(i + j) <= rings
    return np.stack(((i + 0.5 * j)[keep], (np.sqrt(0.75) * j)[keep]), axis=1) * pitch


def squares(pitch: float, across: int) -> np.ndarray:
    """Centres [N, 2] of an array of squares from (0, 0)."""
    x, y = np.meshgrid(np.arange(across), np.arange(across))
    return np.stack((x.ravel(), y.ravel()), axis=1) * pitch


def write_csv(path: Path, columns: dict[str, list]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def test_names_and_units_of_columns(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "cells.csv",
        {
            "LayerID": [1, 1, 2, 2],
            "globalid": [2**61, 2**61 + 1, 3, 4],
            "X [cm]": [0.0, 1.0, 0.0, 2.0],
            "y_mm": [0.0, 0.0, 5.0, 5.0],
            "z_m": [0.1, 0.1, 0.2, 0.2],
            "area (cm2)": [1.0, 1.0, 4.0, 4.0],
            "threshold_keV": [50, 50, 60, 60],
        },
    )
    geometry = Geometry.load(path)
    assert geometry.position(torch.arange(4)).tolist() == [
        [0.0, 0.0, 100.0],
        [10.0, 0.0, 100.0],
        [0.0, 5.0, 200.0],
        [20.0, 5.0, 200.0],
    ]
    assert geometry.area(torch.arange(4)).tolist() == [100.0, 100.0, 400.0, 400.0]
    assert geometry.layer_threshold.tolist() == pytest.approx([0.05, 0.06])


@pytest.mark.parametrize("form", ["csv", "npz", "h5"])
def test_a_length_without_unit_is_asked_for(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"cells.{form}"
    columns = {"layer": [0, 0], "x": [0.0, 1.0], "y": [0.0, 0.0], "z": [3.0, 3.0]}
    if form == "csv":
        write_csv(path, columns)
    elif form == "npz":
        np.savez(path, **columns)
    else:
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[name] = values
    with pytest.raises(ValueError, match=r"cells.* column 'x' records no unit.*geometry_unit=mm"):
        Geometry.load(path)
    geometry = Geometry.load(path, length_unit="cm")
    assert geometry.position(torch.tensor([1])).tolist() == [[10.0, 0.0, 30.0]]
    with pytest.raises(ValueError, match="geometry_unit is 'inch'; expected mm, cm or m"):
        Geometry.load(path, length_unit="inch")


def test_units_in_attributes(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5"
    with h5py.File(path, "w") as file:
        for name, unit in {
            "layer": "",
            "x": "cm",
            "y": b"mm",
            "z": "m",
            "threshold": "GeV",
        }.items():
            file[name] = [0.0, 0.0] if name in ("layer", "y") else [1.0, 1.0]
            file[name].attrs["unit"] = unit
        file["x"][:] = [0.0, 1.0]
    geometry = Geometry.load(path)
    assert geometry.position(torch.tensor([1])).tolist() == [[10.0, 0.0, 1000.0]]
    assert geometry.layer_threshold.tolist() == [1000.0]


def test_cells_about_the_centre_of_each_layer(tmp_path: Path) -> None:
    """As dumped for the HGCal: two pitches in a layer, a centre that moves outwards."""
    fine = hexagons(0.8, 4)
    coarse = hexagons(1.2, 4) + np.array([12.0, 0.0])
    one = np.concatenate((fine, coarse))
    np.savez(
        tmp_path / "map.npz",
        layer=np.repeat(np.array([0, 1], dtype=np.int16), len(one)),
        detid=np.arange(2 * len(one)),
        x_cm=np.tile(one[:, 0], 2).astype(np.float32),
        y_cm=np.tile(one[:, 1], 2).astype(np.float32),
        celltype=np.tile(np.repeat([0, 1], len(fine)), 2),
        center_x_cm=np.array([-0.3, -0.3]),
        center_y_cm=np.array([87.6, 88.8]),
        ncells=np.array([len(one)] * 2),
    )
    geometry = Geometry.load(tmp_path / "map.npz", layer_z_mm=[3200.0, 3230.0])
    first = geometry.position(torch.tensor([0, len(one)]))
    assert first[1, :2].tolist() == pytest.approx((first[0, :2] + torch.tensor([0, 12.0])).tolist())
    middle = geometry.cell_at(torch.tensor([0, 1]), torch.tensor([[-3.0, 876.0], [-3.0, 888.0]]))
    assert middle.min() >= 0 and geometry.layer_of(middle).tolist() == [0, 1]
    area = geometry.area(torch.arange(geometry.num_cells))
    assert area[: len(fine)].tolist() == pytest.approx([np.sqrt(0.75) * 64.0] * len(fine), rel=1e-4)
    assert area[len(fine) : len(one)].mean() == pytest.approx(np.sqrt(0.75) * 144.0, rel=1e-4)
    cell = torch.arange(geometry.num_cells)
    assert torch.equal(
        geometry.cell_at(geometry.layer_of(cell), geometry.position(cell)[:, :2]), cell
    )
    assert (geometry.neighbour_table(middle) >= 0).sum(dim=1).tolist() == [6, 6]


def test_areas_of_hexagons_and_squares() -> None:
    x, y = hexagons(10.0, 3).T
    assert areas_from_centres(x, y) == pytest.approx(np.full(37, np.sqrt(0.75) * 100.0))
    x, y = squares(10.0, 6).T
    assert areas_from_centres(x, y) == pytest.approx(np.full(36, 100.0))


def test_parts_and_sides_of_the_hgcal_are_layers_of_their_own(tmp_path: Path) -> None:
    """Layers of a DetId table begin with 1 in each part; both endcaps have the same numbers."""
    rows = [
        (side * z, detector, layer, x)
        for side in (1, -1)
        for detector, layer, z in [(8, 1, 320.0), (8, 2, 323.0), (9, 1, 370.0), (10, 1, 370.0)]
        for x in ((0.0, 1.0) if detector < 10 else (9.0, 10.0))
    ]
    rng = np.random.default_rng(1)
    z, detector, layer, x = np.array(rows)[rng.permutation(len(rows))].T
    np.savez(tmp_path / "lut.npz", z=z, detectorid=detector, layerid=layer, x=x, y=0.0 * x)
    geometry = Geometry.load(tmp_path / "lut.npz", length_unit="cm")
    assert geometry.layer_z.tolist() == [3200.0, 3230.0, 3700.0, -3200.0, -3230.0, -3700.0]
    assert geometry.layer_start.tolist() == [0, 2, 4, 8, 10, 12, 16]


def test_the_tree_of_a_det_id_table(tmp_path: Path) -> None:
    """As CMSSW dumps it: one entry whose branches hold all cells."""
    awkward, uproot = pytest.importorskip("awkward"), pytest.importorskip("uproot")
    path = tmp_path / "DetIdLUT.root"
    columns = {
        "globalid": np.arange(4, dtype=np.uint32),
        "detectorid": np.array([8, 8, 9, 9], dtype=np.int32),
        "layerid": np.array([1, 1, 1, 1], dtype=np.int32),
        "x": np.array([0.0, 1.0, 0.0, 2.0], dtype=np.float32),
        "y": np.zeros(4, dtype=np.float32),
        "z": np.array([320.0, 320.0, 370.0, 370.0], dtype=np.float32),
    }
    with uproot.recreate(path) as file:
        arrays = {name: awkward.Array([values]) for name, values in columns.items()}
        file.mktree("analyzer/tree", {name: array.type for name, array in arrays.items()})
        file["analyzer/tree"].extend(arrays)
    geometry = Geometry.load(path, length_unit="cm")
    assert geometry.layer_start.tolist() == [0, 2, 4]
    assert geometry.position(torch.tensor([1, 3])).tolist() == [[10, 0, 3200], [20, 0, 3700]]
    path.write_bytes(b"root" + bytes(300))
    with pytest.raises(ValueError, match=r"DetIdLUT\.root: "):
        Geometry.load(path, length_unit="cm")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_mm": [0.0, np.nan]}, r"column 'x_mm' has nan in row 1"),
        ({"x_mm": [0.0, 0.0]}, "layer 0: two cells of a layer have the same centre"),
        ({"layer": [0, 2]}, "has no cell of layer 1; expected layers 0 to 2"),
        ({"layer": [0.5, 0.5]}, "other values than whole numbers"),
        ({"layer": ["a", "b"]}, r"column 'layer' is <U1 \[2\]; expected numbers \[N\]"),
        ({"x_cm": [0.0, 1.0]}, "has the columns 'x_mm' and 'x_cm'; expected one of them"),
        ({"y_mm": [0.0]}, "has 1 values of y_mm, 2 of layer"),
        ({"z_mm": [1.0, 2.0]}, "layer 0 has values of z_mm from 1 to 2; expected one value"),
        ({"layer": [], "x_mm": [], "y_mm": [], "z_mm": []}, "has no cell; expected one row"),
        ({"area_mm2": [1.0, -1.0]}, "area_mm2 has not 2 numbers above 0"),
        ({"threshold": [1.0, 1.0]}, "column 'threshold' has no unit of energy"),
        ({"x_mm": np.array([None, {}], dtype=object)}, r"holds Python objects \(a pickle\)"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: dict, message: str) -> None:
    columns = {"layer": [0, 0], "x_mm": [0.0, 1.0], "y_mm": [0.0, 0.0], "z_mm": [5.0, 5.0]}
    np.savez(tmp_path / "cells.npz", **(columns | change))
    with pytest.raises(ValueError, match=message) as caught:
        Geometry.load(tmp_path / "cells.npz")
    assert "\n" not in str(caught.value) and "cells.npz: " in str(caught.value)


def test_a_file_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layer", shape=(2**40,), dtype="f8", chunks=(1024,))
    with pytest.raises(ValueError, match=r"claims 8796\.1 GB of cells; expected at most 4 GB"):
        Geometry.load(path)


def test_an_array_that_claims_more_than_there_is_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "cells.npz", layer=np.zeros(2), x_mm=np.arange(2.0), y_mm=np.zeros(2))
    array = io.BytesIO()
    form = {"descr": "<f8", "fortran_order": False, "shape": (2_000_000_000,)}
    np.lib.format.write_array_header_1_0(array, form)
    with zipfile.ZipFile(tmp_path / "claim.npz", "w") as archive:
        for name in ("layer", "x_mm", "y_mm"):
            archive.writestr(f"{name}.npy", array.getvalue())
    with pytest.raises(ValueError, match=r"claims .2000000000. float64, more than it holds"):
        Geometry.load(tmp_path / "claim.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer,x_mm,y_mm\n0,0,0\n0,5,0,7\n", "has 4 values in row 1, 3 names"),
        ("layer,x_mm,y_mm\n0,0,0\n0,1e300,0\n", r"cell at x = 1e\+300 mm"),
        ("layer,x_mm,y_mm,dead\n0,0,0,0\n0,5,0,2\n", "'dead' has other values"),
    ],
)
def test_odd_rows_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cells.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        Geometry.load(tmp_path / "cells.csv")


@pytest.mark.parametrize("form", ["npz", "h5"])
def test_damaged_bytes_are_one_mistake(tmp_path: Path, form: str) -> None:
    path, random = tmp_path / f"cells.{form}", np.random.default_rng(4)
    columns = {"layer": np.zeros(99), "x_mm": random.normal(size=99), "y_mm": np.arange(99.0)}
    if form == "npz":
        np.savez_compressed(path, **columns)
    else:
        with h5py.File(path, "w") as file:
            file.update(columns)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    for _ in range(100):
        damaged = whole.copy()
        damaged[random.integers(len(whole), size=9)] = random.integers(256, size=9)
        path.write_bytes(damaged[: random.integers(len(whole) // 2, len(whole) + 1)].tobytes())
        with contextlib.suppress(ValueError, OSError):
            read_table(path)
