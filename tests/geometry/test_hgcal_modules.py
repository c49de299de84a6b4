"""The module map of CMS's HGCal."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from pointcalo.geometry import Geometry
from pointcalo.geometry.importers.hgcal_modules import WAFER_MM, wafer_cells, wafer_centres

HEADER = "plane u v typecode econdidx captureblock captureblockidx slinkidx fedid zside\n"


def line(plane: int, u: int, v: int, typecode: str, side: int = -1) -> str:
    return f"{plane} {u} {v} {typecode} 3 1 0 1 175 {side}\n"


@pytest.mark.parametrize("edge", [8, 12])
def test_a_wafer_holds_3_n_squared_cells_about_its_centre(edge: int) -> None:
    cells = wafer_cells(edge)
    assert len(cells) == 3 * edge**2
    assert cells.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    # Cells go on in the next wafer: in the middle one all have six neighbours at the pitch.
    ring = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1)]
    seven = np.concatenate([centre + cells for centre in wafer_centres(np.array(ring))])
    distance, _ = cKDTree(seven).query(cells, k=[2, 7])
    pitch = WAFER_MM / (math.sqrt(3.0) * edge)
    assert distance == pytest.approx(np.full((len(cells), 2), pitch))


def test_wafers_are_a_hexagonal_lattice_centred_as_cms_has_it() -> None:
    ring = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1)])
    centres = wafer_centres(ring)
    assert np.hypot(*centres.T) == pytest.approx(np.full(6, WAFER_MM))
    assert centres[0] == pytest.approx([-WAFER_MM, 0.0])
    # Three wafers around a corner: the corner is the middle.
    for corner in ([(0, 0), (0, 1), (1, 1)], [(0, 0), (0, -1), (-1, -1)]):
        centres = wafer_centres(np.array(corner))
        assert centres.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_planes_have_the_cells_of_their_wafers(tmp_path: Path) -> None:
    path = tmp_path / "modulelocator.txt"
    ring = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1)]
    text = "".join(line(1, u, v, "MH-F2W" if u > 0 else "ML-F3W") for u, v in ring)
    text += "".join(line(1, u, v, "ML-F3W", side=1) for u, v in ring)  # the other endcap
    text += line(2, 0, 0, "ML-F3W") + line(2, 2, 0, "ML-T3W") + line(2, 1, 0, "ML-53W")
    path.write_text(HEADER + text)
    geometry, whole = Geometry.load(path), Geometry.load("hgcal_full")
    assert geometry.layer_start.diff().tolist() == [2 * 432 + 4 * 192, 192 + 96 + 160]
    assert [layer.z for layer in geometry.layers] == [layer.z for layer in whole.layers[:2]]
    assert geometry.layers[0].active == whole.layers[0].active
    # The middle of a wafer is a corner of three cells: a point beside it is in one of this wafer.
    points = torch.from_numpy(wafer_centres(np.array(ring)) + np.array([2.0, 1.0])).float()
    assert geometry.cell_at(torch.zeros(6, dtype=torch.int64), points).min() >= 0
    assert geometry.cell_at(torch.tensor([0]), torch.tensor([[2.0, 1.0]])).item() == -1
    area = geometry.area(torch.arange(2 * 432 + 4 * 192)).sum().item()
    assert area == pytest.approx(6 * np.sqrt(0.75) * WAFER_MM**2, rel=1e-4)


def test_tiles_are_those_of_hgcal_full(tmp_path: Path) -> None:
    path = tmp_path / "modulelocator.txt"
    path.write_text(HEADER + line(47, 1, 2, "ML-F3C") + line(47, 0, 3, "TM-A5A6"))
    tiles = Geometry.load("hgcal_full").layers[46].segmentation.parts[-1]
    assert Geometry.load(path).layers[0].segmentation.parts[1] == tiles


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1 0 0\n", "line 2 is '1 0 0'; expected plane u v typecode"),
        ("1 a 0 ML-F3W\n", "line 2 is '1 a 0 ML-F3W'"),
        ("1 0 0 XX-F3W\n", "line 2 has the type 'XX-F3W'"),
        ("48 0 0 ML-F3W\n", "has planes 48 to 48; expected 1 to 47"),
        ("", "names no module"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "modulelocator.txt"
    path.write_text("plane u v typecode\n" + lines)
    with pytest.raises(ValueError, match=message):
        Geometry.load(path)
