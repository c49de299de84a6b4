"""Reading files of the native layout."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import torch

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import left_over, open_hdf5, read_column
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.native.layout import (
    INCIDENT,
    INCIDENT_COLUMNS,
    LAYOUT,
    OFFSET,
    POINT_COLUMNS,
    check_columns,
    extra_columns,
    read_attributes,
)
from pointcalo.formats.native.writing import write
from pointcalo.formats.shower_file import HDF5ShowerFile
from pointcalo.showers import Incident, Showers


class NativeFile(HDF5ShowerFile):
    """A file of showers in the native layout, checked once when it is opened.

    Args:
        path: file.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: foreign layout, newer version, missing data set, wrong unit, no showers.
    """

    layout: ClassVar[str] = LAYOUT

    def __init__(self, path: str | Path) -> None:
        super().__init__(Path(path))
        with open_hdf5(self.path) as file:
            self.attributes = read_attributes(file, self.path)
            check_columns(file, self.path)
            self.offset = torch.from_numpy(file[OFFSET][:].astype(np.int64))
            self.extra_units = extra_columns(file, self.path)
            extra = [INCIDENT + name for name in self.extra_units]
            self.left_out = left_over(file, (OFFSET, *POINT_COLUMNS, *INCIDENT_COLUMNS, *extra))
        if len(self.offset) < 2:
            raise ValueError(f"{self.path}: holds no showers")
        if bool((self.offset.diff() < 0).any()) or int(self.offset[0]) != 0:
            raise ValueError(f"{self.path}: data set {OFFSET} must start at 0 and never decrease")
        self._num_showers = len(self.offset) - 1
        self.points, self.source = self.attributes["points"], self.attributes["source"]
        self.geometry_name = self.attributes["geometry"]
        self.geometry_hash = self.attributes["geometry_hash"]

    def _rows(self, first: int, last: int) -> Showers:
        begin, end = int(self.offset[first]), int(self.offset[last])
        columns = np.empty((end - begin, 4), dtype=np.float32)
        with open_hdf5(self.path) as file:
            for number, name in enumerate(("x", "y", "energy", "time")):
                columns[:, number] = file[f"points/{name}"][begin:end]
            layer = file["points/layer"][begin:end].astype(np.int64)
            return Showers(
                points=torch.from_numpy(columns),
                layer=torch.from_numpy(layer),
                ptr=self.offset[first : last + 1] - begin,
                incident=self._incident(file, slice(first, last)),
            )

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy, direction, position, pdg = (
            torch.from_numpy(file[name][rows]) for name in INCIDENT_COLUMNS
        )
        extra = {name: read_column(file, INCIDENT + name, rows) for name in self.extra_units}
        return Incident(energy.float(), direction.float(), position.float(), pdg.long(), extra)


class Native(Layout):
    """The layout of this package."""

    name = LAYOUT
    holds_attributes = True
    holds_columns = True

    def claims(self, contents: Contents) -> bool:
        """The attribute `layout` says so."""
        return contents.attributes.get("layout") == LAYOUT

    def open(self, path: Path, conventions: Conventions) -> NativeFile:
        """The file says everything of itself."""
        return NativeFile(path)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds all there is."""
        geometry = conventions.geometry
        name, number = outgoing.geometry_name, outgoing.geometry_hash
        if geometry is not None:
            name, number = geometry.name, geometry.hash
        if not name:
            raise ValueError("geometry: the input does not name its geometry: pass geometry=NAME")
        write(
            path,
            batches,
            geometry_name=name,
            geometry_hash=number,
            source=outgoing.source,
            points=outgoing.points,
            attributes=outgoing.attributes,
            extra_units=outgoing.extra_units,
            compression=outgoing.compression,
        )
        return []
