"""A table of cells as the layout of a detector."""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pointcalo.geometry.importers.cell_columns import SUFFIXES, Columns, read_columns
from pointcalo.geometry.layout import Layout
from pointcalo.geometry.table import CellTable

EE = 8
"""`detectorid` of the HGCal's electromagnetic part, whose layers come before the others."""

SAME_DEPTH_MM = 0.01

SAME_DISTANCE = 1.1
"""Neighbours are equally far within this factor."""


def read_table(path: Path, length_unit: str | None = None) -> Layout:
    """The layout of a table of cells; cells keep the table's order within their layer.

    Args:
        path: .csv, .npz, .h5 or .hdf5.
        length_unit: mm, cm or m, of lengths whose unit the file does not record.

    Raises:
        ValueError: no such columns, units that are not known, values that make no cells.
    """
    columns = read_columns(path, length_unit)
    layer = columns["layer"] = _detector_layers(columns)
    present = np.unique(layer)
    if len(present) != present[-1] + 1:
        empty = np.setdiff1d(np.arange(len(present) + 1), present)[0]
        raise ValueError(f"has no cell of layer {empty}; expected layers 0 to {present[-1]}")
    rows_of = [np.flatnonzero(layer == number) for number in present]
    kind = f"table of cells ({SUFFIXES[path.suffix.lower()]})"
    return Layout(
        name=path.stem,
        summary=f"cells of {path.name}",
        kind=kind,
        segmentations=tuple(_cells(columns, number, rows) for number, rows in enumerate(rows_of)),
        z_mm=_of_layers(columns, "z_mm", rows_of, SAME_DEPTH_MM),
        threshold=_of_layers(columns, "threshold_MeV", rows_of, 0.0),
    )


def _detector_layers(columns: Columns) -> np.ndarray:
    """Layers [N] from 0: those of the file, or from its order of sides, parts and layers."""
    layer = columns["layer"]
    behind = columns["z_mm"] < 0.0 if "z_mm" in columns else np.zeros(len(layer), dtype=bool)
    part = columns["detector"] != EE if "detector" in columns else np.zeros(len(layer), dtype=bool)
    if not behind.any() and not part.any():
        return layer - 1 if layer.min() == 1 else layer
    keys = np.stack((behind, part, layer), axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def _cells(columns: Columns, number: int, rows: np.ndarray) -> CellTable:
    x, y = columns["x_mm"][rows], columns["y_mm"][rows]
    try:
        area = columns["area_mm2"][rows] if "area_mm2" in columns else areas_from_centres(x, y)
        dead = columns["dead"][rows] if "dead" in columns else None
        return CellTable(x, y, area, dead=dead)
    except ValueError as error:
        raise ValueError(f"layer {number}: {error}") from error


def areas_from_centres(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Areas [N] in mm2 of cells of which only the centres are known.

    The square of the distance to the nearest other centre; of a hexagon instead where the cell, or
    one beside it, has six neighbours at about that distance.

    Raises:
        ValueError: fewer than two cells, or two in one place.
    """
    if len(x) < 2:
        raise ValueError("a single cell and no column 'area'; expected its area")
    xy = np.stack((x, y), axis=1)
    distance, near = cKDTree(xy).query(xy, k=min(7, len(xy)))
    pitch = distance[:, 1]
    if not pitch.all():
        raise ValueError("two cells of a layer have the same centre; expected different ones")
    close = distance[:, 1:] < SAME_DISTANCE * pitch[:, None]
    inner = close.sum(axis=1) == 6
    hexagon = inner | (inner[near[:, 1:]] & close).any(axis=1)
    return pitch**2 * np.where(hexagon, np.sqrt(0.75), 1.0)


def _of_layers(
    columns: Columns, name: str, rows_of: list[np.ndarray], spread: float
) -> tuple[float, ...] | None:
    """One value of each layer, [L]; None where there is no such column."""
    if name not in columns:
        return None
    values = [columns[name][rows] for rows in rows_of]
    for number, of_layer in enumerate(values):
        if np.ptp(of_layer) > spread:
            raise ValueError(
                f"layer {number} has values of {name} from {of_layer.min():g} to "
                f"{of_layer.max():g}; expected one value a layer"
            )
    return tuple(float(of_layer[0]) for of_layer in values)
