"""What a file of a foreign layout does not say of itself, and the user does."""

from dataclasses import dataclass

from pointcalo import units
from pointcalo.geometry import Geometry
from pointcalo.showers.particles import pdg_number

ENERGY_UNITS = {"MeV": units.MeV, "GeV": units.GeV}
LENGTH_UNITS = {"mm": units.mm, "cm": units.cm, "m": units.m}
KNOWN_UNITS = {
    "energy_unit": ENERGY_UNITS,
    "incident_energy_unit": ENERGY_UNITS,
    "length_unit": LENGTH_UNITS,
}
DEPTHS = ("layer", "z")
ROWS = ("cells", "deposits")


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """What a file does not say of itself.

    Args:
        geometry: the detector; layouts of voxels need it to know their cells.
        layout: name of the layout; empty: what the file itself says.
        energy_unit: of the points, where the layout does not fix it: MeV or GeV.
        incident_energy_unit: of the incident particles; empty: that of the points.
        length_unit: mm, cm or m, where the layout does not fix it.
        depth: what the third coordinate is: layer (number, from 0) or z (length along the depth).
        rows: what a row is: cells or deposits.
        incident_particle: where the file does not name it: photon, electron, ...; may be empty.
        collections: of an EDM4hep file or the name of a tree, comma-separated; may be empty.

    Raises:
        ValueError: an unknown unit, particle or the like, or z without a geometry.
    """

    geometry: Geometry | None = None
    layout: str = ""
    energy_unit: str = ""
    incident_energy_unit: str = ""
    length_unit: str = "mm"
    depth: str = "layer"
    rows: str = "deposits"
    incident_particle: str = ""
    collections: str = ""

    def __post_init__(self) -> None:
        for name, known in KNOWN_UNITS.items():
            if getattr(self, name) not in ("", *known):
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}"
                )
        for name, choices in (("depth", DEPTHS), ("rows", ROWS)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, expected {' or '.join(choices)}"
                )
        if self.depth == "z" and self.geometry is None:
            raise ValueError("depth=z needs the depths of the layers: pass geometry=NAME")
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
