"""ShowerData files, the interchange of the field, through the `showerdata` library.

Source: T. Buss, ShowerData, https://github.com/FLC-QU-hep/ShowerData. The rows of a shower are
x, y, layer (or z), energy and, in newer files, time (ns). A file records no units and no entry
position: the user states the units, and the position is kept in the data set `gun_position`, as
in the multi-geometry files of the field; without it the particles enter at the origin.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import showerdata
import torch
from torch import Tensor

from pointcalo import units
from pointcalo.atomic import written_beside
from pointcalo.formats.layout import open_hdf5
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, TIME, Incident, ShowerError, Showers, X, Y, ptr_from_counts

NEEDED = ("showers", "energies", "directions", "pdg", "shower_ids", "shape", "num_points")
POSITION = "gun_position"
ENERGY_UNITS = {"MeV": units.MeV, "GeV": units.GeV}
LENGTH_UNITS = {"mm": units.mm, "cm": units.cm, "m": units.m}
KNOWN_UNITS = {
    "energy_unit": ENERGY_UNITS,
    "incident_energy_unit": ENERGY_UNITS,
    "length_unit": LENGTH_UNITS,
}


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """What a ShowerData file does not say of itself.

    Args:
        energy_unit: of the points: MeV or GeV.
        incident_energy_unit: of the incident particles; empty: that of the points.
        length_unit: mm, cm or m.
        depth: what the third column is: layer (number, from 0) or z (length along the depth).
        geometry: gives the depth of the layers where the third column is z.

    Raises:
        ValueError: an unknown unit, or z without a geometry.
    """

    energy_unit: str
    incident_energy_unit: str = ""
    length_unit: str = "mm"
    depth: str = "layer"
    geometry: Geometry | None = None

    def __post_init__(self) -> None:
        for name in KNOWN_UNITS:
            self.factor(name)
        if self.depth not in ("layer", "z"):
            raise ValueError(f"depth: got {self.depth!r}, expected layer or z")
        if self.depth == "z" and self.geometry is None:
            raise ValueError("depth=z needs the depths of the layers: pass geometry=NAME")

    def factor(self, name: str) -> float:
        """What a number in the unit called `name` is multiplied by to be native."""
        given = getattr(self, name) or self.energy_unit
        known = KNOWN_UNITS[name]
        if given not in known:
            raise ValueError(
                f"{name}: got {given!r}, expected one of {', '.join(known)}: "
                "a ShowerData file records no units"
            )
        return known[given]

    def column_factors(self) -> Tensor:
        """Factors of the columns x, y, energy, time."""
        length = self.factor("length_unit")
        return torch.tensor([length, length, self.factor("energy_unit"), units.ns])


class ShowerDataFile:
    """A ShowerData file to read.

    Args:
        path: file.
        conventions: its units.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: a data set is missing, or there are no showers.
    """

    def __init__(self, path: str | Path, conventions: Conventions) -> None:
        self.path = Path(path)
        self.conventions = conventions
        with open_hdf5(self.path) as file:
            missing = [name for name in NEEDED if name not in file]
            if missing:
                raise ValueError(f"{self.path}: no ShowerData file, lacks {', '.join(missing)}")
            self._num_showers = len(file["energies"])
            self.max_points = int(file["num_points"][:].max(initial=0))
        if self._num_showers == 0:
            raise ValueError(f"{self.path}: holds no showers")

    def __len__(self) -> int:
        return self._num_showers

    def iterate(self, showers: int = 500) -> Iterator[Showers]:
        """Read the file from front to end in batches of that many showers.

        Raises:
            ValueError: numbers that are no shower, with file and shower.
        """
        with showerdata.ShowerDataFile(self.path) as file:
            for first in range(0, len(self), showers):
                rows = slice(first, min(first + showers, len(self)))
                try:
                    yield self._read(file, rows)
                except ShowerError as error:
                    number = first + error.shower
                    raise ValueError(f"{self.path}: shower {number}: {error.fault}") from None
                except (ValueError, TypeError) as error:
                    raise ValueError(f"{self.path}: {error}") from None

    def _read(self, file: showerdata.ShowerDataFile, rows: slice) -> Showers:
        dense = file[rows]
        table = torch.from_numpy(dense.points)
        held = table[:, :, 3] != 0
        flat = table[held]
        points = torch.zeros((len(flat), 4))
        points[:, : Y + 1] = flat[:, :2]
        points[:, ENERGY] = flat[:, 3]
        if flat.shape[1] > 4:
            points[:, TIME] = flat[:, 4]
        return Showers(
            points=points * self.conventions.column_factors(),
            layer=self._layer(flat[:, 2]),
            ptr=ptr_from_counts(held.sum(dim=1)),
            incident=self._incident(file, dense, rows),
        )

    def _layer(self, depth: Tensor) -> Tensor:
        geometry = self.conventions.geometry
        if self.conventions.depth == "z" and geometry is not None:
            z = depth[:, None] * self.conventions.factor("length_unit")
            return (z - geometry.layer_z[None, :]).abs().argmin(dim=1)
        if bool((depth != depth.round()).any()):
            raise ValueError(
                "third column is no layer number: pass depth=z and geometry=NAME where it is z"
            )
        return depth.long()

    def _incident(self, file: showerdata.ShowerDataFile, dense: Any, rows: slice) -> Incident:
        energy = torch.from_numpy(dense.energies[:, 0])
        position = torch.zeros((len(energy), 3))
        if POSITION in file.file:
            position = torch.from_numpy(file.file[POSITION][rows]).float()
        return Incident(
            energy=energy * self.conventions.factor("incident_energy_unit"),
            direction=torch.from_numpy(dense.directions),
            position=position * self.conventions.factor("length_unit"),
            pdg=torch.from_numpy(dense.pdg).long(),
        )


def write_showerdata(
    path: str | Path,
    batches: Iterable[Showers],
    *,
    num_showers: int,
    max_points: int,
    conventions: Conventions,
) -> None:
    """Write a ShowerData file batch by batch; points without energy are left out.

    Args:
        path: file to be made, complete or not at all.
        batches: showers, made and written one batch after another.
        num_showers: of all batches.
        max_points: points of the largest shower, or more.
        conventions: units to write.

    Raises:
        ValueError: no showers, or another number of them than announced.
        OSError: no such folder, no permission, disk full.
    """
    path = Path(path)
    with written_beside(path) as beside, SteadyFile(beside, path) as disk:
        try:
            shape = (num_showers, max_points, 5)
            with showerdata.ShowerDataFile(disk, "w", shape=shape) as file:
                done = _fill(file, batches, conventions, disk)
        finally:
            disk.check()
        if done != num_showers or done == 0:
            raise ValueError(f"{path}: {done} showers came, expected {num_showers}, at least 1")


def _fill(
    file: showerdata.ShowerDataFile,
    batches: Iterable[Showers],
    conventions: Conventions,
    disk: SteadyFile,
) -> int:
    position = file.file.create_dataset(POSITION, shape=(len(file), 3), dtype="f4")
    done = 0
    for batch in batches:
        rows = slice(done, done + len(batch))
        file[rows] = _to_library(batch.to("cpu"), done, conventions)
        position[rows] = batch.incident.position.cpu() / conventions.factor("length_unit")
        disk.check()
        done += len(batch)
    return done


def _to_library(showers: Showers, first: int, conventions: Conventions) -> showerdata.Showers:
    showers = showers.keep(showers.energy > 0)
    columns = showers.points / conventions.column_factors()
    depth = showers.layer.float()
    if conventions.depth == "z" and conventions.geometry is not None:
        depth = conventions.geometry.layer_z[showers.layer] / conventions.factor("length_unit")
    table = torch.stack(
        [columns[:, X], columns[:, Y], depth, columns[:, ENERGY], columns[:, TIME]], dim=1
    )
    place = torch.arange(showers.num_points) - showers.ptr[showers.index]
    dense = torch.zeros((len(showers), int(showers.counts.max()), 5))
    dense[showers.index, place] = table
    incident = showers.incident
    return showerdata.Showers(
        points=dense.numpy(),
        energies=(incident.energy / conventions.factor("incident_energy_unit")).numpy(),
        pdg=incident.pdg.numpy(),
        directions=incident.direction.numpy(),
        shower_ids=np.arange(first, first + len(showers)),
    )
