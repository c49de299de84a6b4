"""Photon showers of two angles: voxels of ILD's ECAL at the root of the file.

`layers` [N, 30, x 30, z 49] MeV, `energy` [N, 1] GeV, `theta` and `phi` [N, 1] rad: the polar and
azimuthal angle of the momentum in the detector, whose y axis is the layers' normal. Local x and y
are the detector's x and z (+ 100 mm), so that the direction is (sin theta cos phi, cos theta,
sin theta sin phi), and theta = phi = 90 degrees is along the normal. All axes go through one point
behind the face, from which the entry follows. Sources: S. Diefenbacher et al., 2023,
arXiv:2303.18150; energies (sum / 3300 for photons to 126 GeV) and angles (/ 95 degrees in rad):
github.com/FLC-QU-hep/Two_Angle_BIBAE; bins and axis: github.com/key4hep/DDML.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import h5py
import torch
from torch import Tensor

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import faults_named, read_column
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, write_voxels
from pointcalo.formats.voxels.getting_high import voxel_shape
from pointcalo.formats.voxels.windows import check_layers, windows
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.showers.particles import pdg_number
from pointcalo.units import GeV

NAME = "two_angle"
VOXELS, ENERGY, THETA, PHI = "layers", "energy", "theta", "phi"
SHAPE = (30, 30, 49)
# The axes meet at 1889 mm from the beam, the face is at 1804 mm.
AXIS_DEPTH_MM = 85.0
NEAR_MM = 0.01


def voxel_grid(geometry: Geometry, shape: tuple[int, int, int]) -> Grid:
    """The voxels of a shower."""
    check_layers(geometry, shape[0], NAME)
    return Grid(geometry, windows(geometry, range(shape[0]), shape[1], shape[2]).reshape(-1))


def entry(direction: Tensor) -> Tensor:
    """Where axes along directions [S, 3] cross the face, [S, 3] mm."""
    position = -AXIS_DEPTH_MM * direction / direction[:, 2:]
    return torch.cat([position[:, :2], torch.zeros_like(position[:, :1])], dim=1)


class TwoAngleFile(DenseFile):
    """A file of photon showers of two angles to read.

    Args:
        path: file.
        conventions: geometry and particle, where they are not the public ones.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = NAME
    assumed = (f"axes meet {AXIS_DEPTH_MM:g} mm behind the origin of the geometry",)

    def __init__(self, path: Path, conventions: Conventions) -> None:
        shape = voxel_shape(path, VOXELS, (ENERGY, THETA, PHI))
        with faults_named(path):
            grid = voxel_grid(conventions.geometry or Geometry.load(NAME), shape)
        super().__init__(path, grid, (VOXELS,), 1.0, (ENERGY, THETA, PHI))
        self.pdg = conventions.pdg(NAME, "photon")

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        energy, theta, phi = (
            read_column(file, name, rows).reshape(-1).double() for name in (ENERGY, THETA, PHI)
        )
        direction = torch.stack(
            [theta.sin() * phi.cos(), theta.cos(), theta.sin() * phi.sin()], dim=1
        )
        # NaN is refused by Incident, with the number of the shower.
        direction[direction[:, 2] <= 0] = torch.nan
        return Incident(
            energy=(energy * GeV).float(),
            direction=direction.float(),
            position=entry(direction).float(),
            pdg=torch.full((len(energy),), self.pdg),
        )


def _columns(showers: Showers) -> Rows:
    x, y, z = showers.incident.direction.double().unbind(1)
    return {
        ENERGY: (showers.incident.energy / GeV).numpy(),
        THETA: torch.atan2(torch.hypot(x, z), y).numpy(),
        PHI: torch.atan2(z, x).numpy(),
    }


class _Losses(Losses):
    def note(self, showers: Showers, outside: float = 0.0) -> None:
        """Entry positions are lost where they are not those that a reader takes."""
        incident = showers.incident
        away = incident.position - entry(incident.direction)
        away = away.nan_to_num(1.0, 1.0, 1.0)  # along the layers
        away[(away.abs() < NEAR_MM).all(dim=1)] = 0.0
        super().note(showers.replace(incident=replace(incident, position=away)), outside)


class TwoAngle(Layout):
    """The layout of photon showers of two angles."""

    name = NAME

    def claims(self, contents: Contents) -> bool:
        """It has the four data sets at its root."""
        return contents.has(**{VOXELS: 4}) and {ENERGY, THETA, PHI} <= set(contents.shapes)

    def open(self, path: Path, conventions: Conventions) -> TwoAngleFile:
        """See `TwoAngleFile`."""
        return TwoAngleFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels, incident energies and directions."""
        shapes = {VOXELS: SHAPE, ENERGY: (1,), THETA: (1,), PHI: (1,)}
        return write_voxels(
            Columns(path, outgoing, shapes, dtypes={VOXELS: "f8"}),
            batches,
            voxel_grid(conventions.need_geometry(NAME), SHAPE),
            _Losses(outgoing, directions=True, usual=pdg_number("photon")),
            voxels=(VOXELS,),
            factor=1.0,
            others=_columns,
        )
