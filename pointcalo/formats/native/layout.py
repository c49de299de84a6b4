"""The native layout: names, types and units of its data sets, its versions and their upgrades.

Version 1: data sets and attributes as below, without `geometry_hash`.
Version 2: the attribute `geometry_hash` says which geometry exactly; empty where it is unknown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pointcalo.formats.conventions import ROWS
from pointcalo.formats.hdf5 import check_claim, single_precision, type_of

LAYOUT = "pointcalo"
VERSION = 2


@dataclass(frozen=True)
class Column:
    """One data set: its stored type, its unit and the shape of one row."""

    dtype: str
    unit: str
    row: tuple[int, ...] = ()


POINT_COLUMNS = {
    "points/x": Column("f4", "mm"),
    "points/y": Column("f4", "mm"),
    "points/energy": Column("f4", "MeV"),
    "points/time": Column("f4", "ns"),
    "points/layer": Column("i2", "1"),
}
INCIDENT_COLUMNS = {
    "incident/energy": Column("f4", "MeV"),
    "incident/direction": Column("f4", "1", (3,)),
    "incident/position": Column("f4", "mm", (3,)),
    "incident/pdg": Column("i4", "1"),
}
OFFSET = "offset"
INCIDENT = "incident/"
LARGEST_WHOLE = 2**24  # beyond it single precision does not hold every whole number


def read_attributes(file: h5py.File, path: Path) -> dict[str, Any]:
    """Attributes of a native file in terms of the newest version.

    Raises:
        ValueError: a foreign layout, a newer version, or an attribute is missing or unknown.
    """
    attributes = dict(file.attrs)
    if attributes.get("layout") != LAYOUT:
        raise ValueError(
            f"{path}: attribute layout is {attributes.get('layout')!r}, expected {LAYOUT!r}: "
            "convert the file first (pointcalo convert)"
        )
    version = attributes.get("layout_version")
    if not isinstance(version, int | np.integer) or not 1 <= version <= VERSION:
        raise ValueError(
            f"{path}: layout version {version}, this pointcalo reads 1 to {VERSION}: "
            "upgrade pointcalo to read newer files"
        )
    if version == 1:
        attributes["geometry_hash"] = ""
    for name in ("geometry", "geometry_hash", "points", "source"):
        if not isinstance(attributes.get(name), str):
            raise ValueError(f"{path}: attribute {name} is missing or not a text")
    if attributes["points"] not in ROWS:
        raise ValueError(
            f"{path}: attribute points is {attributes['points']!r}, expected cells or deposits"
        )
    return attributes | {"layout_version": VERSION}


def check_columns(file: h5py.File, path: Path) -> None:
    """Raise ValueError where a data set is missing or has another shape or unit."""
    if not isinstance(file.get(OFFSET), h5py.Dataset):
        raise ValueError(f"{path}: data set {OFFSET} is missing")
    offset = file[OFFSET]
    if offset.ndim != 1 or offset.dtype.kind not in "iu" or len(offset) < 1:
        raise ValueError(f"{path}: data set {OFFSET} must be integers, one more than showers")
    check_claim(offset, path)
    sizes = dict.fromkeys(INCIDENT_COLUMNS, len(offset) - 1)
    sizes |= dict.fromkeys(POINT_COLUMNS, int(offset[-1]))
    for name, column in (POINT_COLUMNS | INCIDENT_COLUMNS).items():
        _check_column(file, path, name, column, sizes[name])


def extra_columns(file: h5py.File, path: Path) -> dict[str, str]:
    """Units of the further columns `incident/NAME`, by name; empty where a column has none.

    A column is one number a shower that single precision holds: finite, and whole numbers up to
    2^24. What else lies there is none.
    """
    found = {}
    for name, data in file[INCIDENT].items():
        shape = (len(file[OFFSET]) - 1,)
        if INCIDENT + name in INCIDENT_COLUMNS or not isinstance(data, h5py.Dataset):
            continue
        if data.shape != shape or type_of(data, path).kind not in "fiu":
            continue
        check_claim(data, path)
        values = data[:]
        whole = values.dtype.kind in "iu"
        if np.isfinite(single_precision(values)).all() and not (
            whole and (np.abs(values.astype(np.float64)) > LARGEST_WHOLE).any()
        ):
            unit = data.attrs.get("unit")
            found[name] = unit if isinstance(unit, str) else ""
    return found


def _check_column(file: h5py.File, path: Path, name: str, column: Column, size: int) -> None:
    data = file.get(name)
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{path}: data set {name} is missing")
    if data.shape != (size, *column.row):
        raise ValueError(
            f"{path}: data set {name} has shape {data.shape}, expected {(size, *column.row)}"
        )
    if data.dtype.kind not in "fiu":
        raise ValueError(f"{path}: data set {name} holds {data.dtype}, expected numbers")
    check_claim(data, path)
    unit = data.attrs.get("unit")
    if unit != column.unit:
        raise ValueError(
            f"{path}: data set {name} has unit {unit!r}, expected {column.unit!r} in attribute "
            "unit: convert the values, a file whose units are unknown is not read"
        )
