"""Names of particles."""

PDG_NUMBERS = {"photon": 22, "electron": 11, "positron": -11, "pion+": 211, "pion-": -211}
"""Particles and their PDG numbers."""


def pdg_number(particle: str) -> int:
    """PDG number of a particle.

    Raises:
        ValueError: an unknown name.
    """
    if particle not in PDG_NUMBERS:
        raise ValueError(f"unknown particle {particle!r}; expected {', '.join(PDG_NUMBERS)}")
    return PDG_NUMBERS[particle]


def particle_name(pdg: int) -> str:
    """Name of a particle by its PDG number; "PDG 2112" where it has none here.

    >>> particle_name(22), particle_name(2112)
    ('photon', 'PDG 2112')
    """
    names = {number: name for name, number in PDG_NUMBERS.items()}
    return names.get(pdg, f"PDG {pdg}")
