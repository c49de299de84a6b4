"""Segmentations as entries of a geometry file, tables of cells as files beside it."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from pointcalo.atomic import written_beside
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.kinds import FORMULAS
from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.table import CellTable, read_cells

TABLE_KEYS = ("type", "file", "layer", "maximum_distance_mm")


def check_keys(content: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """A mapping has the keys it needs and none that are unknown.

    Raises:
        ValueError: otherwise.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"found {content!r:.40}; expected a mapping with {', '.join(known)}")
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
            ValueError: unknown type, missing or unknown keys, values out of range.
            OSError: a table that cannot be read.
        """
        if isinstance(entry, list):
            return Composite(parts=tuple(self.read(part, layer) for part in entry))
        if not isinstance(entry, Mapping) or "type" not in entry:
            raise ValueError("segmentation has no key 'type'")
        kind = entry["type"]
        if kind == CellTable.kind:
            return self._table(entry, layer)
        if kind not in FORMULAS:
            known = ", ".join(sorted((*FORMULAS, CellTable.kind)))
            raise ValueError(f"unknown segmentation type {kind!r}; known types: {known}")
        cls = FORMULAS[kind]
        needed = tuple(field.name for field in fields(cls) if field.default is MISSING)
        check_keys(entry, ("type", *(field.name for field in fields(cls))), needed)
        return cls(**{key: value for key, value in entry.items() if key != "type"})

    def _table(self, entry: Mapping[str, Any], layer: int) -> CellTable:
        check_keys(entry, TABLE_KEYS, ("file",))
        name = str(entry["file"])
        if name not in self._tables:
            self._tables[name] = read_cells(self.place / name)
        columns = self._tables[name]
        rows = columns["layer"] == entry.get("layer", layer)
        if not rows.any():
            raise ValueError(f"{name} has no cell of layer {entry.get('layer', layer)}")
        area = columns["area_mm2"][rows] if "area_mm2" in columns else None
        reach = entry.get("maximum_distance_mm")
        return CellTable(columns["x_mm"][rows], columns["y_mm"][rows], area, reach)


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
        layer = np.repeat(np.arange(len(tables)), [len(table.xy) for table in tables])
        x, y = np.concatenate([table.xy for table in tables]).T
        area = np.concatenate([table.area for table in tables])
        with written_beside(self.path) as beside, beside.open("wb") as file:
            np.savez_compressed(file, layer=layer, x_mm=x, y_mm=y, area_mm2=area)
