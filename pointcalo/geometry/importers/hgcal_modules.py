"""The module map of CMS's HGCal (`modulelocator.txt` of CMSSW's Geometry/HGCalMapping).

One line a module: `plane u v typecode ...`. ML and MH are wafers of 192 and 432 hexagons, the
letter behind the dash is their shape: F whole, 5 without a corner, T, B, L and R halves; TM are
boards of scintillator tiles. One endcap is read, at +z. Centres of wafers and cells are those of
CMSSW (HGCalDetId::waferXY, HGCalCell::cellUV2XY1); depths, materials, thresholds and the rings of
tiles, which the map does not hold, are those of the geometry `hgcal_full`.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from pointcalo.geometry.composite import Composite, parts_of
from pointcalo.geometry.files import built_in
from pointcalo.geometry.layer import DetectorLayer
from pointcalo.geometry.layout import Layout
from pointcalo.geometry.polar import Polar
from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.table import CellTable

HEADER = ("plane", "u", "v", "typecode")
WAFER_MM = 167.4408
"""Flat to flat; source: `WaferSize` in CMSSW's hgcal.xml, v17."""

CELLS_ON_EDGE = {"MH": 12, "ML": 8}
KEPT = {"F": 1.0, "5": 5.0 / 6.0, "T": 0.5, "B": 0.5, "L": 0.5, "R": 0.5}
"""Share of a wafer's cells in each shape."""


class Module(NamedTuple):
    """One line of the map."""

    plane: int
    u: int
    v: int
    typecode: str


def is_module_map(first_line: str) -> bool:
    """Whether a text file begins as a module map does."""
    return tuple(first_line.split()[:4]) == HEADER


def read_module_map(path: Path) -> Layout:
    """The layout of a module map.

    Raises:
        ValueError: a line that is no module, a type that is not known.
    """
    modules = _modules(path)
    planes = sorted({module.plane for module in modules})
    whole = built_in("hgcal_full").layers
    if planes[0] < 1 or planes[-1] > len(whole) // 2:
        raise ValueError(f"has planes {planes[0]} to {planes[-1]}; expected 1 to {len(whole) // 2}")
    layers = [whole[plane - 1] for plane in planes]
    of_plane = {plane: [m for m in modules if m.plane == plane] for plane in planes}
    return Layout(
        name=path.stem,
        summary=f"CMS HGCal, one endcap, {len(planes)} planes of {path.name}, partial wafers cut "
        "on the side without neighbours; depths, materials and tiles of hgcal_full",
        kind="CMS HGCal module map",
        segmentations=tuple(
            _cells(of_plane[plane], layer) for plane, layer in zip(planes, layers, strict=True)
        ),
        z_mm=tuple(layer.z for layer in layers),
        stacks=tuple(layer.stack for layer in layers),
        threshold=tuple(layer.threshold for layer in layers),
    )


def _modules(path: Path) -> list[Module]:
    """The modules of one side, each once."""
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    names = first.split()
    side = names.index("zside") if "zside" in names else None
    found: dict[Module, str] = {}
    for number, line in enumerate(lines, start=2):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            module = Module(int(words[0]), int(words[1]), int(words[2]), words[3])
            found.setdefault(module, "" if side is None else words[side])
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"line {number} is {line!r:.40}; expected {' '.join(names[:4])} ..."
            ) from error
        _check_type(module, number)
    if not found:
        raise ValueError("names no module; expected one a line")
    one_side = next(iter(found.values()))
    return [module for module, its_side in found.items() if its_side == one_side]


def _check_type(module: Module, number: int) -> None:
    kind, shape = module.typecode[:2], module.typecode[3:4]
    if kind != "TM" and (kind not in CELLS_ON_EDGE or shape not in KEPT):
        raise ValueError(
            f"line {number} has the type {module.typecode!r:.20}; expected ML-, MH- with one of "
            f"{', '.join(KEPT)}, or TM-"
        )


def _cells(modules: list[Module], layer: DetectorLayer) -> Segmentation:
    """The cells of one plane: wafers as a table up to where the rings of tiles begin."""
    wafers = [module for module in modules if not module.typecode.startswith("TM")]
    tiles = [part for part in parts_of(layer.segmentation) if isinstance(part, Polar)]
    if len(wafers) == len(modules):
        return _silicon(wafers, math.inf)
    if not tiles:
        raise ValueError(f"plane {modules[0].plane} has tiles; expected silicon only")
    parts = [*([_silicon(wafers, tiles[0].edges[0])] if wafers else []), *tiles]
    return parts[0] if len(parts) == 1 else Composite(parts=tuple(parts))


def _silicon(wafers: list[Module], radius_mm: float) -> CellTable:
    centres = wafer_centres(np.array([(wafer.u, wafer.v) for wafer in wafers]))
    tree = cKDTree(centres)
    xy, area = [], []
    for wafer, centre in zip(wafers, centres, strict=True):
        edge, share = CELLS_ON_EDGE[wafer.typecode[:2]], KEPT[wafer.typecode[3]]
        cells = wafer_cells(edge)
        if share < 1.0:
            near = centres[tree.query_ball_point(centre, 1.1 * WAFER_MM)]
            towards = cells @ (near - centre).sum(axis=0)
            kept = np.argsort(-towards, kind="stable")[: round(share * len(cells))]
            cells = cells[np.sort(kept)]
        cells = centre + cells
        cells = cells[np.hypot(*cells.T) <= radius_mm]
        xy.append(cells)
        area.append(np.full(len(cells), math.sqrt(0.75) * (WAFER_MM / edge) ** 2 / 3.0))
    x, y = np.concatenate(xy).T
    return CellTable(x, y, np.concatenate(area))


def wafer_centres(uv: np.ndarray) -> np.ndarray:
    """Centres [W, 2] in mm of wafers (u, v).

    A plane is centred on a wafer or on a corner of one above or below: on whichever a third of a
    turn maps the wafers on themselves.
    """
    u, v = uv.T
    centres = WAFER_MM * np.stack((0.5 * v - u, math.sqrt(0.75) * v), axis=1)
    corner = WAFER_MM / math.sqrt(3.0)
    for shift in (0.0, corner, -corner):
        moved = centres + np.array([0.0, shift])
        if _threefold(moved):
            return moved
    return centres


def _threefold(centres: np.ndarray) -> bool:
    cosine, sine = -0.5, math.sqrt(0.75)
    turned = centres @ np.array([[cosine, sine], [-sine, cosine]])
    return bool((cKDTree(centres).query(turned)[0] < 0.1 * WAFER_MM).all())


def wafer_cells(edge: int) -> np.ndarray:
    """Centres [3 edge^2, 2] in mm of the cells of a whole wafer about its centre."""
    u, v = np.meshgrid(np.arange(2 * edge), np.arange(2 * edge), indexing="ij")
    inside = (v - u < edge) & (u - v <= edge)
    u, v = u[inside], v[inside]
    side = WAFER_MM / (3 * edge)
    x = (1.5 * (v - u) + 0.5) * side
    y = (u + v - 2 * edge + 1) * math.sqrt(0.75) * side
    return np.stack((x, y), axis=1)
