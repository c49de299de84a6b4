"""Reading showers from the columns of a table."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo import units
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import faults_named
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.tables.columns import (
    DIRECTION,
    EVENT,
    POINT_COLUMNS,
    POSITION,
    SHOWER_COLUMNS,
    About,
    scale_of,
)
from pointcalo.formats.tables.lists import Lists, equal_counts
from pointcalo.showers import (
    ENERGY,
    TIME,
    Incident,
    ShowerError,
    Showers,
    X,
    Y,
    index_from_ptr,
    ptr_from_counts,
)

DEFAULTS = {
    "time": "times 0",
    DIRECTION[0]: "directions along z",
    POSITION[0]: "entry at the origin",
}
"""What is taken where a foreign table lacks these columns."""
LARGEST_PIECE = 2000  # showers that are read as a whole because they are stored so


@dataclass(frozen=True)
class Inventory:
    """What lies in a table.

    Attributes:
        rows: number of rows.
        numbers: dtype of the columns of numbers, by name.
        lists: dtype of the entries of the columns of lists of numbers, by name.
        units: recorded units, by name.
        about: what it says of itself; None for foreign tables.
        piece: rows that are stored in one piece.
    """

    rows: int
    numbers: Mapping[str, np.dtype]
    lists: Mapping[str, np.dtype]
    units: Mapping[str, str]
    about: About | None
    piece: int


class TableFile(ShowerFile):
    """A file that holds showers as the columns of a table.

    Args:
        path: file.
        conventions: what a foreign table does not say.

    Raises:
        OSError, ValueError: the file cannot be used, or the user must say more; one line.
    """

    def __init__(self, path: str | Path, conventions: Conventions) -> None:
        super().__init__(Path(path), conventions.geometry)
        self.conventions = conventions
        self.points, self.source = conventions.rows, f"{self.layout} file {self.path.name}"
        inventory = self._inventory()
        if inventory.rows == 0:
            raise ValueError(f"{self.path}: holds no showers")
        if inventory.about is not None:
            about = inventory.about
            self.points, self.source, self.attributes = about.points, about.source, about.attributes
            self.geometry_name, self.geometry_hash = about.geometry, about.geometry_hash
        self._own = inventory.about is not None
        self._depth = "z" if conventions.depth == "z" and not self._own else "layer"
        self._flat = not inventory.lists and EVENT in inventory.numbers
        self._check_columns(inventory)
        if not self._flat and inventory.piece <= LARGEST_PIECE:
            self.together = max(1, inventory.piece)
        self._starts = self._find_showers() if self._flat else np.arange(inventory.rows + 1)

    @abstractmethod
    def _inventory(self) -> Inventory:
        """What lies in the table."""

    @abstractmethod
    def _read(self, names: Sequence[str], first: int, last: int) -> dict[str, Any]:
        """Some columns of the rows first to last - 1: arrays of numbers, or `Lists`."""

    def __len__(self) -> int:
        return len(self._starts) - 1

    def incident(self) -> Incident:
        """The incident particles of all showers."""
        names = [name for name in SHOWER_COLUMNS if name in self._scales]
        try:
            return self._incident(self._read(names, 0, int(self._starts[-1])), 0, len(self))
        except ShowerError as error:
            raise ValueError(f"{self.path}: {error}") from None

    def _check_columns(self, inventory: Inventory) -> None:
        """Note the columns that are read, with their scales, or say what is wrong with them."""
        of_points = inventory.numbers if self._flat else inventory.lists
        points = [self._depth if name == "layer" else name for name in POINT_COLUMNS]
        needed = [name for name in (*points, "incident_energy") if name != "time"]
        there = {name for name in points if name in of_points}
        there |= {name for name in SHOWER_COLUMNS if name in inventory.numbers}
        missing = [name for name in needed if name not in there]
        if missing:
            found = ", ".join(sorted([*inventory.numbers, *inventory.lists])[:12])
            raise ValueError(
                f"{self.path}: no column {', '.join(missing)}, found {found or 'none'}; expected "
                f"lists {', '.join(points)} and a number incident_energy for each shower"
            )
        for group in (DIRECTION, POSITION):
            if 0 < sum(name in there for name in group) < len(group):
                raise ValueError(f"{self.path}: expected all or none of {', '.join(group)}")
        dtypes = {**inventory.numbers, **inventory.lists}
        with faults_named(self.path):
            self._scales = {
                name: scale_of(name, inventory.units.get(name), self.conventions, self.layout)
                for name in (*points, *SHOWER_COLUMNS)
                if name in there
            }
        for name in self._scales:
            whole = name == "pdg" or (name == "layer" and self._own)
            if dtypes[name].kind not in ("iu" if whole else "fiu"):
                expected = "whole numbers" if whole else "numbers"
                raise ValueError(
                    f"{self.path}: column {name} holds {dtypes[name]}, expected {expected}"
                )
        if "pdg" not in there:
            self.conventions.pdg(self.layout)
        self.assumed = tuple(text for name, text in DEFAULTS.items() if name not in there)
        others = sorted(dtypes.keys() - self._scales.keys() - {EVENT})
        self.left_out = (f"columns {', '.join(others)}",) if others else ()

    def _find_showers(self) -> NDArray[np.int64]:
        """First row of each shower of a table with a row for each point, and the end."""
        rows = self._inventory().rows
        event = self._read([EVENT], 0, rows)[EVENT]
        starts = np.flatnonzero(np.diff(event, prepend=event[0] - 1))
        if len(np.unique(event[starts])) != len(starts):
            raise ValueError(
                f"{self.path}: rows of one {EVENT} do not follow one another: sort them"
            )
        return np.append(starts, rows)

    def _rows(self, first: int, last: int) -> Showers:
        begin, end = int(self._starts[first]), int(self._starts[last])
        columns = self._read(list(self._scales), begin, end)
        counts = np.diff(self._starts[first : last + 1])
        if not self._flat:
            lists = {name: c for name, c in columns.items() if isinstance(c, Lists)}
            counts = equal_counts(lists)
        values = {name: _values(columns[name]) * _scale(s) for name, s in self._scales.items()}
        ptr = ptr_from_counts(torch.from_numpy(counts))
        points = torch.zeros((int(ptr[-1]), 4))
        for number, name in ((X, "x"), (Y, "y"), (ENERGY, "energy"), (TIME, "time")):
            if name in values:
                points[:, number] = torch.from_numpy(values[name].astype(np.float32))
        if self._own:
            layer = torch.from_numpy(values["layer"].astype(np.int64))
        else:
            layer = self._layer(values, index_from_ptr(ptr))
        return Showers(
            points=points,
            layer=layer,
            ptr=ptr,
            incident=self._incident(columns, first, last),
        )

    def _layer(self, values: Mapping[str, Any], shower: Tensor) -> Tensor:
        depth = torch.from_numpy(values[self._depth].astype(np.float64))
        if self._depth == "z":
            depth /= units.LENGTHS[self.conventions.length_unit]
        return self.conventions.layer_numbers(depth, shower)

    def _incident(self, columns: Mapping[str, Any], first: int, last: int) -> Incident:
        at = self._starts[first:last] - self._starts[first]

        def column(name: str, default: float) -> Tensor:
            if name not in self._scales:
                return torch.full((last - first,), default)
            values = columns[name][at] * _scale(self._scales[name])
            return torch.from_numpy(values.astype(np.float32))

        pdg = torch.full((last - first,), 0)
        if "pdg" in self._scales:
            pdg = torch.from_numpy(columns["pdg"][at].astype(np.int64))
        else:
            pdg += self.conventions.pdg(self.layout)
        return Incident(
            energy=column("incident_energy", 0.0),
            direction=torch.stack([column(n, float(n == DIRECTION[2])) for n in DIRECTION], 1),
            position=torch.stack([column(n, 0.0) for n in POSITION], 1),
            pdg=pdg,
        )


def _scale(scale: float) -> float | int:
    """An integer 1 keeps the type of whole numbers."""
    return 1 if scale == 1 else scale


def _values(column: Any) -> NDArray[Any]:
    return column.values if isinstance(column, Lists) else column
