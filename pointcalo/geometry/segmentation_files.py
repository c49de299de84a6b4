"""Segmentations as entries of a geometry file, tables of cells as files beside it."""

import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pointcalo.atomic import written_beside
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.importers.cell_columns import read_columns
from pointcalo.geometry.kinds import FORMULAS
from pointcalo.geometry.parts import build_parts
from pointcalo.geometry.segmentation import Point, Segmentation, points_of
from pointcalo.geometry.table import CellTable

TABLE_KEYS = ("type", "file", "layer", "maximum_distance_mm")
DEAD_KEYS = ("dead", "dead_file")  # points in mm, and a table of them; in every type


def check_keys(content: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """A mapping has the keys it needs and none that are unknown.

    Raises:
        ValueError: otherwise.
    """
    if not isinstance(content, Mapping):
        raise ValueError(
            f"found {reprlib.repr(content)}; expected a mapping with {', '.join(known)}"
        )
    for key in content:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known keys: {', '.join(known)}")
    for key in needed:
        if key not in content:
            raise ValueError(f"missing key {key!r}")


class SegmentationReader:
    """Reads the `segmentation` of layers; a table of cells is read once for all of them.

    Args:
        place: folder that names of tables are relative to.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._tables: dict[str, dict[str, np.ndarray]] = {}

    def read(self, entry: Any, layer: int) -> Segmentation:
        """The segmentation of an entry; a list stands for parts side by side.

        Raises:
            ValueError: unknown type, missing or unknown keys, values out of range, a dead cell
                where there is none.
            OSError: a table that cannot be read.
        """
        entries = entry if isinstance(entry, list) else [entry]
        dead = [self._dead(part, layer) for part in entries]
        parts = [self._part(part, layer) for part in entries]
        _check_dead([point for points in dead for point in points], parts)
        parts = [
            part.without(points) if points else part
            for part, points in zip(parts, dead, strict=True)
        ]
        return Composite(parts=tuple(parts)) if isinstance(entry, list) else parts[0]

    def _part(self, entry: Any, layer: int) -> Segmentation:
        """One part with all its cells."""
        if not isinstance(entry, Mapping) or "type" not in entry:
            raise ValueError("segmentation has no key 'type'")
        entry = {key: value for key, value in entry.items() if key not in DEAD_KEYS}
        kind = str(entry["type"])
        if kind == CellTable.kind:
            return self._table(entry, layer)
        if kind not in FORMULAS:
            known = ", ".join(sorted((*FORMULAS, CellTable.kind)))
            raise ValueError(f"unknown segmentation type {kind!r}; known types: {known}")
        cls = FORMULAS[kind]
        names = (field.name for field in fields(cls) if field.name not in DEAD_KEYS)
        needed = tuple(field.name for field in fields(cls) if field.default is MISSING)
        check_keys(entry, ("type", *names, *DEAD_KEYS), needed)
        return cls(**{key: value for key, value in entry.items() if key != "type"})

    def _table(self, entry: Mapping[str, Any], layer: int) -> CellTable:
        check_keys(entry, TABLE_KEYS, ("file",))
        columns = self._columns(entry["file"])
        rows = columns["layer"] == entry.get("layer", layer)
        if not rows.any():
            raise ValueError(f"{entry['file']} has no cell of layer {entry.get('layer', layer)}")
        area, dead = (columns[n][rows] if n in columns else None for n in ("area_mm2", "dead"))
        reach = entry.get("maximum_distance_mm")
        return CellTable(columns["x_mm"][rows], columns["y_mm"][rows], area, reach, dead)

    def _dead(self, entry: Any, layer: int) -> tuple[Point, ...]:
        """Points whose cells are dead, of a part's own list and of its file."""
        if not isinstance(entry, Mapping):
            return ()
        points = points_of("dead", entry.get("dead", ()))
        if "dead_file" not in entry:
            return points
        columns = self._columns(entry["dead_file"])
        rows = columns["layer"] == layer
        return points + tuple(
            zip(columns["x_mm"][rows].tolist(), columns["y_mm"][rows].tolist(), strict=True)
        )

    def _columns(self, file: Any) -> dict[str, np.ndarray]:
        name = str(file)
        if name not in self._tables:
            try:
                self._tables[name] = read_columns(self.place / name)
            except ValueError as error:
                raise ValueError(f"table of cells {name}: {error}") from error
        return self._tables[name]


def _check_dead(points: list[Point], parts: list[Segmentation]) -> None:
    """Every point lies in a cell of some part.

    Raises:
        ValueError: one does not.
    """
    if not points:
        return
    xy = torch.tensor(points, dtype=torch.float32)
    cell = build_parts([parts]).cell_at(torch.zeros(len(xy), dtype=torch.int64), xy)
    if bool((cell < 0).any()):
        x, y = points[int((cell < 0).nonzero()[0])]
        raise ValueError(
            f"dead has [{x:g}, {y:g}], where there is no cell; expected a point in one"
        )


class TableWriter:
    """Collects the tables of cells of a geometry for one .npz beside its YAML.

    Args:
        path: of the YAML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.stem}.cells.npz")
        self._tables: dict[CellTable, int] = {}

    def entry(self, segmentation: Segmentation) -> Any:
        """The entry of a segmentation in the YAML."""
        if isinstance(segmentation, Composite):
            return [self.entry(part) for part in segmentation.parts]
        if not isinstance(segmentation, CellTable):
            return segmentation.description()
        number = self._tables.setdefault(segmentation, len(self._tables))
        entry = {"type": CellTable.kind, "file": self.path.name, "layer": number}
        if segmentation.maximum_distance_mm is not None:
            entry["maximum_distance_mm"] = segmentation.maximum_distance_mm
        return entry

    def write(self) -> None:
        """Write the .npz, whole or not at all; nothing where there is no table."""
        if not self._tables:
            return
        tables = list(self._tables)
        layer = np.repeat(np.arange(len(tables)), [len(table.all_xy) for table in tables])
        x, y = np.concatenate([table.all_xy for table in tables]).T
        area = np.concatenate([table.all_area for table in tables])
        dead = np.concatenate([table.dead for table in tables])
        more = {"dead": dead} if dead.any() else {}
        with written_beside(self.path) as beside, beside.open("wb") as file:
            np.savez_compressed(file, layer=layer, x_mm=x, y_mm=y, area_mm2=area, **more)
