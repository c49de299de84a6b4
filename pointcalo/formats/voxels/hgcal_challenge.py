"""Files of the CMS HGCal challenge: the cells of each layer in the order of a cell map.

`showers` [N, layers, most cells of a layer], zero padded; `gen_info` [N, 3] holds energy (GeV),
eta and phi. The order of the cells is that of the cell map, so that the geometry must be one made
from it; cell maps are published as pickles, which are never loaded (docs/formats.md says how to
import them). The unit of `showers` is recorded nowhere. Source:
https://github.com/OzAmram/HGCalShowers, https://github.com/OzAmram/CMSHGCaloChallenge.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import h5py
import torch
from torch import Tensor

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import (
    check_column,
    check_rows,
    open_hdf5,
    read_column,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, write_voxels
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.units import GeV

NAME = "the HGCal challenge"
GEN, VOXELS = "gen_info", "showers"
FACE_MM = 3210.0
"""From the collisions to the particle gun on the calorimeter's face ("Z-321" in its name)."""

SAME_MM = 1.0


def voxel_grid(geometry: Geometry) -> tuple[Grid, tuple[int, int]]:
    """The voxels of a shower, and their numbers: layers, and most cells of a layer.

    Raises:
        ValueError: a geometry that is no table of cells and so has another order.
    """
    if any(layer.segmentation.kind != "table" for layer in geometry.layers):
        raise ValueError(
            f"geometry {geometry.name!r}: a file of {NAME} has the order of a cell map: pass the "
            "geometry imported from that map (a table of cells)"
        )
    start, sizes = geometry.layer_start[:-1, None], geometry.layer_start.diff()
    number = torch.arange(int(sizes.max()))
    cell = torch.where(number < sizes[:, None], start + number, -1)
    return Grid(geometry, cell.reshape(-1)), tuple(cell.shape)


class Axis:
    """Where particles of a direction enter: the map is that of one eta and phi.

    A map in the detector's own x and y has the beam at (0, 0), and particles come from the
    collisions. A map in which each layer is about its own centre follows the particle: there they
    enter at the origin along the layers' normal.

    Args:
        geometry: from the cell map, its first cell of a layer being the centre.
    """

    def __init__(self, geometry: Geometry) -> None:
        centres = geometry.position(geometry.layer_start[:-1])[:, :2]
        self.follows = bool((centres.abs() < SAME_MM).all())

    def incident(self, gen: Tensor, pdg: int) -> Incident:
        """Particles of `gen_info` [S, 3]."""
        energy, eta, phi = gen.double().unbind(1)
        away = torch.stack([phi.cos(), phi.sin(), eta.sinh()], dim=1) / eta.cosh()[:, None]
        position = FACE_MM * away / away[:, 2:]
        if self.follows:
            away, position = torch.tensor([0.0, 0.0, 1.0]).expand_as(away), 0 * away
        position[:, 2] = 0.0
        return Incident(
            energy=(energy * GeV).float(),
            direction=away.float(),
            position=position.float(),
            pdg=torch.full((len(gen),), pdg),
        )

    def gen(self, incident: Incident) -> Tensor:
        """`gen_info` [S, 3] of particles; the inverse of `incident`."""
        x, y, z = incident.direction.double().unbind(1)
        return torch.stack(
            [
                incident.energy.double() / GeV,
                torch.asinh(z / torch.hypot(x, y)),
                torch.atan2(y, x),
            ],
            dim=1,
        ).float()


class HGCalChallengeFile(DenseFile):
    """A file of the HGCal challenge to read.

    Args:
        path: file.
        conventions: geometry, unit of the voxels and particle.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "hgcal_challenge"

    def __init__(self, path: Path, conventions: Conventions) -> None:
        with open_hdf5(path) as file:
            check_rows(file, path, (GEN, VOXELS))
            check_column(file, path, GEN, 3)
            shape = file[VOXELS].shape
        self._conventions = conventions
        grid, expected = voxel_grid(conventions.need_geometry(NAME))
        if len(shape) != 3 or shape[1] != expected[0] or shape[2] < expected[1]:
            raise ValueError(
                f"{path}: data set {VOXELS} has shape {shape}, geometry {grid.geometry.name!r} has "
                f"{expected[0]} layers of at most {expected[1]} cells: pass the geometry imported "
                "from the cell map of the file"
            )
        padded = torch.full(shape[1:], -1)
        padded[:, : expected[1]] = grid.cell.reshape(expected)
        grid = Grid(grid.geometry, padded.reshape(-1))
        factor = conventions.factor("energy_unit", NAME)
        super().__init__(path, grid, (VOXELS,), factor, (GEN,))
        self.axis, self.pdg = Axis(grid.geometry), conventions.pdg(NAME)
        if self.axis.follows:
            self.left_out += ("eta, phi (each layer of the cell map is about its own centre)",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return self.axis.incident(read_column(file, GEN, rows), self.pdg)


class HGCalChallenge(Layout):
    """The layout of the HGCal challenge."""

    name = "hgcal_challenge"

    def claims(self, contents: Contents) -> bool:
        """It has the two data sets by their names."""
        return contents.has(**{VOXELS: 3}) and GEN in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> HGCalChallengeFile:
        """See `HGCalChallengeFile`."""
        return HGCalChallengeFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels, incident energies and directions."""
        grid, shape = voxel_grid(conventions.need_geometry(NAME))
        factor = conventions.factor("energy_unit", NAME)
        axis = Axis(grid.geometry)
        moved = False

        def others(showers: Showers) -> Rows:
            nonlocal moved
            gen = axis.gen(showers.incident)
            if not bool(gen.isfinite().all()):
                raise ValueError(_no_eta(path, grid.geometry))
            there = axis.incident(gen, 0).position
            moved |= bool(((there - showers.incident.position).abs() > SAME_MM).any())
            return {GEN: gen.numpy()}

        lost = write_voxels(
            Columns(path, outgoing, {VOXELS: shape, GEN: (3,)}),
            batches,
            grid,
            Losses(outgoing, directions=True, positions=True),
            voxels=(VOXELS,),
            factor=factor,
            others=others,
        )
        return lost + ["entry positions"] * moved


def _no_eta(path: Path, geometry: Geometry) -> str:
    return (
        f"{path}: a particle along the layers' normal has no eta: geometry {geometry.name!r} must "
        "have its cells at their x and y in the detector (columns center_x, center_y)"
    )
