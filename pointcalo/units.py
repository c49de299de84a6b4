"""Units and constants: a number is in MeV, mm, ns or rad unless its name says otherwise.

Multiply to come in, divide to go out:

>>> energy = 50 * GeV
>>> energy
50000.0
>>> energy / GeV
50.0
"""

import math

MeV = 1.0
GeV = 1000.0

mm = 1.0
cm = 10.0
m = 1000.0

LENGTHS = {"mm": mm, "cm": cm, "m": m}
"""Units of length that files may be in, by name."""

ns = 1.0

rad = 1.0
degree = math.pi / 180.0

SPEED_OF_LIGHT = 299.792458
"""Speed of light in vacuum in mm/ns (exact: the definition of the metre)."""
