"""What a file of a foreign layout does not say of itself, and the user does."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo import units
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerError
from pointcalo.showers.particles import pdg_number

ENERGY_UNITS = {"MeV": units.MeV, "GeV": units.GeV}
KNOWN_UNITS = {
    "energy_unit": ENERGY_UNITS,
    "incident_energy_unit": ENERGY_UNITS,
    "length_unit": units.LENGTHS,
}
DEPTHS = ("layer", "spread", "z")
# A layer number that went through single precision may be this far from a whole number.
WHOLE_TOLERANCE = 1e-3
LARGEST_LAYER = 1 << 15
ROWS = ("cells", "deposits")


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """What a file does not say of itself.

    Args:
        geometry: the detector; layouts of voxels need it to know their cells.
        layout: name of the layout; empty: what the file itself says.
        energy_unit: of the points, where the layout does not fix it: MeV or GeV.
        incident_energy_unit: of the incident particles; empty: that of the points.
        length_unit: mm, cm or m, where the layout does not fix it.
        depth: what the depth of a point is: layer (number, from 0), spread (layer k is spread
            over k to k + 1) or z (length along the depth).
        rows: what a row is: cells or deposits.
        incident_particle: where the file does not name it: photon, electron, ...; may be empty.
        entry_mm: (x, y) where particles enter, for files of points that do not say it.
        collections: of an EDM4hep file or the name of a tree, comma-separated; may be empty.
        readout: DD4hep's fields of a cellID, where the file does not hold them; may be empty.

    Raises:
        ValueError: an unknown unit, particle or the like, an entry that is no two numbers, or z
            without a geometry.
    """

    geometry: Geometry | None = None
    layout: str = ""
    energy_unit: str = ""
    incident_energy_unit: str = ""
    length_unit: str = "mm"
    depth: str = "layer"
    rows: str = "deposits"
    incident_particle: str = ""
    entry_mm: tuple[float, float] = (0.0, 0.0)
    collections: str = ""
    readout: str = ""

    def __post_init__(self) -> None:
        for name, known in KNOWN_UNITS.items():
            if getattr(self, name) not in ("", *known):
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}"
                )
        for name, choices in (("depth", DEPTHS), ("rows", ROWS)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(choices)}"
                )
        if self.depth == "z" and self.geometry is None:
            raise ValueError("depth=z needs the depths of the layers: pass geometry=NAME")
        entry = self.entry_mm
        if not isinstance(entry, tuple) or len(entry) != 2 or not all(map(_is_finite, entry)):
            raise ValueError(f"entry_mm: got {entry!r}, expected [x, y] in mm")
        if self.incident_particle:
            pdg_number(self.incident_particle)

    def factor(self, name: str, layout: str) -> float:
        """What a number in the unit called `name` is multiplied by to be native.

        Args:
            name: energy_unit, incident_energy_unit or length_unit.
            layout: name of the layout that does not record it, for the error.

        Raises:
            ValueError: the user has not said it.
        """
        given = getattr(self, name) or self.energy_unit
        if not given:
            raise ValueError(
                f"energy_unit: a file of {layout} records no units, it is in MeV or in GeV: pass "
                "energy_unit=GeV or energy_unit=MeV"
            )
        return KNOWN_UNITS[name][given]

    def layer_numbers(self, depth: Tensor, shower: Tensor) -> Tensor:
        """Layers [P] int64 of points by their depths, as the convention says.

        Args:
            depth: [P], in the length unit where it is a length.
            shower: shower of each point, [P] int64, for the error.

        Raises:
            ShowerError: a depth that is no layer number, or before or behind all layers.
        """
        if self.depth == "z" and self.geometry is not None:
            z = depth * units.LENGTHS[self.length_unit]
            known = self.geometry.layer_z.sort().values
            ends = known[[0, -1]]
            if len(known) > 1:
                ends = ends + torch.stack((known[0] - known[1], known[-1] - known[-2])) / 2
            wrong = ~((z >= ends[0]) & (z <= ends[1]))
            layer = (z[:, None] - self.geometry.layer_z).abs().argmin(dim=1)
            expected = f"z of geometry {self.geometry.name!r} goes from {ends[0]:g} to {ends[1]:g}"
        else:
            layer = depth.floor() if self.depth == "spread" else depth.round()
            wrong = ~(depth.isfinite() & (depth.abs() < LARGEST_LAYER))
            if self.depth == "layer":
                wrong |= ~((depth - layer).abs() < WHOLE_TOLERANCE)
            expected = (
                "that is no layer number: pass depth=z and geometry=NAME where it is a length, "
                "depth=spread where layer k is spread over k to k + 1"
            )
        if bool(wrong.any()):
            first = int(wrong.nonzero()[0, 0])
            raise ShowerError(int(shower[first]), f"depth {float(depth[first]):g}, {expected}")
        return layer.long()

    def depths(self, layer: Tensor) -> Tensor:
        """Depths [P] of points in layers [P], the inverse of `layer_numbers`."""
        if self.depth == "z" and self.geometry is not None:
            return self.geometry.layer_z[layer] / units.LENGTHS[self.length_unit]
        return layer + (0.5 if self.depth == "spread" else 0.0)

    def pdg(self, layout: str, default: str = "") -> int:
        """PDG number of the incident particles of a layout that does not name them.

        Args:
            layout: its name, for the error.
            default: particle of all known files of that layout; empty where there is none.

        Raises:
            ValueError: nobody has said it.
        """
        name = self.incident_particle or default
        if not name:
            raise ValueError(
                f"incident_particle: a file of {layout} does not name it: pass "
                "incident_particle=photon, electron, pion+ or another"
            )
        return pdg_number(name)

    def need_geometry(self, layout: str) -> Geometry:
        """The geometry.

        Raises:
            ValueError: none was given.
        """
        if self.geometry is None:
            raise ValueError(
                f"geometry: a file of {layout} does not name its cells: pass geometry=NAME"
            )
        return self.geometry


def along_axis(energy: Tensor, pdg: int) -> Incident:
    """Particles of energies [S] (MeV) that enter at the origin along the layers' normal."""
    size = len(energy)
    return Incident(
        energy=energy,
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(size, 1),
        position=torch.zeros(size, 3),
        pdg=torch.full((size,), pdg),
    )
