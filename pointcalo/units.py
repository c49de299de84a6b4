"""Units and constants: a number in code is in mm, MeV, ns and rad unless its name says otherwise.

Multiply to come in, divide to go out:

>>> energy = 50 * GeV
>>> energy
50000.0
>>> energy / GeV
50.0
"""

import math

MeV = 1.0
keV = 1e-3
GeV = 1e3
TeV = 1e6

mm = 1.0
um = 1e-3
cm = 10.0
m = 1e3

ns = 1.0
ps = 1e-3
s = 1e9

rad = 1.0
mrad = 1e-3
degree = math.pi / 180

SPEED_OF_LIGHT = 299.792458
"""Speed of light in vacuum, mm/ns (exact by the definition of the metre)."""
