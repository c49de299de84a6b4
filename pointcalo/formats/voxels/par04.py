"""Files of Geant4's example Par04 and of LEMURS: a cylinder of voxels a shower, MeV.

`showers` [N, R, phi, Z]; the mesh lies along the momentum of the particle, so that in its frame
the particle flies along z from the origin. `incident_theta` and `incident_phi` (rad) are its
direction in the detector, which the mesh does not know of. Source: A. Zaborowska et al., Geant4,
examples/extended/parameterisations/Par04; P. McKeown et al., 2025, arXiv:2509.05108.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import torch

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions, along_axis
from pointcalo.formats.hdf5 import (
    check_column,
    check_rows,
    open_hdf5,
    read_column,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, write_voxels
from pointcalo.formats.voxels.rings import ring_cells
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers

NAME = "Par04"
ENERGY, PHI, THETA, VOXELS = "incident_energy", "incident_phi", "incident_theta", "showers"
LOW_GRANULARITY = (9, 16, 45)
STRAIGHT = {PHI: 0.0, THETA: 0.5 * math.pi}
"""Direction in the detector, rad, that is written: across a barrel."""


def mesh(geometry: Geometry) -> tuple[Grid, tuple[int, int, int]]:
    """The voxels of a shower and their numbers in R, phi and Z.

    Raises:
        ValueError: layers that are not all cut alike into rings.
    """
    rings = ring_cells(geometry, NAME)
    if len({cells.shape for cells in rings}) != 1:
        raise ValueError(
            f"geometry {geometry.name!r}: the layers have different rings: a file of {NAME} has "
            "equal ones: pass the geometry of the file"
        )
    cells = torch.stack(rings, dim=-1)
    return Grid(geometry, cells.reshape(-1)), tuple(cells.shape)


class Par04File(DenseFile):
    """A file of Par04 or LEMURS to read.

    Args:
        path: file.
        conventions: particle, and the geometry where the mesh is not 9 x 16 x 45.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "par04"

    def __init__(self, path: Path, conventions: Conventions) -> None:
        with open_hdf5(path) as file:
            check_rows(file, path, (ENERGY, PHI, THETA, VOXELS))
            for name in (ENERGY, PHI, THETA):
                check_column(file, path, name)
            shape = file[VOXELS].shape[1:]
            held = {name: read_column(file, name, slice(None)) for name in STRAIGHT}
        geometry = conventions.geometry
        if geometry is None and shape != LOW_GRANULARITY:
            raise ValueError(
                f"{path}: a mesh of {' x '.join(map(str, shape))} voxels is not the one of the "
                "built-in par04: pass geometry=NAME (calochallenge_3 has 18 x 50 x 45)"
            )
        grid, expected = mesh(geometry or Geometry.load("par04"))
        if shape != expected:
            raise ValueError(
                f"{path}: a mesh of {shape} voxels in (r, phi, z), geometry "
                f"{grid.geometry.name!r} has {expected}: pass the geometry of the file"
            )
        super().__init__(path, grid, (VOXELS,), 1.0, (ENERGY, PHI, THETA))
        self.pdg = conventions.pdg(NAME)
        lost = [name for name, angle in held.items() if _differs(angle, STRAIGHT[name])]
        if lost:
            self.left_out += (f"{', '.join(lost)} (direction in the detector)",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return along_axis(read_column(file, ENERGY, rows).reshape(-1), self.pdg)


def _differs(angle: torch.Tensor, usual: float) -> bool:
    return bool((angle != torch.tensor(usual)).any())


class Par04(Layout):
    """The layout of Par04 and of LEMURS' voxels."""

    name = "par04"

    def claims(self, contents: Contents) -> bool:
        """It has voxels in (r, phi, z) and an incident energy."""
        return contents.has(**{VOXELS: 4}) and ENERGY in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> Par04File:
        """See `Par04File`."""
        return Par04File(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels and incident energies; every particle flies straight across a barrel."""
        grid, shape = mesh(conventions.need_geometry(NAME))
        return write_voxels(
            Columns(path, outgoing, {VOXELS: shape, ENERGY: (), PHI: (), THETA: ()}),
            batches,
            grid,
            Losses(outgoing),
            voxels=(VOXELS,),
            factor=1.0,
            others=_columns,
        )


def _columns(showers: Showers) -> Rows:
    angles = {name: np.full(len(showers), angle, "f4") for name, angle in STRAIGHT.items()}
    return {ENERGY: showers.incident.energy.numpy(), **angles}
