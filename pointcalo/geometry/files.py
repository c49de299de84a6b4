"""Geometry files: YAML to layers and back, and where a name is looked for.

The format is documented key by key in docs/geometries.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pointcalo.atomic import written_beside
from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.layer import DetectorLayer
from pointcalo.geometry.names import (
    geometry_entry_points,
    geometry_files,
    geometry_names,
    is_built_in,
)
from pointcalo.geometry.segmentation import number, plain, whole
from pointcalo.geometry.segmentation_files import SegmentationReader, TableWriter, check_keys
from pointcalo.geometry.table import read_cells

TABLES = (".csv", ".npz", ".h5", ".hdf5")
PER_LAYER = ("z_mm", "threshold_MeV")  # columns that make a table a geometry by itself
FILE_KEYS = ("name", "summary", "readout", "face_mm", "mirror", "layers")
LAYER_KEYS = (
    "repeat",
    "absorber",
    "active",
    "gaps",
    "threshold_MeV",
    "z_mm",
    "segmentation",
)


def load_geometry(name_or_path: str | Path) -> Geometry:
    """The geometry of a file or a name.

    Looked for in this order: a file of that path, NAME.yaml in the folders of
    $POINTCALO_GEOMETRIES and in ./geometries, entry points `pointcalo.geometries` (each the path
    of a YAML or a function without arguments that returns a Geometry), the built-in ones.

    Raises:
        ValueError: unknown name, or a mistake in the file.
    """
    name = str(name_or_path)
    if Path(name).is_file():
        return read_geometry(Path(name))
    path, point = geometry_files().get(name), geometry_entry_points().get(name)
    if point is not None and (path is None or is_built_in(path)):
        found = point.load()
        return found() if callable(found) else read_geometry(Path(found))
    if path is None:
        known = ", ".join(geometry_names())
        raise ValueError(f"no geometry {name!r}: neither a file nor one of {known}")
    return read_geometry(path)


def read_geometry(path: Path) -> Geometry:
    """The geometry of a YAML file, or of a table of cells alone (.csv, .npz, .h5).

    Raises:
        ValueError: anything wrong in the file, in one line that names the file and the layer.
    """
    if path.suffix in TABLES:
        return _bare_table(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a YAML file: {reason}") from error
    try:
        return geometry_from(content, path.parent)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error


def _bare_table(path: Path) -> Geometry:
    """Layers of a table that also has their depth and threshold, of unknown materials."""
    columns = read_cells(path)
    for name in PER_LAYER:
        if name not in columns:
            raise ValueError(
                f"{path}: has no column {name!r}, which a table needs to be a geometry by itself; "
                "add it, or write a YAML that names the table (docs/geometries.md)"
            )
    number = int(columns["layer"].max()) + 1
    blocks = []
    for layer in range(number):
        rows = columns["layer"] == layer
        values = {name: np.unique(columns[name][rows]) for name in PER_LAYER}
        if any(len(found) != 1 for found in values.values()):
            raise ValueError(
                f"{path}: layer {layer} has {[len(v) for v in values.values()]} different values "
                f"of {' and '.join(PER_LAYER)}; expected layers 0 to {number - 1} with one of each"
            )
        table = {"type": "table", "file": path.name}
        blocks.append({k: float(v[0]) for k, v in values.items()} | {"segmentation": table})
    content = {"name": path.stem, "summary": f"table of cells {path.name}", "layers": blocks}
    try:
        return geometry_from(content, path.parent)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error


def geometry_from(content: Any, place: Path) -> Geometry:
    """The geometry of a parsed file; `place` is where tables of cells are looked for.

    Raises:
        ValueError: missing or unknown keys, values out of range.
    """
    check_keys(content, FILE_KEYS, ("name", "layers"))
    if not isinstance(content["layers"], list):
        raise ValueError("layers is not a list; expected one entry per layer or block of layers")
    face = number("face_mm", content.get("face_mm", 0.0))
    layers: list[DetectorLayer] = []
    reader = SegmentationReader(place)
    for block in content["layers"]:
        first = len(layers)
        for step, values in enumerate(_repeated(block, first)):
            end = face if not layers else layers[-1].z + layers[-1].behind_middle_mm
            try:
                layers.append(_layer_from(values, end, reader, first + step))
            except ValueError as error:
                raise ValueError(f"layer {first + step}: {error}") from error
    if content.get("mirror", False):
        layers += [replace(layer, z=-layer.z) for layer in layers]
    summary, readout = (" ".join(str(content.get(k, "")).split()) for k in ("summary", "readout"))
    return Geometry(str(content["name"]), layers, summary, readout)


def save_geometry(geometry: Geometry, path: Path) -> None:
    """See `Geometry.save`; tables of cells go into one .npz beside the YAML."""
    tables = TableWriter(path)
    content = {
        "name": geometry.name,
        "summary": geometry.summary,
        **({"readout": geometry.readout} if geometry.readout else {}),
        "layers": list(_blocks_of(geometry, tables)),
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
    tables.write()
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _repeated(block: Any, first: int) -> Iterator[dict[str, Any]]:
    """The entries of `repeat` equal layers; a value `each: [...]` gives one to each of them."""
    try:
        check_keys(block, LAYER_KEYS, ("segmentation",))
        if "active" not in block and "z_mm" not in block:
            raise ValueError("missing key 'active' (or z_mm, for a layer of unknown materials)")
        times = whole("repeat", block.get("repeat", 1))
        rest = {key: value for key, value in block.items() if key != "repeat"}
        yield from (_pick(rest, step, times) for step in range(times))
    except ValueError as error:
        raise ValueError(f"layer {first}: {error}") from error


def _pick(value: Any, step: int, times: int) -> Any:
    """`value` with every `each: [...]` replaced by its entry number `step`."""
    if isinstance(value, Mapping):
        if set(value) != {"each"}:
            return {key: _pick(entry, step, times) for key, entry in value.items()}
        if not isinstance(value["each"], list):
            raise ValueError(f"each has {value['each']!r:.40}; expected a list of {times} values")
        if len(value["each"]) != times:
            raise ValueError(f"each has {len(value['each'])} values; expected repeat = {times}")
        return value["each"][step]
    return [_pick(entry, step, times) for entry in value] if isinstance(value, list) else value


def _layer_from(
    values: dict[str, Any], end: float, reader: SegmentationReader, index: int
) -> DetectorLayer:
    """One layer; without z_mm it follows directly behind `end`."""
    layer = DetectorLayer(
        segmentation=reader.read(values["segmentation"], index),
        z=values.get("z_mm", 0.0),
        absorber=tuple(values.get("absorber") or ()),
        active=values.get("active"),
        threshold=values.get("threshold_MeV", 0.0),
        gaps=values.get("gaps", 1),
    )
    if "z_mm" in values:
        return layer
    middle = end + layer.thickness_mm - layer.behind_middle_mm
    return replace(layer, z=round(middle, 6))


def _blocks_of(geometry: Geometry, tables: TableWriter) -> Iterator[dict[str, Any]]:
    """Entries of a file; neighbouring layers that differ in z only are one block."""

    def same(layer: DetectorLayer) -> tuple[Any, ...]:
        stack = (layer.absorber, layer.active, layer.gaps, layer.threshold)
        return (layer.segmentation, *stack)

    for (segmentation, absorber, active, gaps, threshold), group in groupby(geometry.layers, same):
        z = [layer.z for layer in group]
        block = {"repeat": len(z), "z_mm": {"each": z}} if len(z) > 1 else {"z_mm": z[0]}
        if active is not None:
            block |= {"absorber": plain(absorber), "active": plain(active), "gaps": gaps}
        yield block | {"threshold_MeV": threshold, "segmentation": tables.entry(segmentation)}
