"""What every simulation asks of its geometry and its incident particles."""

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident
from pointcalo.units import GeV

HIGHEST_ENERGY = 100_000 * GeV  # Geant4's tables end there; the parametric simulation's memory too


def check_materials(geometry: Geometry) -> None:
    """Raise ValueError where layers have no materials."""
    unknown = [n for n, layer in enumerate(geometry.layers) if layer.active is None]
    if unknown:
        raise ValueError(
            f"geometry {geometry.name}: layers {unknown[0]} to {unknown[-1]} have no materials"
            ", so nothing can be simulated; train with data=FILE, or give stack=NAME or slabs"
        )


def check_incident(incident: Incident, geometry: Geometry, simulation: str) -> None:
    """Raise ValueError for more than 100 TeV and for particles that fly away from all layers."""
    highest = float(incident.energy.max())
    if highest > HIGHEST_ENERGY:
        raise ValueError(
            f"the {simulation} simulation got an incident energy of {highest / GeV:g} GeV; "
            f"expected at most {HIGHEST_ENERGY / GeV:g} GeV"
        )
    for side in (1, -1):
        away = incident.direction[:, 2] * side > 0
        if bool(away.any()) and not any(layer.z * side > 0 for layer in geometry.layers):
            raise ValueError(
                f"incident particle {int(away.nonzero()[0])} flies away from the layers of "
                f"{geometry.name}; expected direction z {'<' if side > 0 else '>'} 0"
            )
