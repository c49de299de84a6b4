"""Materials of detector layers and the numbers a shower needs of them.

Elements, compounds: Particle Data Group, "Atomic and nuclear properties of materials"
(R. L. Workman et al., PTEP 2022, 083C01; https://pdg.lbl.gov/AtomicNuclearProperties). Mixtures
that the PDG does not list (CuW, PCB, brass) follow from their mass fractions by Bragg's rule:
1/X0 = sum(w/X0), likewise for the interaction and the Moliere radius in g/cm2, and
<dE/dx> = sum(w dE/dx). Any other mixture of elements is written out in place of a name, as in
"TungstenDens24 17.8 g/cm3 (W 0.93 Ni 0.061 Fe 0.009)".
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from pointcalo.units import cm

# PDG review "Passage of particles through matter", table of constants.
ELECTRON_MASS_MEV = 0.51099895
BETHE_CONSTANT = 0.307075  # K = 4 pi N_A r_e^2 m_e c^2 in MeV cm2 / mol
SCATTERING_ENERGY_MEV = 21.2052  # E_s = sqrt(4 pi / alpha) m_e c^2


@dataclass(frozen=True)
class Material:
    """A material: density g/cm3, lengths as g/cm2, minimum ionisation in MeV cm2/g.

    Args:
        name: name in geometry files.
        density: g/cm3.
        charge_to_mass: <Z/A> in mol/g.
        radiation: radiation length in g/cm2.
        interaction: nuclear interaction length in g/cm2.
        moliere: Moliere radius in g/cm2.
        minimum_loss: minimum <dE/dx> of a heavy charged particle in MeV cm2/g.
        elements: (symbol, share of the mass) of each element; what Geant4 builds it from.
    """

    name: str
    density: float
    charge_to_mass: float
    radiation: float
    interaction: float
    moliere: float
    minimum_loss: float
    elements: tuple[tuple[str, float], ...] = ()

    @property
    def radiation_length_mm(self) -> float:
        """X0 in mm."""
        return self.radiation / self.density * cm

    @property
    def interaction_length_mm(self) -> float:
        """Nuclear interaction length in mm."""
        return self.interaction / self.density * cm

    @property
    def moliere_radius_mm(self) -> float:
        """Moliere radius in mm."""
        return self.moliere / self.density * cm

    @property
    def critical_energy_MeV(self) -> float:
        """Critical energy of electrons (Rossi) in MeV: E_s X0 / R_M."""
        return SCATTERING_ENERGY_MEV * self.radiation / self.moliere

    @property
    def minimum_loss_per_mm(self) -> float:
        """Mean energy loss of a minimum-ionising particle in MeV/mm."""
        return self.minimum_loss * self.density / cm

    def most_probable_loss(self, thickness_mm: float) -> float:
        """Most probable energy loss (MeV) of a relativistic particle of unit charge.

        xi (ln(2 m_e c^2 xi / (h omega_p)^2) + 0.2) with xi = K/2 <Z/A> rho x: the limit of the
        Landau-Vavilov-Bichsel formula with the full density effect.
        Source: PDG review 2022, eqs. 34.12-34.13.
        """
        width = 0.5 * BETHE_CONSTANT * self.charge_to_mass * self.density * thickness_mm / cm
        plasma = 28.816e-6 * math.sqrt(self.density * self.charge_to_mass)
        logarithm = math.log(2.0 * ELECTRON_MASS_MEV * width / plasma**2)
        return width * max(logarithm + 0.2, 0.0)


def mixture(name: str, density: float, fractions: dict[Material, float]) -> Material:
    """Material of the given density (g/cm3) from mass fractions, by Bragg's additivity."""
    total = sum(fractions.values())
    weights = [(material, fraction / total) for material, fraction in fractions.items()]
    elements: dict[str, float] = {}
    for part, weight in weights:
        for symbol, share in part.elements:
            elements[symbol] = elements.get(symbol, 0.0) + weight * share
    return Material(
        name,
        density,
        sum(w * m.charge_to_mass for m, w in weights),
        1.0 / sum(w / m.radiation for m, w in weights),
        1.0 / sum(w / m.interaction for m, w in weights),
        1.0 / sum(w / m.moliere for m, w in weights),
        sum(w * m.minimum_loss for m, w in weights),
        tuple(elements.items()),
    )


_H = Material("H", 8.376e-5, 0.99212, 63.04, 52.0, 3.88, 4.103, (("H", 1.0),))
_C = Material("C", 2.210, 0.49955, 42.70, 85.8, 11.08, 1.742, (("C", 1.0),))
_O = Material("O", 1.332e-3, 0.50002, 34.24, 90.2, 8.91, 1.801, (("O", 1.0),))
_ZN = Material("Zn", 7.133, 0.45886, 12.43, 138.5, 13.92, 1.411, (("Zn", 1.0),))

AIR = Material(
    "AIR",
    1.205e-3,
    0.49919,
    36.62,
    90.1,
    8.83,
    1.815,
    (("C", 0.000124), ("N", 0.755267), ("O", 0.231781), ("Ar", 0.012827)),
)
AL = Material("Al", 2.699, 0.48181, 24.01, 107.2, 11.93, 1.615, (("Al", 1.0),))
SI = Material("Si", 2.329, 0.49848, 21.82, 108.4, 11.51, 1.664, (("Si", 1.0),))
LAR = Material("LAr", 1.396, 0.45059, 19.55, 119.7, 12.62, 1.508, (("Ar", 1.0),))
FE = Material("Fe", 7.874, 0.46557, 13.84, 132.1, 13.53, 1.451, (("Fe", 1.0),))
CU = Material("Cu", 8.960, 0.45636, 12.86, 137.3, 14.05, 1.403, (("Cu", 1.0),))
W = Material("W", 19.30, 0.40252, 6.76, 191.9, 18.00, 1.145, (("W", 1.0),))
PB = Material("Pb", 11.35, 0.39575, 6.37, 199.6, 18.18, 1.122, (("Pb", 1.0),))
POLYSTYRENE = Material(
    "POLYSTYRENE", 1.060, 0.53768, 43.79, 77.1, 9.97, 1.936, (("H", 0.077418), ("C", 0.922582))
)
SCINTILLATOR = Material(
    "SCINTILLATOR", 1.032, 0.54141, 43.90, 77.3, 9.89, 1.956, (("H", 0.085), ("C", 0.915))
)
STEEL = Material("STEEL", 7.87, 0.46557, 13.84, 132.1, 13.53, 1.451, (("Fe", 1.0),))
CUW = mixture("CuW", 14.98, {CU: 0.25, W: 0.75})
PCB = mixture("PCB", 1.85, {SI: 0.281, _O: 0.436, _C: 0.256, _H: 0.027})
BRASS = mixture("BRASS", 8.53, {CU: 0.70, _ZN: 0.30})

MATERIALS: dict[str, Material] = {
    m.name: m
    for m in (AIR, AL, SI, LAR, FE, CU, W, PB, POLYSTYRENE, SCINTILLATOR, STEEL, CUW, PCB, BRASS)
}


# Elements of mixtures: Z, <Z/A> in mol/g, X0, interaction length (both g/cm2), minimum <dE/dx> in
# MeV cm2/g. Interaction lengths of Ca, Cr, Mn and Br lie between their neighbours', along A^(1/3).
_MINOR_ELEMENTS = {
    "Be": (4, 0.44384, 65.19, 77.8, 1.595),
    "B": (5, 0.46245, 52.69, 83.3, 1.623),
    "N": (7, 0.49976, 37.99, 89.7, 1.825),
    "F": (9, 0.47372, 32.93, 97.4, 1.676),
    "Na": (11, 0.47847, 27.74, 102.6, 1.639),
    "Mg": (12, 0.49373, 25.03, 104.1, 1.674),
    "P": (15, 0.48428, 21.21, 111.4, 1.613),
    "S": (16, 0.49897, 19.50, 112.4, 1.652),
    "Cl": (17, 0.47951, 19.28, 115.7, 1.630),
    "Ca": (20, 0.49903, 16.14, 119.8, 1.655),
    "Ti": (22, 0.45961, 16.16, 126.2, 1.477),
    "Cr": (24, 0.46157, 14.94, 129.4, 1.456),
    "Mn": (25, 0.45506, 14.64, 131.5, 1.428),
    "Ni": (28, 0.47706, 12.68, 134.1, 1.468),
    "Br": (35, 0.43803, 11.42, 147.4, 1.385),
    "Sn": (50, 0.42119, 8.82, 166.7, 1.263),
}


def _minor_element(symbol: str) -> Material:
    """Its Moliere radius follows from the critical energy 610 MeV / (Z + 1.24) (PDG, solids)."""
    z, charge_to_mass, radiation, interaction, loss = _MINOR_ELEMENTS[symbol]
    moliere = radiation * SCATTERING_ENERGY_MEV * (z + 1.24) / 610.0
    elements = ((symbol, 1.0),)
    return Material(symbol, 1.0, charge_to_mass, radiation, interaction, moliere, loss, elements)


# The density of an element does not count in a mixture.
ELEMENTS: dict[str, Material] = {
    **{"H": _H, "C": _C, "O": _O, "Al": AL, "Si": SI, "Ar": LAR},
    **{"Fe": FE, "Cu": CU, "Zn": _ZN, "W": W, "Pb": PB},
    **{symbol: _minor_element(symbol) for symbol in _MINOR_ELEMENTS},
}

ATOMIC_NUMBERS: dict[str, int] = {
    **{"H": 1, "C": 6, "O": 8, "Al": 13, "Si": 14, "Ar": 18},
    **{"Fe": 26, "Cu": 29, "Zn": 30, "W": 74, "Pb": 82},
    **{symbol: values[0] for symbol, values in _MINOR_ELEMENTS.items()},
}

_MIXTURE = re.compile(r"(\S+) (\S+) g/cm3 \((.+)\)")


def mixture_name(name: str, density: float, fractions: dict[str, float]) -> str:
    """The name that stands for a mixture in geometry files; `composition` reads it back.

    Args:
        name: what people call it.
        density: g/cm3.
        fractions: mass fraction of each element of `ELEMENTS`.
    """
    total = sum(fractions.values())
    rounded = {symbol: f"{part / total:.4g}" for symbol, part in fractions.items()}
    parts = " ".join(f"{symbol} {part}" for symbol, part in rounded.items() if float(part) >= 1e-5)
    return f"{name.replace(' ', '_')} {density:.5g} g/cm3 ({parts})"


def composition(name: str) -> tuple[float, dict[str, float]] | None:
    """Density (g/cm3) and mass fractions of a written-out mixture; None for any other name.

    Raises:
        ValueError: no such elements, or fractions that do not add up to 1.
    """
    found = _MIXTURE.fullmatch(name)
    if found is None:
        return None
    words = found[3].split()
    try:
        density = float(found[2])
        fractions = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    except ValueError:
        density, fractions = 0.0, {}
    unknown = sorted(set(fractions) - set(ELEMENTS))
    if unknown:
        raise ValueError(f"{name!r} has {', '.join(unknown)}; known: {', '.join(ELEMENTS)}")
    in_order = density > 0.0 and all(part > 0.0 for part in fractions.values())
    if not in_order or abs(sum(fractions.values()) - 1.0) > 0.02:
        raise ValueError(
            f"{name!r} is no mixture; expected NAME density g/cm3 (W 0.95 Ni 0.05) with mass "
            "fractions that add up to 1"
        )
    return density, fractions


@lru_cache(maxsize=256)
def material(name: str) -> Material:
    """Material of that name, or the mixture that the name writes out.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    if name in MATERIALS:
        return MATERIALS[name]
    written_out = composition(name)
    if written_out is None:
        known = ", ".join(sorted(MATERIALS))
        raise ValueError(
            f"unknown material {name!r}; known materials: {known}, or a mixture of elements: "
            "'NAME 17.8 g/cm3 (W 0.95 Ni 0.05)'"
        )
    density, fractions = written_out
    return mixture(name, density, {ELEMENTS[symbol]: w for symbol, w in fractions.items()})
