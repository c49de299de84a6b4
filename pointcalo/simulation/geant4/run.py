"""Geant4's side: used in processes of their own only (`worker`), because Geant4 may abort.

The module geant4_pybind is handed in, so that importing this one loads no Geant4.
"""

from array import array
from types import ModuleType
from typing import Any

from pointcalo.simulation.geant4.setup import PASSIVE, WORLD_MARGIN, Setup, Task

ROW = ("x", "y", "energy", "time", "layer")
"""What is recorded of a step in an active material: mm, mm, MeV, ns, number."""


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
        detector = _detector(g4, setup, self.rows)
        self.manager.SetUserInitialization(detector)
        self.manager.SetUserInitialization(physics)
        self.gun = g4.G4ParticleGun(1)  # not before there is a physics list
        primaries = _primaries(g4, self.gun)
        self.manager.SetUserAction(primaries)
        self._kept = (detector, physics, primaries)  # Geant4 alone would not keep them alive
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


def _detector(g4: ModuleType, setup: Setup, rows: array) -> Any:
    class Detector(g4.G4VUserDetectorConstruction):
        def __init__(self) -> None:
            super().__init__()
            self.active: list[tuple[Any, int]] = []
            self.kept: list[Any] = []

        def Construct(self) -> Any:
            box = setup.box
            materials = {name: self._material(name) for name in setup.materials}
            reach = (abs(box.x) + box.half_x, abs(box.y) + box.half_y)
            half = (*(r + WORLD_MARGIN for r in reach), setup.half_depth)
            world = self._volume("world", materials["AIR"], half)
            for slab in setup.slabs:
                half = (box.half_x, box.half_y, slab.thickness / 2)
                volume = self._volume(slab.material, materials[slab.material], half)
                self._place(volume, (box.x, box.y, slab.z), world)
                if slab.layer != PASSIVE:
                    self.active.append((volume, slab.layer))
            return self._place(world, (0.0, 0.0, 0.0), None)

        def ConstructSDandField(self) -> None:
            sensors: dict[int, Any] = {}
            for volume, layer in self.active:
                if layer not in sensors:
                    sensors[layer] = _sensor(g4, layer, rows)
                    g4.G4SDManager.GetSDMpointer().AddNewDetector(sensors[layer])
                self.SetSensitiveDetector(volume, sensors[layer])
            self.kept.append(sensors)
            if any(setup.field_T):
                field = g4.G4UniformMagField(g4.G4ThreeVector(*setup.field_T) * g4.tesla)
                manager = g4.G4TransportationManager.GetTransportationManager().GetFieldManager()
                manager.SetDetectorField(field)
                manager.CreateChordFinder(field)
                self.kept.append(field)

        def _material(self, name: str) -> Any:
            density, elements = setup.materials[name]
            whole = sum(share for _, share in elements)
            made = g4.G4Material(f"pointcalo {name}", density * g4.g / g4.cm3, len(elements))
            for symbol, share in elements:
                element = g4.G4NistManager.Instance().FindOrBuildElement(symbol)
                made.AddElement(element, share / whole)
            return made

        def _volume(self, name: str, material: Any, half: tuple[float, float, float]) -> Any:
            volume = g4.G4LogicalVolume(g4.G4Box(name, *half), material, name)
            self.kept.append(volume)
            return volume

        def _place(self, volume: Any, middle: tuple[float, float, float], mother: Any) -> Any:
            where = g4.G4ThreeVector(*middle)
            name = volume.GetName()
            placed = g4.G4PVPlacement(None, where, volume, name, mother, False, 0, False)
            self.kept.append(placed)
            return placed

    return Detector()


def _sensor(g4: ModuleType, layer: int, rows: array) -> Any:
    class Sensor(g4.G4VSensitiveDetector):
        def ProcessHits(self, step: Any, history: Any) -> bool:
            energy = step.GetTotalEnergyDeposit()
            if energy > 0.0:
                before, after = step.GetPreStepPoint(), step.GetPostStepPoint()
                a, b = before.GetPosition(), after.GetPosition()
                x, y = 0.5 * (a.x + b.x), 0.5 * (a.y + b.y)
                rows.extend((x, y, energy, before.GetGlobalTime(), layer))
            return True

    return Sensor(f"layer{layer}")
