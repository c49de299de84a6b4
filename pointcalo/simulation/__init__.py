"""Simulation of showers: incident particles and the parametric simulation."""

from pointcalo.simulation.parametric import ParametricSimulation
from pointcalo.simulation.particles import (
    ParticleGun,
    central_half_width,
)

__all__ = [
    "ParametricSimulation",
    "ParticleGun",
    "central_half_width",
]
