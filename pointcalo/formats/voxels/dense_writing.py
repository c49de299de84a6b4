"""Writing layouts that hold a number for every voxel, or points filled up to a fixed number."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.atomic import written_beside
from pointcalo.formats.hdf5 import SOURCE
from pointcalo.formats.layouts import Outgoing
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.formats.voxels.dense import Grid
from pointcalo.showers import TIME, Showers

CHUNK = 1 << 19  # numbers that are compressed together

Rows = Mapping[str, NDArray[Any]]
"""Rows of each data set by its name, [s, ...] each."""


class Columns:
    """Data sets of an HDF5 file that are filled batch by batch, complete or not at all.

    Args:
        path: file to be made.
        outgoing: how many showers there are, and who made them.
        shapes: of one row of each data set, by name.
        dtypes: of the data sets that are not single precision.
        showers_last: data sets whose last axis, not the first, is the shower.
    """

    def __init__(
        self,
        path: Path,
        outgoing: Outgoing,
        shapes: Mapping[str, tuple[int, ...]],
        dtypes: Mapping[str, str] | None = None,
        showers_last: Collection[str] = (),
    ) -> None:
        self.path, self.outgoing, self.shapes = path, outgoing, shapes
        self.dtypes, self.showers_last = dtypes or {}, showers_last

    def write(self, rows: Iterable[Rows]) -> None:
        """Write batches of rows, each an array [s, ...] by the name of its data set.

        Raises:
            ValueError: another number of showers than announced, or none.
            OSError: no such folder, no permission, disk full.
        """
        with written_beside(self.path) as beside, SteadyFile(beside, self.path) as disk:
            try:
                with h5py.File(disk, "w") as file:
                    done = self._fill(file, rows, disk)
            finally:
                disk.check()
            self.outgoing.check_number(done, self.path)

    def _fill(self, file: h5py.File, rows: Iterable[Rows], disk: SteadyFile) -> int:
        number = self.outgoing.num_showers
        file.attrs[SOURCE] = self.outgoing.source
        for name, shape in self.shapes.items():
            together = min(max(1, CHUNK // math.prod(shape)), max(number, 1))
            last = name in self.showers_last
            file.create_dataset(
                name,
                shape=(*shape, number) if last else (number, *shape),
                chunks=(*shape, together) if last else (together, *shape),
                dtype=self.dtypes.get(name, "f4"),
                compression="gzip",
                shuffle=True,
            )
        done = 0
        for batch in rows:
            size = len(next(iter(batch.values())))
            if done + size > number:
                return done + size
            for name, values in batch.items():
                values = values.reshape(size, *self.shapes[name])
                if name in self.showers_last:
                    file[name][..., done : done + size] = np.moveaxis(values, 0, -1)
                else:
                    file[name][done : done + size] = values
            disk.check()
            done += size
        return done


def padded(
    showers: Showers, columns: Tensor, most: int, *, at_front: bool, path: Path
) -> NDArray[np.float32]:
    """Rows of points of showers filled up with zeros to a fixed number.

    Args:
        showers: the showers.
        columns: rows of their points, [P, F].
        most: rows of a shower.
        at_front: whether the zeros stand before the points.
        path: file to be made, for the error.

    Returns:
        [S, most, F] float32.

    Raises:
        ValueError: a shower has more points.
    """
    largest = int(showers.counts.max()) if len(showers) else 0
    if largest > most:
        raise ValueError(
            f"{path}: a shower has {largest} points, the layout holds {most}: write another "
            "layout, or merge the points to cells (project=true)"
        )
    place = torch.arange(showers.num_points) - showers.ptr[showers.index]
    if at_front:
        place = place + most - showers.counts[showers.index]
    table = torch.zeros((len(showers), most, columns.shape[1]))
    table[showers.index, place] = columns
    return table.numpy()


class Losses:
    """What a layout cannot hold of the showers that are written to it.

    Args:
        outgoing: what is known of the showers.
        times: whether it holds the times of the points.
        directions: whether it holds the incident directions.
        positions: whether it holds the entry positions.
        particles: whether it holds the kind of incident particle.
        outside: whether it holds the energy outside every voxel.
        usual: PDG number of the particle that a reader takes; None: it asks.
    """

    def __init__(
        self,
        outgoing: Outgoing | None = None,
        *,
        times: bool = False,
        directions: bool = False,
        positions: bool = False,
        particles: bool = False,
        outside: bool = False,
        usual: int | None = None,
    ) -> None:
        self.usual, self.holds_outside = usual, outside
        self.held = {
            "places of the deposits within their cells": False,
            "times of the points": times,
            "incident directions": directions,
            "entry positions": positions,
            "kinds of incident particles": particles,
        }
        deposits = outgoing is not None and outgoing.points == "deposits"
        self.found = {"places of the deposits within their cells"} if deposits else set[str]()
        self.energy = self.outside = 0.0
        self._kinds: set[int] = set()

    def note(self, showers: Showers, outside: float = 0.0) -> None:
        """Take note of a batch, and of the energy (MeV) of it that lay outside every voxel."""
        incident = showers.incident
        self._kinds |= set(incident.pdg.unique().tolist())
        has = {
            "times of the points": bool((showers.points[:, TIME] != 0).any()),
            "incident directions": bool((incident.direction[:, 2] < 1 - 1e-6).any()),
            "entry positions": bool((incident.position != 0).any()),
            "kinds of incident particles": len(self._kinds | {self.usual} - {None}) > 1,
        }
        self.found |= {name for name, there in has.items() if there and not self.held[name]}
        self.energy += float(showers.energy.sum(dtype=torch.float64))
        self.outside += outside

    def phrases(self) -> list[str]:
        """What was lost, one phrase each."""
        lost = [name for name in self.held if name in self.found]
        if self.outside > 0 and not self.holds_outside:
            lost.append(
                f"{100 * self.outside / self.energy:.3g} % of the energy, outside every voxel"
            )
        return lost


def write_voxels(
    columns: Columns,
    batches: Iterable[Showers],
    grid: Grid,
    losses: Losses,
    *,
    voxels: tuple[str, ...],
    factor: float,
    others: Callable[[Showers], Rows],
) -> list[str]:
    """Write a file of voxels batch by batch, complete or not at all.

    Args:
        columns: data sets to be filled.
        batches: showers.
        grid: which cell each voxel is.
        losses: takes note of what is lost.
        voxels: data sets that make up a shower, in the order of the grid.
        factor: MeV in a unit of the file.
        others: rows of the other data sets.

    Returns:
        what was lost, one phrase each.

    Raises:
        OSError, ValueError: as `Columns.write`.
    """
    cuts = np.cumsum([np.prod(columns.shapes[name]) for name in voxels])[:-1]

    def rows() -> Iterator[Rows]:
        for batch in batches:
            showers = batch.to("cpu")
            values, outside = grid.values(showers)
            losses.note(showers, outside)
            parts = np.split(values if factor == 1 else values / factor, cuts, axis=1)
            yield dict(zip(voxels, parts, strict=True)) | dict(others(showers))

    columns.write(rows())
    return losses.phrases()
