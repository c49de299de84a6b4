"""Reading files of the native layout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.formats.layout import (
    INCIDENT_COLUMNS,
    OFFSET,
    check_columns,
    damage_named,
    open_hdf5,
    read_attributes,
)
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerError, Showers, ptr_from_counts, rows_of

# Showers between two wanted ones that are read and thrown away rather than sought over.
READ_OVER = 64


class NativeFile:
    """A file of showers in the native layout, checked once when it is opened.

    The file is opened anew for each read: an object can be copied to other processes.

    Args:
        path: file.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: foreign layout, newer version, missing data set, wrong unit, no showers.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with open_hdf5(self.path) as file, damage_named(self.path):
            self.attributes: dict[str, Any] = read_attributes(file, self.path)
            check_columns(file, self.path)
            self.offset = torch.from_numpy(file[OFFSET][:].astype(np.int64))
        if len(self.offset) < 2:
            raise ValueError(f"{self.path}: holds no showers")
        if bool((self.offset.diff() < 0).any()) or int(self.offset[0]) != 0:
            raise ValueError(f"{self.path}: data set {OFFSET} must start at 0 and never decrease")

    @property
    def geometry_name(self) -> str:
        """Name of the geometry that the showers were made in."""
        return self.attributes["geometry"]

    @property
    def geometry_hash(self) -> str:
        """Hash of that geometry, empty where the file does not say."""
        return self.attributes["geometry_hash"]

    @property
    def points(self) -> str:
        """What a row is: cells (one row a cell) or deposits."""
        return self.attributes["points"]

    @property
    def max_points(self) -> int:
        """Number of points of the largest shower."""
        return int(self.offset.diff().max())

    def __len__(self) -> int:
        return len(self.offset) - 1

    def check_geometry(self, geometry: Geometry) -> None:
        """Raise ValueError where the showers were made in another geometry."""
        if self.geometry_hash == geometry.hash:
            return
        if self.geometry_name != geometry.name:
            raise ValueError(
                f"{self.path}: made in geometry {self.geometry_name!r}, not {geometry.name!r}: "
                f"pass geometry={self.geometry_name}"
            )
        if self.geometry_hash:
            raise ValueError(
                f"{self.path}: made in another {geometry.name!r} (hash {self.geometry_hash}, not "
                f"{geometry.hash}): pass geometry=PATH of the geometry file it was made with"
            )

    def incident(self) -> Incident:
        """The incident particles of all showers."""
        with open_hdf5(self.path) as file, damage_named(self.path):
            try:
                return self._incident(file, slice(None), torch.arange(len(self)))
            except ShowerError as error:
                raise ValueError(f"{self.path}: {error}") from None

    def read(self, showers: slice | Tensor | NDArray[np.int64] | None = None) -> Showers:
        """Read some showers, in the order named.

        Args:
            showers: slice, or numbers of showers [K] int64; None for all.

        Returns:
            showers without cells, on the CPU.

        Raises:
            ValueError: NaN or negative energies and the like, with file and shower.
            IndexError: a shower that the file has not.
        """
        numbers = self._numbers(showers)
        if len(numbers) == 0:
            raise ValueError(f"{self.path}: no showers asked for")
        wanted, order = torch.unique(numbers, return_inverse=True)
        with open_hdf5(self.path) as file, damage_named(self.path):
            parts = [self._read_run(file, run) for run in _runs(wanted)]
        read = parts[0] if len(parts) == 1 else Showers.cat(parts)
        if torch.equal(wanted, numbers):
            return read
        return read[order]

    def iterate(self, showers: int = 1000) -> Iterator[Showers]:
        """Read the file from front to end in batches of that many showers."""
        for first in range(0, len(self), showers):
            yield self.read(slice(first, first + showers))

    def _numbers(self, showers: slice | Tensor | NDArray[np.int64] | None) -> Tensor:
        if showers is None or isinstance(showers, slice):
            return torch.from_numpy(np.arange(len(self))[showers or slice(None)].copy())
        return torch.arange(len(self))[torch.as_tensor(showers)]

    def _read_run(self, file: h5py.File, wanted: Tensor) -> Showers:
        """Read showers in rising order as one piece of the file, then pick."""
        first, last = int(wanted[0]), int(wanted[-1]) + 1
        begin, end = int(self.offset[first]), int(self.offset[last])
        columns = np.empty((end - begin, 4), dtype=np.float32)
        for number, name in enumerate(("x", "y", "energy", "time")):
            columns[:, number] = file[f"points/{name}"][begin:end]
        points = torch.from_numpy(columns)
        layer = torch.from_numpy(file["points/layer"][begin:end].astype(np.int64))
        ptr = self.offset[first : last + 1] - begin
        chosen = wanted - first
        if len(chosen) < last - first:
            rows = rows_of(ptr, chosen)
            points, layer, ptr = points[rows], layer[rows], ptr_from_counts(ptr.diff()[chosen])
        try:
            incident = self._incident(file, slice(first, last), chosen)
            return Showers(points=points, layer=layer, ptr=ptr, incident=incident)
        except ShowerError as error:
            number = int(wanted[error.shower])
            raise ValueError(f"{self.path}: shower {number}: {error.fault}") from None

    def _incident(self, file: h5py.File, rows: slice, chosen: Tensor) -> Incident:
        energy, direction, position, pdg = (
            torch.from_numpy(file[name][rows])[chosen] for name in INCIDENT_COLUMNS
        )
        return Incident(energy.float(), direction.float(), position.float(), pdg.long())


def _runs(wanted: Tensor) -> list[Tensor]:
    """Cut rising numbers where a gap is too long to be read over."""
    cuts = (wanted.diff() > READ_OVER).nonzero()[:, 0] + 1
    return list(torch.tensor_split(wanted, cuts))
