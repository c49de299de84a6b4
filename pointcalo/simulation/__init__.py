"""Simulation of showers: incident particles, the parametric simulation, and Geant4."""

from pointcalo.simulation.base import Simulation
from pointcalo.simulation.geant4 import Geant4Simulation
from pointcalo.simulation.parametric import ParametricSimulation
from pointcalo.simulation.particles import ParticleGun, central_half_width, draw_columns

__all__ = [
    "Geant4Simulation",
    "ParametricSimulation",
    "ParticleGun",
    "Simulation",
    "central_half_width",
    "draw_columns",
]
