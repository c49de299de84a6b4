"""CaloClouds' files of the Getting High showers: the lit cells as points, counted in cells.

`showers` [N, 1700, 4]: x, layer, z as numbers of cells from 0 to 29, energy; rows without energy,
at the end, fill it up. `genE` [N, 1] is the incident energy. No units are recorded. Cells are those
of the window of Getting High. Source: github.com/FLC-QU-hep/CaloClouds-2 (utils/dataset.py,
PointCloudDatasetGH).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import torch
from torch import Tensor

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import WHOLE_TOLERANCE, Conventions, along_axis
from pointcalo.formats.hdf5 import (
    check_column,
    check_rows,
    faults_named,
    left_over,
    open_hdf5,
    read_column,
    single_precision,
    source_of,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.shower_file import HDF5ShowerFile
from pointcalo.formats.voxels.dense import Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, padded
from pointcalo.formats.voxels.getting_high import ORIGIN, PHOTON_SHAPE, PHOTONS, group_cells
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerError, Showers
from pointcalo.showers.particles import pdg_number

NAME = "caloclouds_grid"
POINTS, ENERGY = "showers", "genE"
MOST_POINTS = 1700
# Columns of the points: the places along the axes layer, x, y of the voxels, and the energy.
PLACES, COLUMN_ENERGY = (1, 0, 2), 3


def voxel_grid(geometry: Geometry) -> Grid:
    """The voxels of a shower."""
    return Grid(geometry, group_cells(geometry, PHOTONS, PHOTON_SHAPE).reshape(-1))


class CaloCloudsGridFile(HDF5ShowerFile):
    """A file of CaloClouds' Getting High showers to read.

    Args:
        path: file.
        conventions: units, and geometry or particle where they are not those of Getting High.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = NAME
    assumed = (ORIGIN,)

    def __init__(self, path: Path, conventions: Conventions) -> None:
        geometry = conventions.geometry or Geometry.load("getting_high")
        super().__init__(path, geometry)
        with open_hdf5(path) as file:
            self._num_showers = check_rows(file, path, (POINTS, ENERGY))
            check_column(file, path, ENERGY)
            self.source = source_of(file, NAME)
            self.left_out = left_over(file, (POINTS, ENERGY))
            shape = file[POINTS].shape
            self.together = (file[POINTS].chunks or (1,))[0]
        if len(shape) != 3 or shape[2] != 4:
            raise ValueError(
                f"{path}: data set {POINTS} has shape {shape}, expected (N, points, 4)"
            )
        with faults_named(path):
            self.grid = voxel_grid(geometry)
        self.conventions, self.pdg = conventions, conventions.pdg(NAME, "photon")
        self.factor = conventions.factor("energy_unit", NAME)
        self.incident_factor = conventions.factor("incident_energy_unit", NAME)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy = read_column(file, ENERGY, rows).reshape(-1)
        return along_axis(energy * self.incident_factor, self.pdg)

    def _rows(self, first: int, last: int) -> Showers:
        with open_hdf5(self.path) as file:
            table = single_precision(file[POINTS][first:last])
            incident = self._incident(file, slice(first, last))
        held = table[:, :, COLUMN_ENERGY] != 0
        shower = torch.from_numpy(held.nonzero()[0])
        rows = torch.from_numpy(table[held])
        energy = rows[:, COLUMN_ENERGY]
        if bool((wrong := ~(energy > 0)).any()):
            point = int(wrong.nonzero()[0, 0])
            raise ShowerError(int(shower[point]), f"energy {energy[point]:g}, expected 0 or more")
        values = np.zeros((len(table), len(self.grid.cell)))
        slot = shower * len(self.grid.cell) + self._voxels(rows, shower)
        np.add.at(values.reshape(-1), slot.numpy(), energy.double().numpy())
        return self.grid.showers(values * self.factor, incident)

    def _voxels(self, rows: Tensor, shower: Tensor) -> Tensor:
        voxel = torch.zeros(len(rows), dtype=torch.int64)
        spread = self.conventions.depth == "spread"
        for column, size in zip(PLACES, PHOTON_SHAPE, strict=True):
            given = rows[:, column]
            place = given.floor() if spread else given.round()
            right = (place >= 0) & (place < size)
            if not spread:
                right &= (given - place).abs() < WHOLE_TOLERANCE
            if not bool(right.all()):
                point = int((~right).nonzero()[0, 0])
                raise ShowerError(
                    int(shower[point]),
                    f"{given[point]:g} in column {column}, expected a cell from 0 to {size - 1}; "
                    "where cell k is spread over k to k + 1: pass depth=spread",
                )
            voxel = voxel * size + place.long()
        return voxel


def _columns(voxel: Tensor, energy: Tensor) -> Tensor:
    """Rows of points in voxels [P], [P, 4]."""
    columns = torch.zeros((len(voxel), 4))
    for column, size in zip(PLACES[::-1], PHOTON_SHAPE[::-1], strict=True):
        columns[:, column] = voxel % size
        voxel = voxel // size
    columns[:, COLUMN_ENERGY] = energy
    return columns


class CaloCloudsGrid(Layout):
    """The layout of CaloClouds' Getting High showers."""

    name = NAME

    def claims(self, contents: Contents) -> bool:
        """It has its two data sets."""
        return contents.has(**{POINTS: 3}) and ENERGY in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> CaloCloudsGridFile:
        """See `CaloCloudsGridFile`."""
        return CaloCloudsGridFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds cells and incident energies only."""
        grid = voxel_grid(conventions.need_geometry(NAME))
        factor = conventions.factor("energy_unit", NAME)
        incident_factor = conventions.factor("incident_energy_unit", NAME)
        losses = Losses(outgoing, usual=pdg_number("photon"))

        def rows() -> Iterator[Rows]:
            for batch in batches:
                values, outside = grid.values(batch)
                losses.note(batch, outside)
                cells = grid.showers(values, batch.incident)
                columns = _columns(grid.voxels(cells), cells.energy / factor)
                yield {
                    POINTS: padded(cells, columns, MOST_POINTS, at_front=False, path=path),
                    ENERGY: (batch.incident.energy / incident_factor).numpy(),
                }

        shapes = {POINTS: (MOST_POINTS, 4), ENERGY: (1,)}
        Columns(path, outgoing, shapes).write(rows())
        return losses.phrases()
