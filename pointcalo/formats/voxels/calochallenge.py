"""Files of the CaloChallenge: a row of voxels a shower, MeV.

Within a row the radius runs fastest, then the angle alpha, then the layer. The axis of the
particle is that of the rings. Source: C. Krause et al., 2024, arXiv:2410.21611.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import h5py
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
from pointcalo.formats.voxels.dense_writing import Columns, Losses, write_voxels
from pointcalo.formats.voxels.rings import ring_cells
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.showers.particles import pdg_number

NAME = "the CaloChallenge"
ENERGY, VOXELS = "incident_energies", "showers"
PUBLIC = {
    368: ("calochallenge_1_photon", "photon"),
    533: ("calochallenge_1_pion", "pion+"),
    6480: ("calochallenge_2", "electron"),
    40500: ("calochallenge_3", "electron"),
}
"""Built-in geometry and incident particle of the public data sets by their number of voxels."""


def voxel_grid(geometry: Geometry) -> Grid:
    """The voxels of a row."""
    rings = ring_cells(geometry, NAME)
    return Grid(geometry, torch.cat([cells.T.reshape(-1) for cells in rings]))


class CaloChallengeFile(DenseFile):
    """A file of the CaloChallenge to read.

    Args:
        path: file.
        conventions: geometry and particle, where they are not those of a public data set.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "calochallenge"

    def __init__(self, path: Path, conventions: Conventions) -> None:
        with open_hdf5(path) as file:
            check_rows(file, path, (ENERGY, VOXELS))
            check_column(file, path, ENERGY)
            shape = file[VOXELS].shape
        if len(shape) != 2:
            raise ValueError(f"{path}: data set {VOXELS} has shape {shape}, expected (N, voxels)")
        name, particle = PUBLIC.get(shape[1], ("", ""))
        geometry = conventions.geometry
        if geometry is None and not name:
            raise ValueError(
                f"{path}: {shape[1]} voxels a shower, no public data set has so many: pass "
                "geometry=NAME or geometry=BINNING.xml"
            )
        grid = voxel_grid(geometry or Geometry.load(name))
        super().__init__(path, grid, (VOXELS,), 1.0, (ENERGY,))
        self.pdg = conventions.pdg(NAME, particle)
        if not conventions.incident_particle:
            self.assumed = (f"incident particle {particle}, as in the public data set",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy = read_column(file, ENERGY, rows).reshape(-1)
        return along_axis(energy, self.pdg)


class CaloChallenge(Layout):
    """The layout of the CaloChallenge."""

    name = "calochallenge"

    def claims(self, contents: Contents) -> bool:
        """It has the two data sets by their names."""
        return contents.has(**{VOXELS: 2}) and ENERGY in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> CaloChallengeFile:
        """See `CaloChallengeFile`."""
        return CaloChallengeFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels and incident energies only."""
        grid = voxel_grid(conventions.need_geometry(NAME))
        _, particle = PUBLIC.get(len(grid.cell), ("", ""))
        return write_voxels(
            Columns(path, outgoing, {ENERGY: (1,), VOXELS: (len(grid.cell),)}),
            batches,
            grid,
            Losses(outgoing, usual=pdg_number(particle) if particle else None),
            voxels=(VOXELS,),
            factor=1.0,
            others=lambda showers: {ENERGY: showers.incident.energy.numpy()},
        )
