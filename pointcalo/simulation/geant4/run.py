"""Geant4's side: used in processes of their own only (`worker`), because Geant4 may abort.

The module geant4_pybind is handed in, so that importing this one loads no Geant4.
"""

from array import array
from types import ModuleType
from typing import Any

from pointcalo.simulation.geant4.setup import Setup, Task
from pointcalo.simulation.geant4.volumes import Volumes


class Run:
    """Geant4 with one geometry and one physics list.

    Args:
        g4: the module geant4_pybind.
        setup: what is simulated.

    Raises:
        ValueError: a physics list that Geant4 has not.
    """

    def __init__(self, g4: ModuleType, setup: Setup) -> None:
        self.g4 = g4
        self.rows = array("d")
        self.manager = g4.G4RunManager()
        self.manager.SetVerboseLevel(0)
        physics = _physics(g4, setup.physics)
        physics.SetVerboseLevel(0)
        physics.SetDefaultCutValue(setup.cut_mm)
        g4.G4EmParameters.Instance().SetVerbose(0)
        volumes = Volumes(g4, setup, self.rows)
        detector = _detector(g4, volumes)
        self.manager.SetUserInitialization(detector)
        self.manager.SetUserInitialization(physics)
        self.gun = g4.G4ParticleGun(1)  # not before there is a physics list
        primaries = _primaries(g4, self.gun)
        self.manager.SetUserAction(primaries)
        # Geant4 alone would not keep them alive
        self._kept = (volumes, detector, physics, primaries)
        self.manager.Initialize()
        self.manager.BeamOn(0)  # reads and builds the tables

    @property
    def version(self) -> str:
        """Version of Geant4, such as 11.4.1."""
        number = self.g4.G4VERSION_NUMBER
        return f"{number // 100}.{number // 10 % 10}.{number % 10}"

    def shower(self, task: Task) -> bytes:
        """Simulate one shower.

        Returns:
            ROW of each step that left energy in an active material, float64.

        Raises:
            ValueError: a particle that this physics list has not.
        """
        g4, gun = self.g4, self.gun
        particle = g4.G4ParticleTable.GetParticleTable().FindParticle(task.pdg)
        if particle is None:
            raise ValueError(f"Geant4's physics list has no particle with PDG number {task.pdg}")
        gun.SetParticleDefinition(particle)
        gun.SetParticleEnergy(task.energy)
        gun.SetParticleMomentumDirection(g4.G4ThreeVector(*task.direction))
        gun.SetParticlePosition(g4.G4ThreeVector(*task.position))
        del self.rows[:]
        g4.HepRandom.setTheSeeds([*task.seeds, 0], -1)
        self.manager.BeamOn(1)
        return self.rows.tobytes()


def _physics(g4: ModuleType, name: str) -> Any:
    if name.startswith("G4Em") and hasattr(g4, name):
        physics = g4.G4VModularPhysicsList()
        physics.RegisterPhysics(getattr(g4, name)())
        return physics
    factory = g4.G4PhysListFactory()
    if not factory.IsReferencePhysList(name):
        known = ", ".join(str(known) for known in factory.AvailablePhysLists())
        raise ValueError(f"geant4.physics: got {name}; expected G4EmStandardPhysics..., {known}")
    return factory.GetReferencePhysList(name)


def _primaries(g4: ModuleType, gun: Any) -> Any:
    class Primaries(g4.G4VUserPrimaryGeneratorAction):
        def GeneratePrimaries(self, event: Any) -> None:
            gun.GeneratePrimaryVertex(event)

    return Primaries()


def _detector(g4: ModuleType, volumes: Volumes) -> Any:
    class Detector(g4.G4VUserDetectorConstruction):
        def Construct(self) -> Any:
            return volumes.build()

        def ConstructSDandField(self) -> None:
            for volume, sensor in volumes.sensors():
                self.SetSensitiveDetector(volume, sensor)
            volumes.add_field()

    return Detector()
