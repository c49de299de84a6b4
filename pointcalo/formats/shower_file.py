"""What every file of showers offers to read, whatever its layout."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.formats.hdf5 import open_hdf5
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerError, Showers, ptr_from_counts

# Showers between two wanted ones that are read and thrown away rather than sought over.
READ_OVER = 64
SCANNED = 500  # showers in memory while a file is looked through


class ShowerFile(ABC):
    """A file of showers, checked when it is opened.

    The file itself is opened anew for each read: an object can be copied to other processes.

    Args:
        path: file.
        geometry: that the showers were made in, where the user says so.

    Attributes:
        layout: name of the layout.
        points: what a row is: cells (one row a cell, at its centre) or deposits.
        source: who made the showers, in words.
        geometry_name: geometry that the showers were made in; empty where it is not known.
        geometry_hash: its hash; empty where it is not known.
        together: showers that are stored in one piece, so that one costs as much as all of them.
        attributes: more of what the file says of itself, by name.
        extra_units: units of the extra columns of its incident particles, by name; empty where
            they are not known.
        left_out: what the file holds and showers have no place for, one phrase each.
        assumed: what the file lacks and is taken for granted, one phrase each.
    """

    layout: ClassVar[str]
    points: str = "cells"
    source: str = ""
    geometry_name: str = ""
    geometry_hash: str = ""
    together: int = 1
    attributes: Mapping[str, Any] = MappingProxyType({})
    extra_units: Mapping[str, str] = MappingProxyType({})
    left_out: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def __init__(self, path: Path, geometry: Geometry | None = None) -> None:
        self.path = path
        if geometry is not None:
            self.geometry_name, self.geometry_hash = geometry.name, geometry.hash

    @abstractmethod
    def __len__(self) -> int:
        """Number of showers."""

    @abstractmethod
    def incident(self) -> Incident:
        """The incident particles of all showers."""

    @abstractmethod
    def _rows(self, first: int, last: int) -> Showers:
        """Showers first to last - 1; a ShowerError counts from first."""

    @cached_property
    def offset(self) -> Tensor:
        """Shower s has the points offset[s]:offset[s+1], [S+1] int64: the file is looked through.

        Raises:
            ValueError: a shower that cannot be read, with its number.
        """
        counts = [showers.counts for showers in self.iterate(SCANNED)]
        return ptr_from_counts(torch.cat(counts))

    def check_geometry(self, geometry: Geometry) -> None:
        """Raise ValueError where the showers were made in another geometry."""
        if not self.geometry_name or self.geometry_hash == geometry.hash:
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

    def read(self, showers: slice | Tensor | NDArray[np.int64] | None = None) -> Showers:
        """Read some showers, in the order named.

        Args:
            showers: slice, or numbers of showers [K] int64; None for all.

        Returns:
            showers on the CPU, with cells where the layout names them.

        Raises:
            ValueError: NaN or negative energies and the like, with file and shower.
            IndexError: a shower that the file has not.
        """
        numbers = self._numbers(showers)
        if len(numbers) == 0:
            raise ValueError(f"{self.path}: no showers asked for")
        wanted, order = torch.unique(numbers, return_inverse=True)
        parts = [self._run(run) for run in _runs(wanted)]
        read = parts[0] if len(parts) == 1 else Showers.cat(parts)
        return read if torch.equal(wanted, numbers) else read[order]

    def iterate(self, showers: int = 1000) -> Iterator[Showers]:
        """Read the file from front to end in batches of that many showers."""
        for first in range(0, len(self), showers):
            yield self.read(slice(first, first + showers))

    def _numbers(self, showers: slice | Tensor | NDArray[np.int64] | None) -> Tensor:
        if showers is None or isinstance(showers, slice):
            return torch.from_numpy(np.arange(len(self))[showers or slice(None)].copy())
        return torch.arange(len(self))[torch.as_tensor(showers)]

    def _run(self, wanted: Tensor) -> Showers:
        """Read showers in rising order as one piece of the file, then pick."""
        first, last = int(wanted[0]), int(wanted[-1]) + 1
        try:
            read = self._rows(first, last)
        except ShowerError as error:
            number = first + error.shower
            raise ValueError(f"{self.path}: shower {number}: {error.fault}") from None
        return read if len(wanted) == last - first else read[wanted - first]


class HDF5ShowerFile(ShowerFile):
    """An HDF5 file of showers; a layout sets `_num_showers` and reads incident particles."""

    _num_showers: int

    def __len__(self) -> int:
        return self._num_showers

    def incident(self) -> Incident:
        """The incident particles of all showers."""
        with open_hdf5(self.path) as file:
            try:
                return self._incident(file, slice(0, len(self)))
            except ShowerError as error:
                raise ValueError(f"{self.path}: {error}") from None

    @abstractmethod
    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        """Incident particles of some showers."""


def _runs(wanted: Tensor) -> list[Tensor]:
    """Cut rising numbers where a gap is too long to be read over."""
    cuts = (wanted.diff() > READ_OVER).nonzero()[:, 0] + 1
    return list(torch.tensor_split(wanted, cuts))
