"""Materials of DD4hep compact files as names that pointcalo knows."""

import math
from collections.abc import Callable
from xml.etree.ElementTree import Element

from pointcalo.geometry.importers.dd4hep_compact import Compact
from pointcalo.geometry.materials import (
    ATOMIC_NUMBERS,
    ELEMENTS,
    MATERIALS,
    material,
    mixture_name,
)

# Names of DD4hep's detectors for built-in materials.
SYNONYMS = {
    **dict.fromkeys(("Air", "G4_AIR", "air"), "AIR"),
    **dict.fromkeys(("Silicon", "G4_Si", "silicon"), "Si"),
    **dict.fromkeys(("Tungsten", "G4_W"), "W"),
    **dict.fromkeys(("Iron", "G4_Fe"), "Fe"),
    **dict.fromkeys(("Copper", "G4_Cu"), "Cu"),
    **dict.fromkeys(("Lead", "G4_Pb"), "Pb"),
    **dict.fromkeys(("Aluminum", "Aluminium", "G4_Al"), "Al"),
    **dict.fromkeys(("Steel235", "Steel", "Steel_235"), "STEEL"),
    **dict.fromkeys(("Polystyrene", "G4_POLYSTYRENE"), "POLYSTYRENE"),
    **dict.fromkeys(
        ("Scintillator", "G4_PLASTIC_SC_VINYLTOLUENE", "Polyvinyltoluene"), "SCINTILLATOR"
    ),
    **dict.fromkeys(("LiquidArgon", "G4_lAr", "lAr"), "LAr"),
    **dict.fromkeys(("Brass", "G4_BRASS"), "BRASS"),
}

# Where a file does not define them: as in k4geo's materials.xml (github.com/key4hep/k4geo,
# ILD/compact/ILD_common_v02), density in g/cm3 and mass fractions.
COMMON_MIXTURES = {
    "TungstenDens24": (17.8, {"W": 0.93, "Ni": 0.061, "Fe": 0.009}),
    "G10": (1.7, {"Cl": 0.08, "O": 0.4606, "Si": 0.3613, "H": 0.0194, "C": 0.0787}),
    "CarbonFiber": (1.4667, {"C": 0.7941, "H": 0.0584, "O": 0.1475}),
    "siPCBMix": (
        5.0508,
        {"Cu": 0.81876, "O": 0.08348, "Si": 0.06549, "Cl": 0.0145, "C": 0.01426, "H": 0.00351},
    ),
    "GroundOrHVMix": (
        5.19,
        {"Cu": 0.8632, "C": 0.09455, "O": 0.02862, "N": 0.01002, "H": 0.00361},
    ),
}

DENSITY_UNITS = {"g/cm3": 1.0, "g/cm^3": 1.0, "mg/cm3": 1e-3, "kg/m3": 1e-3}
SAME = 0.01  # a built-in material's density and radiation length agree within this share
DEEPEST = 20  # materials made of one another


def material_namer(compact: Compact) -> Callable[[str], str]:
    """A function from the name of a material in a compact file to that in a geometry file.

    The definition in the file counts. Without one, names of DD4hep's common materials are known.
    The function raises ValueError for a material that is neither.
    """
    found: dict[str, str] = {}

    def name_of(name: str) -> str:
        if name not in found:
            defined = name in compact.materials
            found[name] = _defined(name, compact) if defined else _undefined(name)
        return found[name]

    return name_of


def _undefined(name: str) -> str:
    if name in COMMON_MIXTURES:
        return mixture_name(name, *COMMON_MIXTURES[name])
    known = SYNONYMS.get(name, name)
    if known not in MATERIALS:
        names = ", ".join((*SYNONYMS, *COMMON_MIXTURES, *MATERIALS))
        raise ValueError(
            f"material {name!r} is neither defined in the file nor known; include the file that "
            f"defines it, or use one of {names}"
        )
    return known


def _defined(name: str, compact: Compact) -> str:
    """The built-in material that a definition describes, else the mixture written out."""
    fractions = _fractions(name, compact, ())
    written_out = mixture_name(name, _density(name, compact), fractions)
    found = material(written_out)
    alone = next(iter(fractions)) if len(fractions) == 1 else ""
    for built_in in (MATERIALS.get(SYNONYMS.get(name, name)), MATERIALS.get(alone)):
        if built_in is not None and all(
            math.isclose(getattr(found, key), getattr(built_in, key), rel_tol=SAME)
            for key in ("density", "radiation")
        ):
            return built_in.name
    return written_out


def _density(name: str, compact: Compact) -> float:
    """Density in g/cm3."""
    entry = compact.materials[name].find("D")
    if entry is None:
        raise ValueError(f"material {name!r} has no <D unit='g/cm3' value=.../>, its density")
    unit = entry.get("unit", "g/cm3")
    if unit not in DENSITY_UNITS:
        raise ValueError(
            f"material {name!r} has its density in {unit!r}; known: {', '.join(DENSITY_UNITS)}"
        )
    value = compact.constants.number(f"density of {name}", entry.get("value", ""))
    if value <= 0.0:
        raise ValueError(f"material {name!r} has the density {value:g}; expected a number above 0")
    return value * DENSITY_UNITS[unit]


def _fractions(name: str, compact: Compact, within: tuple[str, ...]) -> dict[str, float]:
    """Mass fraction of each chemical element of a material of the file."""
    if name in within or len(within) > DEEPEST:
        raise ValueError(f"materials are made of one another: {' -> '.join((*within, name))}")
    entry = compact.materials[name]
    shares: dict[str, float] = {}
    for part in (*entry.findall("fraction"), *entry.findall("composite")):
        reference = part.get("ref", "")
        weight = compact.constants.number(f"n of {reference} in {name}", part.get("n", ""))
        if weight < 0.0:
            raise ValueError(f"material {name!r} has {weight:g} of {reference}; expected 0 or more")
        symbol = compact.elements.get(reference, reference)
        if part.tag == "composite":
            weight *= _atomic_mass(symbol, name)
        if symbol not in ELEMENTS and reference in compact.materials:
            inner = _fractions(reference, compact, (*within, name))
        else:
            _atomic_mass(symbol, name)
            inner = {symbol: 1.0}
        for element, share in inner.items():
            shares[element] = shares.get(element, 0.0) + weight * share
    return _normalised(shares, entry, name)


def _normalised(shares: dict[str, float], entry: Element, name: str) -> dict[str, float]:
    """Shares that add up to 1; those of a pure element, given by its Z, where there are none."""
    if not shares and entry.get("Z"):
        symbol = next((s for s, z in ATOMIC_NUMBERS.items() if str(z) == entry.get("Z")), "")
        _atomic_mass(symbol or f"Z = {entry.get('Z')}", name)
        return {symbol: 1.0}
    total = sum(shares.values())
    if total <= 0.0:
        raise ValueError(f"material {name!r} has no <fraction> or <composite> of elements")
    return {symbol: share / total for symbol, share in shares.items() if share > 0.0}


def _atomic_mass(symbol: str, name: str) -> float:
    """Mass of an atom in g/mol."""
    if symbol not in ELEMENTS:
        raise ValueError(
            f"material {name!r} contains {symbol}, whose properties are not known; replace it by "
            f"one of {', '.join(ELEMENTS)}"
        )
    return ATOMIC_NUMBERS[symbol] / ELEMENTS[symbol].charge_to_mass
