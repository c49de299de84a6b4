"""ShowerData files, the interchange of the field, through the `showerdata` library.

Source: T. Buss, ShowerData, https://github.com/FLC-QU-hep/ShowerData. The rows of a shower are
x, y, layer (or z), energy and, in newer files, time (ns). A file records no units and no entry
position: the user states the units, and the position is kept in the data set `gun_position`, as
in the multi-geometry files of the field; without it the particles enter at the origin.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import showerdata
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo import units
from pointcalo.atomic import written_beside
from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import (
    SOURCE,
    check_claim,
    left_over,
    open_hdf5,
    read_column,
    source_of,
    type_of,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.shower_file import HDF5ShowerFile
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.showers import (
    ENERGY,
    TIME,
    Incident,
    Showers,
    X,
    Y,
    index_from_ptr,
    ptr_from_counts,
)

NAME = "ShowerData"
NEEDED = ("showers", "energies", "directions", "pdg", "shape")
DERIVED = ("num_points", "shower_ids")
POSITION = "gun_position"


def column_factors(conventions: Conventions) -> Tensor:
    """Factors of the columns x, y, energy, time to native units."""
    length = conventions.factor("length_unit", NAME)
    return torch.tensor([length, length, conventions.factor("energy_unit", NAME), units.ns])


class ShowerDataFile(HDF5ShowerFile):
    """A ShowerData file to read.

    Args:
        path: file.
        conventions: its units.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: a data set is missing, or there are no showers, or no units were given.
    """

    layout: ClassVar[str] = "showerdata"

    def __init__(self, path: str | Path, conventions: Conventions) -> None:
        super().__init__(Path(path), conventions.geometry)
        self.conventions = conventions
        self.factors = column_factors(conventions)
        self.points = conventions.rows
        with open_hdf5(self.path) as file:
            missing = [name for name in NEEDED if not isinstance(file.get(name), h5py.Dataset)]
            if missing:
                raise ValueError(f"{self.path}: no {NAME} file, lacks {', '.join(missing)}")
            self._check_rows(file["showers"], file["shape"])
            self.source = source_of(file, NAME)
            self.left_out = left_over(file, (*NEEDED, *DERIVED, POSITION))
            if POSITION not in file:
                self.assumed = ("entry at the origin",)
            self._num_showers, self._num_columns = len(file["showers"]), int(file["shape"][2])
            for name, columns in (("energies", 1), ("directions", 3), ("pdg", 1), (POSITION, 3)):
                self._check_column(file, name, columns)
        if self._num_showers == 0:
            raise ValueError(f"{self.path}: holds no showers")
        if self._num_columns not in (4, 5):
            raise ValueError(
                f"{self.path}: rows of {self._num_columns} numbers, expected 4 (x, y, layer, "
                "energy) or 5 (and time)"
            )
        if self._num_columns == 4:
            self.assumed += ("times 0",)

    def _check_rows(self, showers: h5py.Dataset, shape: h5py.Dataset) -> None:
        numbers = h5py.check_vlen_dtype(type_of(showers, self.path))
        if numbers is None or numbers.kind not in "fiu" or showers.ndim != 1:
            raise ValueError(
                f"{self.path}: data set showers is {showers.shape} {showers.dtype}, expected (N,) "
                "lists of numbers"
            )
        if shape.shape != (3,) or type_of(shape, self.path).kind not in "iu":
            raise ValueError(
                f"{self.path}: data set shape is {shape.shape} {shape.dtype}, expected 3 numbers"
            )

    def _check_column(self, file: h5py.File, name: str, columns: int) -> None:
        data = file.get(name)
        if not isinstance(data, h5py.Dataset):
            return
        expected = (self._num_showers, columns)
        right = data.shape == expected or (columns == 1 and data.shape == expected[:1])
        if not right or type_of(data, self.path).kind not in ("iu" if name == "pdg" else "fiu"):
            raise ValueError(
                f"{self.path}: data set {name} is {data.shape} {data.dtype}, expected numbers "
                f"{expected}"
            )
        check_claim(data, self.path)

    def _rows(self, first: int, last: int) -> Showers:
        with open_hdf5(self.path) as file:
            flat = file["showers"][first:last]
            incident = self._incident(file, slice(first, last))
        sizes = np.array([len(values) for values in flat])
        if (sizes % self._num_columns).any():
            shower = first + int((sizes % self._num_columns).nonzero()[0][0])
            raise ValueError(
                f"{self.path}: shower {shower}: {sizes[shower - first]} numbers, expected rows of "
                f"{self._num_columns}"
            )
        table = torch.from_numpy(np.concatenate([*flat, np.zeros(0, np.float32)]))
        table = table.float().reshape(-1, self._num_columns)
        held = table[:, 3] != 0
        ptr = ptr_from_counts(torch.from_numpy(sizes // self._num_columns))
        before = torch.cat([ptr.new_zeros(1), held.cumsum(0)])
        table = table[held]
        ptr = before[ptr]
        points = torch.zeros((len(table), 4))
        points[:, : Y + 1] = table[:, :2]
        points[:, ENERGY] = table[:, 3]
        if self._num_columns > 4:
            points[:, TIME] = table[:, 4]
        return Showers(
            points=points * self.factors,
            layer=self.conventions.layer_numbers(table[:, 2], index_from_ptr(ptr)),
            ptr=ptr,
            incident=incident,
        )

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy = read_column(file, "energies", rows).flatten()
        position = torch.zeros((len(energy), 3))
        if POSITION in file:
            position = read_column(file, POSITION, rows)
        return Incident(
            energy=energy * self.conventions.factor("incident_energy_unit", NAME),
            direction=read_column(file, "directions", rows),
            position=position * self.conventions.factor("length_unit", NAME),
            pdg=torch.from_numpy(file["pdg"][rows].astype(np.int64)).flatten(),
        )


class ShowerData(Layout):
    """The layout of the library ShowerData."""

    name = "showerdata"

    def claims(self, contents: Contents) -> bool:
        """It names its version, or has the library's data sets."""
        named = "showerdata_version" in contents.attributes
        return named or all(name in contents.shapes for name in NEEDED)

    def open(self, path: Path, conventions: Conventions) -> ShowerDataFile:
        """See `ShowerDataFile`."""
        return ShowerDataFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """See `write_showerdata`; holds all there is but points without energy."""
        write_showerdata(path, batches, outgoing=outgoing, conventions=conventions)
        return []


def write_showerdata(
    path: str | Path,
    batches: Iterable[Showers],
    *,
    outgoing: Outgoing,
    conventions: Conventions,
    added: Callable[[Showers], Mapping[str, NDArray[Any]]] | None = None,
) -> None:
    """Write a ShowerData file batch by batch; points without energy are left out.

    Args:
        path: file to be made, complete or not at all.
        batches: showers, made and written one batch after another.
        outgoing: how many showers there are.
        conventions: units to write.
        added: data sets beside the library's, one row a shower; None: the entry position.

    Raises:
        ValueError: no showers, or another number of them than announced.
        OSError: no such folder, no permission, disk full.
    """
    path = Path(path)
    column_factors(conventions)  # the units must be known before anything is made
    with written_beside(path) as beside, SteadyFile(beside, path) as disk:
        try:
            shape = (outgoing.num_showers, 0, 5)
            with showerdata.ShowerDataFile(disk, "w", shape=shape) as file:
                file.attrs[SOURCE] = outgoing.source
                done = _fill(file, batches, conventions, disk, added)
        finally:
            disk.check()
        outgoing.check_number(done, path)


def _fill(
    file: showerdata.ShowerDataFile,
    batches: Iterable[Showers],
    conventions: Conventions,
    disk: SteadyFile,
    added: Callable[[Showers], Mapping[str, NDArray[Any]]] | None,
) -> int:
    done = largest = 0
    for batch in (batch.to("cpu") for batch in batches):
        rows = slice(done, done + len(batch))
        file[rows] = _to_library(batch, done, conventions)
        position = batch.incident.position / conventions.factor("length_unit", NAME)
        columns = {POSITION: position.numpy()} if added is None else added(batch)
        for name, values in columns.items():
            shape = (len(file), *values.shape[1:])
            file.file.require_dataset(name, shape=shape, dtype=values.dtype)[rows] = values
        disk.check()
        done += len(batch)
        largest = max(largest, int(batch.counts.max()))
    file.file["shape"][1] = largest
    return done


def _to_library(showers: Showers, first: int, conventions: Conventions) -> showerdata.Showers:
    showers = showers.keep(showers.energy > 0)
    columns = showers.points / column_factors(conventions)
    depth = conventions.depths(showers.layer)
    table = torch.stack(
        [columns[:, X], columns[:, Y], depth, columns[:, ENERGY], columns[:, TIME]], dim=1
    )
    place = torch.arange(showers.num_points) - showers.ptr[showers.index]
    dense = torch.zeros((len(showers), int(showers.counts.max()), 5))
    dense[showers.index, place] = table
    incident = showers.incident
    return showerdata.Showers(
        points=dense.numpy(),
        energies=(incident.energy / conventions.factor("incident_energy_unit", NAME)).numpy(),
        pdg=incident.pdg.numpy(),
        directions=incident.direction.numpy(),
        shower_ids=np.arange(first, first + len(showers)),
    )
