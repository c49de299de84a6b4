"""What a program takes and gives."""

from collections.abc import Mapping, Sequence

Table = Mapping[str, tuple[str, Sequence[int | str], str, str]]
"""Of inputs or outputs, by name: type, shape, unit and meaning. Sizes that are words may vary."""

PARTICLES: Table = {
    "energy": ("float32", ["S"], "MeV", "kinetic energy of the incident particles"),
    "direction": ("float32", ["S", 3], "", "unit vectors of their momenta"),
    "position": ("float32", ["S", 3], "mm", "where their axes cross the face z = 0"),
    "pdg": ("int64", ["S"], "", "their numbers of the Particle Data Group"),
    "conditions": ("float32", ["S", "C"], "see conditions", "extra numbers of theirs"),
}
HITS: Table = {
    "ptr": ("int64", ["S + 1"], "", "hits of shower s are ptr[s] to ptr[s + 1]"),
    "layer": ("int64", ["P"], "", "detector layer of each hit"),
    "cell": ("int64", ["P"], "", "its cell, numbered as in the geometry file"),
    "points": ("float32", ["P", 4], "mm, mm, MeV, ns", "x and y of the cell, energy, time"),
}
