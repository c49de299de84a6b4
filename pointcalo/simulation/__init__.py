"""Simulation of showers: incident particles, the parametric simulation, and Geant4."""

from pointcalo.simulation.geant4 import Geant4Simulation
from pointcalo.simulation.parametric import ParametricSimulation
from pointcalo.simulation.particles import (
    ParticleGun,
    central_half_width,
)

__all__ = [
    "Geant4Simulation",
    "ParametricSimulation",
    "ParticleGun",
    "central_half_width",
]
