"""Tables of cells, one row a cell: CSV, NPZ, HDF5 or ROOT, columns matched by their names.

Names are those of the field in any case: `layer`, `layerid`; `x`, `y`, `z`, `area`, `threshold`
with their unit behind (`x_mm`, `x [cm]`, `threshold_keV`) or in an HDF5 attribute `unit`; columns
`center_x`, `center_y` are added to x and y. Quantities of a layer have one value a row or a layer.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pointcalo.units import LENGTHS, GeV, MeV

if TYPE_CHECKING:
    import h5py

ENERGIES = {"ev": 1e-6 * MeV, "kev": 1e-3 * MeV, "mev": MeV, "gev": GeV}
NAMES = {
    "layer": ("layer", "layerid", "layer_id"),
    "x_mm": ("x",),
    "y_mm": ("y",),
    "z_mm": ("z",),
    "center_x_mm": ("center_x", "centre_x"),
    "center_y_mm": ("center_y", "centre_y"),
    "area_mm2": ("area",),
    "threshold_MeV": ("threshold",),
    "detector": ("detectorid",),
    "dead": ("dead",),
}
"""Our name of a column, and those that files have without the unit."""

MOST_BYTES = 4_000_000_000
"""A file that claims more is not read."""

FARTHEST_MM = 1e6

Columns = dict[str, np.ndarray]
SUFFIXES = {".csv": "CSV", ".npz": "NPZ", ".h5": "HDF5", ".hdf5": "HDF5", ".root": "ROOT"}


def read_columns(path: Path, length_unit: str | None = None) -> Columns:
    """The columns that are known, under the names and units of `NAMES`, [N] or [L] each.

    Raises:
        ValueError: see `read_table`.
        OSError: a file that cannot be read.
    """
    raw, units = _read(path)
    columns: Columns = {}
    taken: dict[str, str] = {}
    for name, values in raw.items():
        known = _known(name, units.get(name, ""))
        if known is None:
            continue
        ours, unit = known
        if ours in columns:
            raise ValueError(f"has the columns {taken[ours]!r} and {name!r}; expected one of them")
        factor = _factor(ours, unit, name, length_unit)
        columns[ours], taken[ours] = _numbers(name, values) * factor, name
    for ours in ("layer", "x_mm", "y_mm"):
        if ours not in columns:
            there = ", ".join(list(raw)[:20]) or "none"
            raise ValueError(f"has no column {ours.removesuffix('_mm')!r}, only {there}")
    return _checked(columns)


def _read(path: Path) -> tuple[Mapping[str, np.ndarray], dict[str, str]]:
    """Columns as in the file, and their units where attributes hold them."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind == "CSV":
        return _read_csv(path), {}
    if kind == "NPZ":
        return _read_npz(path), {}
    if kind == "HDF5":
        return _read_hdf5(path)
    if kind == "ROOT":
        return _read_root(path), {}
    raise ValueError("is no table of cells; expected a .csv, .npz, .h5 or .root file")


def _read_csv(path: Path) -> Columns:
    try:
        first, *lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    except UnicodeDecodeError as error:
        raise ValueError("is no text in UTF-8; expected a CSV with a line of names") from error
    names = [name.strip().strip("\"'") for name in first.lstrip("#").split(",")]
    lines = [line for line in lines if line.strip()]
    if not any(names):
        raise ValueError("is empty; expected a line of names first")
    used = [n for n, name in enumerate(names) if _known(name, "")]
    if not used or not lines:
        return {name: np.zeros(0) for name in names}
    for row, line in enumerate(lines):
        if '"' not in line and line.count(",") + 1 != len(names):
            raise ValueError(f"has {line.count(',') + 1} values in row {row}, {len(names)} names")
    try:
        values = np.loadtxt(lines, delimiter=",", usecols=used, ndmin=2)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"is no CSV of numbers: {reason:.120}") from error
    return dict(zip([names[n] for n in used], values.T, strict=True))


def _read_npz(path: Path) -> Columns:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(sum(entry.file_size for entry in archive.infolist()))
            for entry in archive.infolist():
                if entry.filename.endswith(".npy"):
                    _check_header(archive, entry)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if _known(name, "")} or {
                name: np.zeros(0) for name in file.files
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise ValueError(f"is no NPZ that can be read: {error}") from error
    except ValueError as error:
        if "Object arrays" in str(error):
            raise ValueError("holds Python objects (a pickle), which are never loaded") from error
        raise


def _check_header(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Numpy allocates what an array's header claims before it reads any of it."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with archive.open(entry) as file:
        reader = readers.get(np.lib.format.read_magic(file))
        if reader is None:
            raise ValueError(f"{entry.filename} is of an unknown version of NPY")
        shape, _, dtype = reader(file)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(f"{entry.filename} claims {list(shape)} {dtype}, more than it holds")


def _read_hdf5(path: Path) -> tuple[Columns, dict[str, str]]:
    import h5py

    try:
        with h5py.File(path) as file:
            return _data_sets(file)
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"is damaged HDF5: {error}") from error


def _data_sets(file: "h5py.File") -> tuple[Columns, dict[str, str]]:
    import h5py

    columns: Columns = {}
    units: dict[str, str] = {}
    for name, entry in file.items():
        if not isinstance(entry, h5py.Dataset):
            continue
        if not _known(name, ""):
            columns[name] = np.zeros(0)
            continue
        _check_size(entry.size * entry.dtype.itemsize)
        unit = entry.attrs.get("unit", "")
        columns[name], units[name] = entry[()], unit.decode() if hasattr(unit, "decode") else unit
    return columns, units


def _read_root(path: Path) -> Columns:
    """The branches of the only tree, all of its entries as one column."""
    try:
        import awkward
        import uproot
    except ImportError as error:
        raise ValueError(
            "is a ROOT file, which needs the package uproot: pip install 'pointcalo[root]'"
        ) from error
    try:
        with uproot.open({str(path): None}) as file:
            tree = _only_tree(file)
            _check_size(tree.uncompressed_bytes)
            used = [name for name in tree.keys(recursive=False) if _known(name, "")]
            flat = {n: awkward.flatten(tree[n].array(), axis=None) for n in used}
            return {n: np.asarray(values) for n, values in flat.items()} or {
                name: np.zeros(0) for name in tree.keys(recursive=False)
            }
    except (ValueError, OSError):
        raise
    except Exception as error:  # damaged bytes surface as almost anything in a foreign parser
        raise ValueError(f"is a damaged ROOT file: {type(error).__name__}") from error


def _only_tree(file: Any) -> Any:
    names = sorted({key.partition(";")[0] for key in file.keys(filter_classname="TTree")})
    if len(names) != 1:
        raise ValueError(f"has the trees {', '.join(names) or 'none'}; expected one, of cells")
    return file[names[0]]


def _check_size(claimed: int) -> None:
    if claimed > MOST_BYTES:
        raise ValueError(
            f"claims {claimed / 1e9:.1f} GB of cells; expected at most {MOST_BYTES / 1e9:.0f} GB"
        )


def _known(name: str, unit: str) -> tuple[str, str] | None:
    """Our name of a column and its unit ("": not recorded); None where it is not known."""
    found = re.fullmatch(r"\s*(\w+?)(?:(?:_|\s*\[|\s*\()([a-z]+)2?[\])]?)?\s*", name.lower())
    for ours, theirs in NAMES.items():
        if name.strip().lower() in theirs:
            return ours, str(unit).strip().lower().removesuffix("2").removesuffix("^")
        if found and found[1] in theirs and (found[2] in LENGTHS or found[2] in ENERGIES):
            return ours, found[2]
    return None


def _factor(ours: str, unit: str, name: str, length_unit: str | None) -> float:
    """From the unit of a column to ours."""
    if ours in ("layer", "detector", "dead"):
        return 1.0
    if ours == "threshold_MeV":
        if unit not in ENERGIES:
            raise ValueError(f"column {name!r} has no unit of energy; name it threshold_MeV")
        return ENERGIES[unit]
    unit = unit or length_unit or ""
    if unit not in LENGTHS:
        raise ValueError(
            f"column {name!r} records no unit of length; give geometry_unit=mm, cm or m"
        )
    return LENGTHS[unit] ** (2 if ours == "area_mm2" else 1)


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iufb":
        raise ValueError(
            f"column {name!r} is {values.dtype} {list(values.shape)}; expected numbers [N]"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"column {name!r} has {values[row]} in row {row}; expected a number")
    return values


def _checked(columns: Columns) -> Columns:
    """Whole layers, positions [N]; the layers' centres are added."""
    layer = columns["layer"]
    if len(layer) == 0:
        raise ValueError("has no cell; expected one row for each")
    if (layer != np.round(layer)).any() or (layer < 0).any() or layer.max() > 1e6:
        raise ValueError("column 'layer' has other values than whole numbers from 0")
    columns["layer"] = layer.astype(np.int64)
    for name in ("x_mm", "y_mm", "area_mm2", "detector", "dead"):
        if name in columns and len(columns[name]) != len(layer):
            raise ValueError(f"has {len(columns[name])} values of {name}, {len(layer)} of layer")
    if "dead" in columns and not np.isin(columns["dead"], (0.0, 1.0)).all():
        raise ValueError("column 'dead' has other values than 0 and 1")
    number = np.unique(columns["layer"], return_inverse=True)[1]
    for axis in ("x", "y"):
        centre = columns.pop(f"center_{axis}_mm", None)
        if centre is not None:
            columns[f"{axis}_mm"] += _per_row(f"center_{axis}", centre, number)
        farthest = np.abs(columns[f"{axis}_mm"]).max()
        if farthest > FARTHEST_MM:
            raise ValueError(
                f"has a cell at {axis} = {farthest:g} mm; expected at most {FARTHEST_MM:g} (unit?)"
            )
    for name in ("z_mm", "threshold_MeV"):
        if name in columns:
            columns[name] = _per_row(name, columns[name], number)
    return columns


def _per_row(name: str, values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """[N] values of a column that has one value a row or a layer."""
    layers = int(number.max()) + 1
    if len(values) not in (len(number), layers):
        raise ValueError(
            f"has {len(values)} values of {name}; expected one for each of {len(number)} cells or "
            f"{layers} layers"
        )
    return values if len(values) == len(number) else values[number]
