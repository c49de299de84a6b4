"""Materials of detector layers and the numbers a shower needs of them.

Elements, compounds: Particle Data Group, "Atomic and nuclear properties of materials"
(R. L. Workman et al., PTEP 2022, 083C01; https://pdg.lbl.gov/AtomicNuclearProperties). Mixtures
that the PDG does not list (CuW, PCB, brass) follow from their mass fractions by Bragg's rule:
1/X0 = sum(w/X0), likewise for the interaction and the Moliere radius in g/cm2, and
<dE/dx> = sum(w dE/dx).
"""

import math
from dataclasses import dataclass

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
    """

    name: str
    density: float
    charge_to_mass: float
    radiation: float
    interaction: float
    moliere: float
    minimum_loss: float

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
    return Material(
        name,
        density,
        sum(w * m.charge_to_mass for m, w in weights),
        1.0 / sum(w / m.radiation for m, w in weights),
        1.0 / sum(w / m.interaction for m, w in weights),
        1.0 / sum(w / m.moliere for m, w in weights),
        sum(w * m.minimum_loss for m, w in weights),
    )


_H = Material("H", 8.376e-5, 0.99212, 63.04, 52.0, 3.88, 4.103)
_C = Material("C", 2.210, 0.49955, 42.70, 85.8, 11.08, 1.742)
_O = Material("O", 1.332e-3, 0.50002, 34.24, 90.2, 8.91, 1.801)
_ZN = Material("Zn", 7.133, 0.45886, 12.43, 138.5, 13.92, 1.411)

AIR = Material("AIR", 1.205e-3, 0.49919, 36.62, 90.1, 8.83, 1.815)
AL = Material("Al", 2.699, 0.48181, 24.01, 107.2, 11.93, 1.615)
SI = Material("Si", 2.329, 0.49848, 21.82, 108.4, 11.51, 1.664)
LAR = Material("LAr", 1.396, 0.45059, 19.55, 119.7, 12.62, 1.508)
FE = Material("Fe", 7.874, 0.46557, 13.84, 132.1, 13.53, 1.451)
CU = Material("Cu", 8.960, 0.45636, 12.86, 137.3, 14.05, 1.403)
W = Material("W", 19.30, 0.40252, 6.76, 191.9, 18.00, 1.145)
PB = Material("Pb", 11.35, 0.39575, 6.37, 199.6, 18.18, 1.122)
POLYSTYRENE = Material("POLYSTYRENE", 1.060, 0.53768, 43.79, 77.1, 9.97, 1.936)
SCINTILLATOR = Material("SCINTILLATOR", 1.032, 0.54141, 43.90, 77.3, 9.89, 1.956)
STEEL = Material("STEEL", 7.87, 0.46557, 13.84, 132.1, 13.53, 1.451)
CUW = mixture("CuW", 14.98, {CU: 0.25, W: 0.75})
PCB = mixture("PCB", 1.85, {SI: 0.281, _O: 0.436, _C: 0.256, _H: 0.027})
BRASS = mixture("BRASS", 8.53, {CU: 0.70, _ZN: 0.30})

MATERIALS: dict[str, Material] = {
    m.name: m
    for m in (AIR, AL, SI, LAR, FE, CU, W, PB, POLYSTYRENE, SCINTILLATOR, STEEL, CUW, PCB, BRASS)
}


def material(name: str) -> Material:
    """Material of that name.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    if name not in MATERIALS:
        known = ", ".join(sorted(MATERIALS))
        raise ValueError(f"unknown material {name!r}; known materials: {known}")
    return MATERIALS[name]
