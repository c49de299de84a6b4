"""Geant4 itself: the geometry's stack as slabs, simulated in processes of their own."""

from pointcalo.simulation.geant4.simulation import Geant4Simulation
from pointcalo.simulation.geant4.tables import Tables, find_tables

__all__ = ["Geant4Simulation", "Tables", "find_tables"]
