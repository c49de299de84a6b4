"""Writing files of the native layout, piece by piece."""

from collections import ChainMap
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pointcalo.atomic import written_beside
from pointcalo.formats.conventions import ROWS
from pointcalo.formats.native.layout import (
    INCIDENT,
    INCIDENT_COLUMNS,
    LAYOUT,
    OFFSET,
    POINT_COLUMNS,
    VERSION,
    Column,
)
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.showers import ENERGY, TIME, Showers, X, Y

CHUNK_ROWS = 16384
COMPRESSIONS = ("gzip", "lzf")


class NativeWriter:
    """A file of the native layout that grows by batches of showers, in bounded memory.

    A context manager: the file appears under its name when the block ends without an error, and
    not at all otherwise.

    Args:
        path: file to be made; an existing one is replaced at the end.
        geometry_name: geometry that the showers were made in.
        geometry_hash: its hash; empty where it is not known.
        source: who made the showers, in words.
        points: what a row is: cells (one row a cell) or deposits.
        attributes: more attributes of the file, taken as they are when the block ends.
        extra_units: units of extra columns of incident particles, by name, where they are known.
        compression: gzip, or lzf (quicker, larger).

    Raises:
        ValueError: an unknown kind of points or compression, or no showers at the end.
        OSError: no such folder, no permission, disk full.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        geometry_name: str,
        geometry_hash: str,
        source: str,
        points: str = "cells",
        attributes: Mapping[str, Any] | None = None,
        extra_units: Mapping[str, str] | None = None,
        compression: str = "gzip",
    ) -> None:
        if points not in ROWS:
            raise ValueError(f"points: got {points!r}, expected cells or deposits")
        if compression not in COMPRESSIONS:
            raise ValueError(f"compression: got {compression!r}, expected gzip or lzf")
        self.path = Path(path)
        self.compression = compression
        self.num_showers = 0
        self.num_points = 0
        self.extra_units = dict(extra_units or {})
        self._extra: tuple[str, ...] = ()
        own = {
            "layout": LAYOUT,
            "layout_version": VERSION,
            "geometry": geometry_name,
            "geometry_hash": geometry_hash,
            "points": points,
            "source": source,
        }
        self.attributes = ChainMap(own, attributes or {})

    def __enter__(self) -> "NativeWriter":
        with ExitStack() as stack:
            beside = stack.enter_context(written_beside(self.path))
            self._disk = stack.enter_context(SteadyFile(beside, self.path))
            self._file = h5py.File(self._disk, "w")
            stack.callback(self._finish)
            self._create()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if self.num_showers == 0:
                raise ValueError(f"{self.path}: no showers to write")
            self._file.attrs.update(self.attributes)  # some are known only now

    def _finish(self) -> None:
        self._file.close()
        self._disk.check()

    def append(self, showers: Showers) -> None:
        """Add showers at the end of the file.

        Raises:
            ValueError: other extra columns of incident particles than in the first showers.
            OSError: the disk is full or the file cannot grow.
        """
        if self.num_showers == 0:
            self._create_extra(showers.incident.extra)
        points = showers.points.detach().cpu().numpy()
        columns = {
            "points/x": points[:, X],
            "points/y": points[:, Y],
            "points/energy": points[:, ENERGY],
            "points/time": points[:, TIME],
            "points/layer": showers.layer.cpu().numpy(),
            OFFSET: showers.ptr[1:].cpu().numpy() + self.num_points,
        }
        for name in INCIDENT_COLUMNS:
            field = getattr(showers.incident, name.removeprefix(INCIDENT))
            columns[name] = field.detach().cpu().numpy()
        for name, values in showers.incident.only(self._extra).extra.items():
            columns[INCIDENT + name] = values.detach().cpu().numpy()
        for name, values in columns.items():
            self._extend(name, values)
        self._disk.check()
        self.num_showers += len(showers)
        self.num_points += showers.num_points

    def _create(self) -> None:
        self._file.attrs.update(self.attributes)
        for name, column in (POINT_COLUMNS | INCIDENT_COLUMNS).items():
            self._create_column(name, column).attrs["unit"] = column.unit
        self._create_column(OFFSET, Column("i8", "1"))
        self._extend(OFFSET, np.zeros(1, dtype=np.int64))

    def _create_extra(self, names: Iterable[str]) -> None:
        for name in names:
            if "/" in name or not name:
                raise ValueError(f"incident column {name!r}: expected a name without a slash")
            data = self._create_column(INCIDENT + name, Column("f4", ""))
            if unit := self.extra_units.get(name):
                data.attrs["unit"] = unit
        self._extra = tuple(names)

    def _create_column(self, name: str, column: Column) -> h5py.Dataset:
        return self._file.create_dataset(
            name,
            shape=(0, *column.row),
            maxshape=(None, *column.row),
            chunks=(CHUNK_ROWS, *column.row),
            dtype=column.dtype,
            compression=self.compression,
            shuffle=True,
        )

    def _extend(self, name: str, values: NDArray[Any]) -> None:
        data = self._file[name]
        size = len(data)
        data.resize(size + len(values), axis=0)
        data[size:] = values


def write(path: str | Path, showers: Showers | Iterable[Showers], **options: Any) -> int:
    """Write showers, or a stream of batches of them, to a file of the native layout.

    Args:
        path: file to be made.
        showers: one batch, or batches that are made and written one after another.
        options: those of `NativeWriter`.

    Returns:
        number of showers written.

    Raises:
        ValueError, OSError: as `NativeWriter`; nothing is left behind.
    """
    with NativeWriter(path, **options) as file:
        for batch in [showers] if isinstance(showers, Showers) else showers:
            file.append(batch)
    return file.num_showers
