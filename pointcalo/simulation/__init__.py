"""Simulation of showers: incident particles and the parametric simulation."""

from pointcalo.simulation.parametric import ParametricSimulation
from pointcalo.simulation.particles import (
    PDG_NUMBERS,
    ParticleGun,
    central_half_width,
    pdg_number,
)

__all__ = [
    "PDG_NUMBERS",
    "ParametricSimulation",
    "ParticleGun",
    "central_half_width",
    "pdg_number",
]
