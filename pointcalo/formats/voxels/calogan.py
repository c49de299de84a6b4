"""Files of CaloGAN: three layers of cells and what lies outside of them, MeV.

`layer_0` [N, 3, 96], `layer_1` [N, 12, 12], `layer_2` [N, 12, 6], the first axis phi, the second
eta, both rising; `overflow` [N, 3] is the energy of each layer beyond the cells, `energy` [N, 1]
the incident one in GeV. Particles fly along the layers' normal through the middle; the name of the
file says which they are. Source: M. Paganini, L. de Oliveira, B. Nachman, 2018, arXiv:1705.02355;
axes, units and double precision: github.com/hep-lbdl/CaloGAN, generation (SteppingAction.cc,
convert.py).
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
    faults_named,
    open_hdf5,
    read_column,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.voxels.dense import DenseFile, Grid
from pointcalo.formats.voxels.dense_writing import Columns, Losses, Rows, write_voxels
from pointcalo.formats.voxels.windows import check_layers, window
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.units import GeV

NAME = "calogan"
SHAPES = {"layer_0": (3, 96), "layer_1": (12, 12), "layer_2": (12, 6)}
ENERGY, OVERFLOW = "energy", "overflow"
PIECE = 1 << 16  # showers


def voxel_grid(geometry: Geometry) -> Grid:
    """The voxels of the three layers, phi outwards, eta fastest."""
    check_layers(geometry, len(SHAPES), NAME)
    cells = [
        window(geometry, layer, eta, phi).T.reshape(-1)
        for layer, (phi, eta) in enumerate(SHAPES.values())
    ]
    return Grid(geometry, torch.cat(cells))


class CaloGANFile(DenseFile):
    """A file of CaloGAN to read.

    Args:
        path: file.
        conventions: particle, and the geometry where it is not the built-in one.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = NAME

    def __init__(self, path: Path, conventions: Conventions) -> None:
        with open_hdf5(path) as file:
            check_rows(file, path, (*SHAPES, ENERGY, *(OVERFLOW,) * (OVERFLOW in file)))
            check_column(file, path, ENERGY)
            for name, shape in SHAPES.items():
                if file[name].shape[1:] != shape:
                    raise ValueError(
                        f"{path}: data set {name} has shape {file[name].shape}, expected (N, "
                        f"{shape[0]}, {shape[1]})"
                    )
            outside = _outside(file[OVERFLOW], path) if OVERFLOW in file else 0.0
        with faults_named(path):
            grid = voxel_grid(conventions.geometry or Geometry.load(NAME))
        super().__init__(path, grid, tuple(SHAPES), 1.0, (ENERGY, OVERFLOW))
        self.pdg = conventions.pdg(NAME)
        if outside:
            self.left_out += (f"overflow ({outside:.3g} MeV outside the cells)",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        return along_axis(read_column(file, ENERGY, rows).reshape(-1) * GeV, self.pdg)


def _outside(data: h5py.Dataset, path: Path) -> float:
    total = 0.0
    for first in range(0, len(data), PIECE):
        values = data[first : first + PIECE].astype("f8")
        if not (values >= 0).all():
            shower = first + int((~(values >= 0)).nonzero()[0][0])
            raise ValueError(f"{path}: shower {shower}: {OVERFLOW} is below 0 or not a number")
        total += float(values.sum())
    return total


class CaloGAN(Layout):
    """The layout of CaloGAN."""

    name = NAME

    def claims(self, contents: Contents) -> bool:
        """It has the three layers."""
        return contents.has(**dict.fromkeys(SHAPES, 3)) and ENERGY in contents.shapes

    def open(self, path: Path, conventions: Conventions) -> CaloGANFile:
        """See `CaloGANFile`."""
        return CaloGANFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds voxels, the energy beyond them in each layer, and incident energies."""
        grid = voxel_grid(conventions.need_geometry(NAME))
        shapes = {ENERGY: (1,), **SHAPES, OVERFLOW: (len(SHAPES),)}

        def others(showers: Showers) -> Rows:
            return {
                ENERGY: (showers.incident.energy / GeV).numpy(),
                OVERFLOW: showers.keep(grid.voxels(showers) < 0).layer_sums(3)[1].numpy(),
            }

        return write_voxels(
            Columns(path, outgoing, shapes, dtypes=dict.fromkeys(shapes, "f8")),
            batches,
            grid,
            Losses(outgoing, outside=True),
            voxels=tuple(SHAPES),
            factor=1.0,
            others=others,
        )
