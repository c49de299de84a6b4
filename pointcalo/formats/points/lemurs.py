"""Points of LEMURS showers: ShowerData about the place where a particle enters a barrel.

Rows are (dh_t mm, dh_z mm, layer, energy GeV, 0): dh_t along the barrel's circumference, dh_z
along the beam, both from the gun, which stands on the barrel's inner face. In the local frame of
the barrel there x = dh_t, y = dh_z and z points outwards; `directions` and `gun_position` are in
the detector's frame. Source: https://github.com/FLC-QU-hep/multi-calorimeter-dataset (LEMURS.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import (
    check_column,
    check_rows,
    left_over,
    open_hdf5,
    read_column,
    source_of,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.points.showerdata import (
    DERIVED,
    NEEDED,
    POSITION,
    ShowerDataFile,
    write_showerdata,
)
from pointcalo.formats.voxels.dense_writing import Losses
from pointcalo.showers import TIME, Incident, Showers, Y, segment_sum

FRACTION, LAYERS = "sampling_fraction", "num_layers"
ADDED = (FRACTION, LAYERS, POSITION)
UNITS = {"energy_unit": "GeV", "incident_energy_unit": "GeV", "length_unit": "mm", "depth": "layer"}


def in_barrel(conventions: Conventions) -> Conventions:
    """What the layout fixes in place of what the user says."""
    return replace(conventions, **UNITS)


class LemursFile(ShowerDataFile):
    """A file of LEMURS points to read.

    Args:
        path: file.
        conventions: geometry; units are known.

    Raises:
        OSError, ValueError: the file cannot be used; one line.
    """

    layout: ClassVar[str] = "lemurs"

    def __init__(self, path: Path, conventions: Conventions) -> None:
        super().__init__(path, in_barrel(conventions))
        with open_hdf5(path) as file:
            check_rows(file, path, ("energies", *ADDED))
            self.source = source_of(file, "LEMURS")
            for name, width in ((FRACTION, 1), (LAYERS, 1), (POSITION, 3)):
                check_column(file, path, name, width)
            self.left_out = left_over(file, (*NEEDED, *ADDED, *DERIVED))
        self.left_out += (f"{FRACTION}, {LAYERS}, {POSITION} (place in the detector)",)

    def _incident(self, file: h5py.File, rows: slice) -> Incident:
        gun, away = (read_column(file, name, rows).double() for name in (POSITION, "directions"))
        radius = torch.hypot(gun[:, 0], gun[:, 1])
        ahead = away.new_tensor([1.0, 0.0])
        out = torch.where((radius > 0)[:, None], gun[:, :2] / radius[:, None], ahead)
        outwards = (away[:, :2] * out).sum(dim=1)
        around = away[:, 1] * out[:, 0] - away[:, 0] * out[:, 1]
        energy = read_column(file, "energies", rows).reshape(-1)
        return Incident(
            energy=energy * self.conventions.factor("incident_energy_unit", "LEMURS"),
            direction=torch.stack([around, away[:, 2], outwards], dim=1).float(),
            position=torch.zeros(len(energy), 3),
            pdg=torch.from_numpy(file["pdg"][rows].astype(np.int64)).reshape(-1),
        )


class Lemurs(Layout):
    """The layout of LEMURS points."""

    name = "lemurs"

    def claims(self, contents: Contents) -> bool:
        """ShowerData with the three data sets that are added."""
        return all(name in contents.shapes for name in (*NEEDED, *ADDED))

    def open(self, path: Path, conventions: Conventions) -> LemursFile:
        """See `LemursFile`."""
        return LemursFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds all but times and places of entry; the gun stands where the detector begins."""
        losses = Losses(directions=True, particles=True)

        def about_gun() -> Iterator[Showers]:
            for batch in batches:
                losses.note(batch)
                yield _about_gun(batch)

        said = in_barrel(conventions)
        write_showerdata(path, about_gun(), outgoing=outgoing, conventions=said, added=_added)
        return losses.phrases()


def _about_gun(showers: Showers) -> Showers:
    """Points from the place of entry, directions of a barrel whose gun is at azimuth 0."""
    incident = showers.incident
    points = showers.points.clone()
    points[:, : Y + 1] -= incident.position[showers.index, : Y + 1]
    points[:, TIME] = 0.0
    x, y, z = incident.direction.unbind(1)
    barrel = replace(
        incident,
        direction=torch.stack([z, x, y], dim=1),
        position=torch.zeros_like(incident.position),
    )
    return showers.replace(points=points, incident=barrel)


def _added(showers: Showers) -> dict[str, NDArray[Any]]:
    """Visible energy over the incident one, layers with energy, and the gun."""
    held = showers.keep(showers.energy > 0)
    pairs = torch.stack([held.index, held.layer]).unique(dim=1)
    layers = torch.bincount(pairs[0], minlength=len(held))
    fraction = segment_sum(held.energy, held.ptr) / held.incident.energy
    return {
        FRACTION: fraction[:, None].numpy(),
        LAYERS: layers[:, None].int().numpy(),
        POSITION: showers.incident.position.numpy(),
    }
