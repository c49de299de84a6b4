"""Layouts that hold a number for every voxel: from voxels to the cells of a geometry and back.

A voxel *is* a cell, so that nothing is merged or moved: energies are kept bit for bit as far as
single precision goes.
"""

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.formats.hdf5 import check_rows, left_over, open_hdf5, single_precision, source_of
from pointcalo.formats.shower_file import HDF5ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.showers import (
    ENERGY,
    Incident,
    ShowerError,
    Showers,
    index_from_ptr,
    ptr_from_counts,
)

PIECE = 1 << 23  # voxels in memory at a time
LARGEST_PIECE = 1 << 25  # the same, where a file is compressed in larger pieces


class Grid:
    """The voxels of a dense layout, each a cell of a geometry.

    Args:
        geometry: the detector.
        cell: cell of each voxel in the layout's flat order, [V] int64; -1 for a voxel that is
            none (padding).

    Raises:
        ValueError: two voxels that are the same cell.
    """

    def __init__(self, geometry: Geometry, cell: Tensor) -> None:
        self.geometry, self.cell = geometry, cell
        self._voxel = torch.argsort(cell)  # padding first, then by cell
        self._cell = cell[self._voxel]
        self._num_padding = int((cell < 0).sum())
        known = self._cell[self._num_padding :]
        if bool((known.diff() == 0).any()):
            raise ValueError(
                f"geometry {geometry.name!r}: two voxels lie in the same cell: pass the geometry "
                "of the file"
            )
        self.voxel = torch.full((geometry.num_cells,), -1)
        self.voxel[known] = self._voxel[self._num_padding :]
        self._centre = geometry.position(self._cell.clamp(min=0))[:, :ENERGY]
        self._layer = geometry.layer_of(self._cell.clamp(min=0))

    def showers(self, values: NDArray[Any], incident: Incident) -> Showers:
        """Showers of the voxels with energy, sorted by cell.

        Args:
            values: [S, V], MeV.
            incident: S particles.

        Raises:
            ShowerError: energy in a voxel that is no cell, negative or not finite.
        """
        values = single_precision(values)
        # Sorting the columns once is much quicker than the points of every shower.
        values = np.take(values, self._voxel.numpy(), axis=1)
        lit = values != 0
        counts = torch.from_numpy(np.count_nonzero(lit, axis=1))
        slot = np.flatnonzero(lit)
        energy = torch.from_numpy(values.reshape(-1)[slot])
        ptr = ptr_from_counts(counts)
        column = torch.from_numpy(slot) - index_from_ptr(ptr) * len(self.cell)
        if self._num_padding and bool((column < self._num_padding).any()):
            self._refuse(int((column < self._num_padding).nonzero()[0]), column, energy, ptr)
        points = torch.zeros((len(column), 4))
        points[:, :ENERGY] = self._centre[column]
        points[:, ENERGY] = energy
        return Showers(
            points=points,
            layer=self._layer[column],
            ptr=ptr,
            incident=incident,
            cell=self._cell[column],
        )

    def _refuse(self, point: int, column: Tensor, energy: Tensor, ptr: Tensor) -> NoReturn:
        raise ShowerError(
            int(torch.searchsorted(ptr, point, right=True)) - 1,
            f"energy {float(energy[point]):g} in voxel {int(self._voxel[column[point]])}, which is "
            f"no cell of geometry {self.geometry.name!r}: pass the geometry of the file",
        )

    def voxels(self, showers: Showers) -> Tensor:
        """Voxel of each point, [P] int64; -1 outside every voxel.

        Raises:
            ValueError: a layer that the geometry has not.
        """
        cell = showers.cell
        if cell is None:
            showers.check_layers(self.geometry.num_layers)
            cell = self.geometry.cell_at(showers.layer, showers.xy)
        return torch.where(cell >= 0, self.voxel[cell.clamp(min=0)], -1)

    def values(self, showers: Showers) -> tuple[NDArray[np.float32], float]:
        """Voxels [S, V] of showers in MeV, and the energy (MeV) outside every voxel.

        Points of a shower in one voxel are added up.
        """
        voxel = self.voxels(showers)
        inside = voxel >= 0
        slot = showers.index[inside] * len(self.cell) + voxel[inside]
        slot, number = torch.unique(slot, return_inverse=True)
        energy = torch.zeros(len(slot), dtype=torch.float64)
        energy.index_add_(0, number, showers.energy[inside].double())
        flat = torch.zeros(len(showers) * len(self.cell))
        flat[slot] = energy.float()
        lost = float(showers.energy[~inside].sum(dtype=torch.float64))
        return flat.reshape(len(showers), -1).numpy(), lost


class DenseFile(HDF5ShowerFile):
    """An HDF5 file with data sets of voxels.

    A layout names its data sets and reads its incident particles.

    Args:
        path: file.
        grid: which cell each voxel is.
        voxels: data sets that make up a shower, in the order of the grid.
        factor: MeV in a unit of the file.
        columns: data sets beside the voxels that are read, or spoken of, by the layout.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    def __init__(
        self,
        path: Path,
        grid: Grid,
        voxels: tuple[str, ...],
        factor: float,
        columns: tuple[str, ...],
    ) -> None:
        super().__init__(path, grid.geometry)
        self.grid, self.voxels, self.factor = grid, voxels, factor
        with open_hdf5(path) as file:
            self.source = source_of(file, self.layout)
            self._num_showers = check_rows(file, path, voxels)
            size = sum(math.prod(file[name].shape[1:]) for name in voxels)
            rows = (file[voxels[0]].chunks or (1,))[0]
            self.left_out = left_over(file, (*voxels, *columns))
        self.together = rows if rows * size <= LARGEST_PIECE else 1
        if size != len(grid.cell):
            raise ValueError(
                f"{path}: {size} voxels a shower, geometry {grid.geometry.name!r} has "
                f"{len(grid.cell)}: pass the geometry of the file"
            )

    @cached_property
    def offset(self) -> Tensor:
        """Shower s has the points offset[s]:offset[s+1], [S+1] int64: voxels are counted."""
        counts = [np.count_nonzero(values, axis=1) for _, values in self._pieces(0, len(self))]
        return ptr_from_counts(torch.from_numpy(np.concatenate(counts)))

    def _rows(self, first: int, last: int) -> Showers:
        with open_hdf5(self.path) as file:
            incident = self._incident(file, slice(first, last))
        parts = []
        for start, values in self._pieces(first, last):
            done = start - first
            try:
                parts.append(self.grid.showers(values, incident[done : done + len(values)]))
            except ShowerError as error:
                raise ShowerError(done + error.shower, error.fault) from None
        return parts[0] if len(parts) == 1 else Showers.cat(parts)

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First shower and voxels [s, V] in MeV of pieces of a bounded size."""
        step = max(1, PIECE // len(self.grid.cell) // self.together) * self.together
        cuts = [first, *range(first // step * step + step, last, step), last]
        with open_hdf5(self.path) as file:
            for start, stop in pairwise(cuts):
                parts = [file[name][start:stop].reshape(stop - start, -1) for name in self.voxels]
                values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
                yield start, single_precision(values, self.factor)
