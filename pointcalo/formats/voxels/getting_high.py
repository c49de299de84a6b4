"""Photon showers of "Getting High" and the pion showers that followed: a group of two data sets.

`layers` [N, L, x, z] holds the cells' energies in MeV, `energy` [N, 1] the incident ones in GeV;
local x and y are the detector's x and z. The group's name says what the layers are. No entry
point is recorded: particles enter at the origin of the geometry along the layers' normal. Sources:
E. Buhmann et al., 2020, arXiv:2005.05334 (photons); 2021, arXiv:2112.09709 (positive pions).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import h5py
from torch import Tensor

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions, along_axis
from pointcalo.formats.hdf5 import (
    check_column,
    check_rows,
    faults_named,
    open_hdf5,
    read_column,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, write_voxels
from pointcalo.formats.voxels.windows import check_layers, windows
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.showers.particles import pdg_number
from pointcalo.units import GeV

PHOTONS, ECAL, HCAL, BOTH = "30x30", "ecal", "hcal_only", "ecal_hcal"
PHOTON_SHAPE, HCAL_SHAPE = (30, 30, 30), (48, 48, 48)
ORIGIN = "particles enter at the origin of the geometry"


def group_cells(geometry: Geometry, group: str, shape: tuple[int, ...]) -> Tensor:
    """Cells of the voxels of a group, [L, x, y]; ecal is the first layers, hcal_only the last.

    Raises:
        ValueError: the geometry has other layers or cells.
    """
    check_layers(geometry, shape[0], f"the group {group}", exactly=group not in (ECAL, HCAL))
    first = geometry.num_layers - shape[0] if group == HCAL else 0
    return windows(geometry, range(first, first + shape[0]), shape[1], shape[2])


class LayersFile(DenseFile):
    """A file of a group of layers to read.

    Args:
        path: file.
        group: name of the group.
        geometry: the detector.
        pdg: number of the incident particles.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    assumed = (ORIGIN,)

    def __init__(self, path: Path, group: str, geometry: Geometry, pdg: int) -> None:
        self.energy, self.pdg = f"{group}/energy", pdg
        voxels = f"{group}/layers"
        shape = voxel_shape(path, voxels, (self.energy,))
        with faults_named(path):
            grid = Grid(geometry, group_cells(geometry, group, shape).reshape(-1))
        super().__init__(path, grid, (voxels,), 1.0, (self.energy,))

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return along_axis(read_column(file, self.energy, rows).reshape(-1) * GeV, self.pdg)


def voxel_shape(path: Path, voxels: str, columns: tuple[str, ...]) -> tuple[int, int, int]:
    """Numbers of voxels of a shower along the three axes of a data set, whose file is checked.

    Args:
        path: file.
        voxels: the data set, [N, a, b, c].
        columns: data sets with one number a shower.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """
    with open_hdf5(path) as file:
        check_rows(file, path, (voxels, *columns))
        for name in columns:
            check_column(file, path, name)
        shape = file[voxels].shape
    if len(shape) != 4 or 0 in shape:
        raise ValueError(f"{path}: data set {voxels} has shape {shape}, expected (N, a, b, c)")
    return shape[1:]


class GettingHighFile(LayersFile):
    """A file of the photon showers to read."""

    layout: ClassVar[str] = "getting_high"


class GettingHigh(Layout):
    """The layout of the photon showers."""

    name = "getting_high"

    def claims(self, contents: Contents) -> bool:
        """It has the group 30x30."""
        return contents.has(**{f"{PHOTONS}/layers": 4}) and f"{PHOTONS}/energy" in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> GettingHighFile:
        """See `LayersFile`; the geometry is the built-in one where the user names none."""
        geometry = conventions.geometry or Geometry.load("getting_high")
        return GettingHighFile(path, PHOTONS, geometry, conventions.pdg(self.name, "photon"))

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels and incident energies only."""
        geometry = conventions.need_geometry(self.name)
        losses = Losses(outgoing, usual=pdg_number("photon"))
        return write_group(path, batches, outgoing, geometry, losses, PHOTONS, PHOTON_SHAPE)


class HadronFile(LayersFile):
    """A file of the pion showers to read."""

    layout: ClassVar[str] = "ild_hadrons"


class Hadrons(Layout):
    """The layout of the pion showers: the AHCAL, the ECAL or both."""

    name = "ild_hadrons"

    def claims(self, contents: Contents) -> bool:
        """It has one of the groups."""
        return self._group(contents) is not None

    def open(self, path: Path, conventions: Conventions) -> HadronFile:
        """See `LayersFile`."""
        group = self._group(Contents.of(path))
        if group is None:
            raise ValueError(f"{path}: no group {HCAL}, {ECAL} or {BOTH} with layers and energy")
        geometry = conventions.need_geometry(self.name)
        return HadronFile(path, group, geometry, conventions.pdg(self.name, "pion+"))

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Writes hcal_only, the last 48 layers; holds voxels and incident energies only."""
        geometry = conventions.need_geometry(self.name)
        losses = Losses(outgoing, usual=pdg_number("pion+"))
        return write_group(path, batches, outgoing, geometry, losses, HCAL, HCAL_SHAPE)

    @staticmethod
    def _group(contents: Contents) -> str | None:
        for group in (HCAL, ECAL, BOTH):
            if contents.has(**{f"{group}/layers": 4}) and f"{group}/energy" in contents.shapes:
                return group
        return None


def write_group(
    path: Path,
    batches: Iterable[Showers],
    outgoing: Outgoing,
    geometry: Geometry,
    losses: Losses,
    group: str,
    shape: tuple[int, int, int],
) -> list[str]:
    """Write the two data sets of a group; see `write_voxels`.

    The public files hold cells in double, energies in single precision (`create_hdf5.py` of
    github.com/FLC-QU-hep/getting_high).
    """
    energy, voxels = f"{group}/energy", f"{group}/layers"
    columns = Columns(path, outgoing, {energy: (1,), voxels: shape}, dtypes={voxels: "f8"})
    return write_voxels(
        columns,
        batches,
        Grid(geometry, group_cells(geometry, group, shape).reshape(-1)),
        losses,
        voxels=(voxels,),
        factor=1.0,
        others=lambda showers: {energy: (showers.incident.energy / GeV).numpy()},
    )
