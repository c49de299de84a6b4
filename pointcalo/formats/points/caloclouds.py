"""Files of CaloClouds: points of a shower in a data set of a fixed length.

`events` [N, 4, 6000] or [N, 6000, 4]: x (mm), layer, z (mm), energy (GeV); rows without energy, at
the front, fill it up. `energy` [N, 1] is the incident one in GeV, `p_norm_local` [3, N], where it
is there, the direction in the local frame of CaloClouds 3, whose x, y, z are z, x, layer of the
points. Local x and y here are x and z of the points. No entry is recorded: the user says it, or
it is (0, 0). Sources: E. Buhmann et al., 2023, arXiv:2305.04847; 2024, arXiv:2309.05704; T. Buss
et al., 2025, arXiv:2511.01460; units and padding: github.com/FLC-QU-hep/CaloClouds-2
(utils/dataset.py), axes: CaloClouds-3 ("hdf5:xyz==local:yzx").
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import torch

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions, along_axis
from pointcalo.formats.hdf5 import (
    check_claim,
    check_column,
    check_rows,
    left_over,
    open_hdf5,
    read_column,
    single_precision,
    source_of,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.shower_file import HDF5ShowerFile
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, padded
from pointcalo.showers import ENERGY as POINT_ENERGY
from pointcalo.showers import Incident, Showers, X, Y, ptr_from_counts
from pointcalo.showers.particles import pdg_number
from pointcalo.units import GeV

NAME = "caloclouds"
EVENTS, ENERGY, DIRECTION = "events", "energy", "p_norm_local"
MOST_POINTS = 6000
# Columns of the points; and which component of CaloClouds' direction is along local x, y, z.
COLUMN_X, COLUMN_LAYER, COLUMN_Y, COLUMN_ENERGY = range(4)
AXES = (1, 0, 2)


class CaloCloudsFile(HDF5ShowerFile):
    """A file of CaloClouds to read.

    Args:
        path: file.
        conventions: particle, and what the depths and rows are.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = NAME

    def __init__(self, path: Path, conventions: Conventions) -> None:
        super().__init__(path, conventions.geometry)
        with open_hdf5(path) as file:
            self._num_showers = check_rows(file, path, (EVENTS, ENERGY))
            check_column(file, path, ENERGY)
            self.source = source_of(file, NAME)
            self.columns_first = columns_first(file[EVENTS], path)
            self.together = (file[EVENTS].chunks or (1,))[0]
            self.left_out = left_over(file, (EVENTS, ENERGY, DIRECTION))
            self.has_direction = DIRECTION in file
            if self.has_direction:
                _check_direction(file[DIRECTION], path, self._num_showers)
        self.conventions, self.pdg = conventions, conventions.pdg(NAME, "photon")
        self.points = conventions.rows
        if not any(conventions.entry_mm):
            self.assumed = ("particles enter at (0, 0)",)
        if conventions.depth == "spread":
            self.left_out += ("places of the points within the depth of their layer",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy = read_column(file, ENERGY, rows).reshape(-1) * GeV
        incident = along_axis(energy, self.pdg)
        direction = incident.direction
        if self.has_direction:
            direction = torch.from_numpy(single_precision(file[DIRECTION][:, rows]))[list(AXES)].T
        entry = torch.tensor([*self.conventions.entry_mm, 0.0]).repeat(len(energy), 1)
        return replace(incident, direction=direction, position=entry)

    def _rows(self, first: int, last: int) -> Showers:
        with open_hdf5(self.path) as file:
            table = single_precision(file[EVENTS][first:last])
            incident = self._incident(file, slice(first, last))
        if self.columns_first:
            table = np.moveaxis(table, 1, 2)
        held = table[:, :, COLUMN_ENERGY] != 0
        shower = torch.from_numpy(held.nonzero()[0])
        rows = torch.from_numpy(np.ascontiguousarray(table[held]))
        points = torch.zeros((len(rows), 4))
        points[:, X], points[:, Y] = rows[:, COLUMN_X], rows[:, COLUMN_Y]
        points[:, POINT_ENERGY] = rows[:, COLUMN_ENERGY] * GeV
        return Showers(
            points=points,
            layer=self.conventions.layer_numbers(rows[:, COLUMN_LAYER], shower),
            ptr=ptr_from_counts(torch.from_numpy(held.sum(axis=1))),
            incident=incident,
        )


def columns_first(data: h5py.Dataset, path: Path) -> bool:
    """Whether the points are [N, 4, n], not [N, n, 4].

    Raises:
        ValueError: neither, or both.
    """
    fours = [size == 4 for size in data.shape[1:]]
    if len(fours) != 2 or sum(fours) != 1:
        raise ValueError(
            f"{path}: data set {data.name.lstrip('/')} has shape {data.shape}, expected (N, 4, "
            "points) or (N, points, 4)"
        )
    return fours[0]


def _check_direction(data: h5py.Dataset, path: Path, num_showers: int) -> None:
    shape = getattr(data, "shape", None)
    if shape != (3, num_showers) or data.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: data set {DIRECTION} has shape {shape}, expected numbers (3, {num_showers})"
        )
    check_claim(data, path)


class CaloClouds(Layout):
    """The layout of CaloClouds."""

    name = NAME

    def claims(self, contents: Contents) -> bool:
        """It has events of four columns."""
        shape = contents.shapes.get(EVENTS, ())
        return len(shape) == 3 and 4 in shape[1:] and ENERGY in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> CaloCloudsFile:
        """See `CaloCloudsFile`."""
        return CaloCloudsFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds points with energy (without times), incident energies and directions."""
        losses = Losses(directions=True, usual=pdg_number("photon"))

        def rows() -> Iterator[Rows]:
            for batch in batches:
                showers = batch.to("cpu")
                losses.note(showers)
                showers = showers.keep(showers.energy > 0)
                depth = conventions.depths(showers.layer)
                columns = torch.stack(
                    [showers.xy[:, X], depth, showers.xy[:, Y], showers.energy / GeV], dim=1
                )
                table = padded(showers, columns, MOST_POINTS, at_front=True, path=path)
                yield {
                    EVENTS: np.moveaxis(table, 2, 1),
                    ENERGY: (showers.incident.energy / GeV).numpy(),
                    DIRECTION: showers.incident.direction[:, list(AXES)].double().numpy(),
                }

        shapes = {EVENTS: (4, MOST_POINTS), ENERGY: (1,), DIRECTION: (3,)}
        Columns(path, outgoing, shapes, dtypes={DIRECTION: "f8"}, showers_last={DIRECTION}).write(
            rows()
        )
        return losses.phrases()
