"""Files of 3DGAN: voxels of a Cartesian calorimeter, x, y, layer.

Fixed angle: `ECAL` [N, 25, 25, 25], `target` [N, .] whose second column is the incident energy in
GeV; electrons along the layers' normal. Variable angle: `ECAL` [N, 51, 51, 25], `energy` [N] GeV,
`theta` (rad) or `eta`: the polar angle of the momentum about the y axis of the array, 90 degrees
along the normal, in the plane of y and the normal. Neither the unit of the cells nor the entry is
recorded: particles enter at the origin of the geometry. Sources: D. Belayneh et al., 2020,
arXiv:1912.06794 (fixed); G. Khattak et al., 2022, doi:10.1140/epjc/s10052-022-10258-4 (variable);
columns and angle: github.com/svalleco/3Dgan (GetAngleData, measPython).
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import h5py
import torch

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions, along_axis
from pointcalo.formats.hdf5 import check_rows, faults_named, open_hdf5, read_column
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, write_voxels
from pointcalo.formats.voxels.getting_high import ORIGIN, voxel_shape
from pointcalo.formats.voxels.windows import check_layers, windows
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.units import GeV

NAME = "3DGAN"
VOXELS, TARGET, ENERGY, THETA, ETA = "ECAL", "target", "energy", "theta", "eta"
FIXED_SHAPE, ANGLE_SHAPE = (25, 25, 25), (51, 51, 25)
SMALL = 1e-6


def voxel_grid(geometry: Geometry, shape: tuple[int, int, int]) -> Grid:
    """The voxels of a shower, the layer fastest."""
    nx, ny, layers = shape
    check_layers(geometry, layers, NAME)
    return Grid(geometry, windows(geometry, range(layers), nx, ny).permute(1, 2, 0).reshape(-1))


class GAN3DFile(DenseFile):
    """A file of 3DGAN to read.

    Args:
        path: file.
        conventions: geometry, particle and the unit of the cells.
        columns: data sets of one number a shower.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "3dgan"
    assumed = (ORIGIN,)

    def __init__(self, path: Path, conventions: Conventions, columns: tuple[str, ...] = ()) -> None:
        shape = voxel_shape(path, VOXELS, columns)
        geometry = conventions.need_geometry(NAME)
        with faults_named(path):
            grid = voxel_grid(geometry, shape)
        factor = conventions.factor("energy_unit", NAME)
        super().__init__(path, grid, (VOXELS,), factor, columns or (TARGET,))
        self.pdg = conventions.pdg(NAME)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return along_axis(read_column(file, TARGET, rows)[:, 1] * GeV, self.pdg)


class GAN3D(Layout):
    """The layout of 3DGAN for a fixed angle."""

    name = "3dgan"

    def claims(self, contents: Contents) -> bool:
        """It has voxels and targets."""
        return contents.has(**{VOXELS: 4, TARGET: 2})

    def open(self, path: Path, conventions: Conventions) -> GAN3DFile:
        """See `GAN3DFile`."""
        with open_hdf5(path) as file:
            check_rows(file, path, (VOXELS, TARGET))
            shape = file[TARGET].shape
        if len(shape) != 2 or shape[1] < 2:
            raise ValueError(
                f"{path}: data set {TARGET} has shape {shape}, expected (N, 2 or more)"
            )
        return GAN3DFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels and incident energies; the first column of `target` is the PDG number."""
        return write_voxels(
            Columns(path, outgoing, {VOXELS: FIXED_SHAPE, TARGET: (2,)}),
            batches,
            voxel_grid(conventions.need_geometry(NAME), FIXED_SHAPE),
            Losses(outgoing),
            voxels=(VOXELS,),
            factor=conventions.factor("energy_unit", NAME),
            others=_target,
        )


def _target(showers: Showers) -> Rows:
    incident = showers.incident
    return {TARGET: torch.stack([incident.pdg.float(), incident.energy / GeV], dim=1).numpy()}


class GAN3DAngleFile(GAN3DFile):
    """A file of 3DGAN for a variable angle to read.

    Args:
        path: file.
        conventions: geometry, particle and the unit of the cells.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "3dgan_angle"

    def __init__(self, path: Path, conventions: Conventions) -> None:
        with open_hdf5(path) as file:
            self.angle = ETA if ETA in file and THETA not in file else THETA
        super().__init__(path, conventions, (ENERGY, self.angle))

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy, angle = (
            read_column(file, name, rows).reshape(-1).double() for name in (ENERGY, self.angle)
        )
        theta = 2 * torch.atan(torch.exp(-angle)) if self.angle == ETA else angle
        # NaN is refused by Incident, with the number of the shower.
        theta[theta.sin() <= 0] = torch.nan
        return Incident(
            energy=(energy * GeV).float(),
            direction=torch.stack([0 * theta, theta.cos(), theta.sin()], dim=1).float(),
            position=torch.zeros(len(energy), 3),
            pdg=torch.full((len(energy),), self.pdg),
        )


class GAN3DAngle(Layout):
    """The layout of 3DGAN for a variable angle."""

    name = "3dgan_angle"

    def claims(self, contents: Contents) -> bool:
        """It has voxels, energies and an angle."""
        names = set(contents.shapes)
        return contents.has(**{VOXELS: 4}) and ENERGY in names and bool({THETA, ETA} & names)

    def open(self, path: Path, conventions: Conventions) -> GAN3DAngleFile:
        """See `GAN3DAngleFile`."""
        return GAN3DAngleFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels, incident energies and the polar angle about y."""
        return write_voxels(
            Columns(path, outgoing, {VOXELS: ANGLE_SHAPE, ENERGY: (), THETA: ()}),
            batches,
            voxel_grid(conventions.need_geometry(NAME), ANGLE_SHAPE),
            _AngleLosses(outgoing),
            voxels=(VOXELS,),
            factor=conventions.factor("energy_unit", NAME),
            others=_columns,
        )


class _AngleLosses(Losses):
    def note(self, showers: Showers, outside: float = 0.0) -> None:
        """Directions are lost where they are not in the plane of y and the normal."""
        incident = showers.incident
        held = (incident.direction[:, :1].abs() < SMALL) & (incident.direction[:, 2:] > 0)
        direction = torch.where(held, torch.tensor([0.0, 0.0, 1.0]), incident.direction)
        super().note(showers.replace(incident=replace(incident, direction=direction)), outside)


def _columns(showers: Showers) -> Rows:
    x, y, z = showers.incident.direction.double().unbind(1)
    return {
        ENERGY: (showers.incident.energy / GeV).numpy(),
        THETA: torch.atan2(torch.hypot(x, z), y).numpy(),
    }
