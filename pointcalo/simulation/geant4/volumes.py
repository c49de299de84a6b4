"""Geant4's volumes: slabs in a box of air, a field, and sensors that write down every step."""

from array import array
from types import ModuleType
from typing import Any

from pointcalo.simulation.geant4.setup import PASSIVE, WORLD_MARGIN, Setup

ROW = ("x", "y", "energy", "time", "layer")
"""What is recorded of a step in an active material: mm, mm, MeV, ns, number."""


class Volumes:
    """Builds what a Setup says and keeps it alive, which Geant4 does not.

    Args:
        g4: the module geant4_pybind.
        setup: slabs, materials and field.
        rows: ROW of each step that leaves energy in an active material is appended.
    """

    def __init__(self, g4: ModuleType, setup: Setup, rows: array) -> None:
        self.g4 = g4
        self.setup = setup
        self.rows = rows
        self.active: list[tuple[Any, int]] = []
        self._kept: list[Any] = []

    def build(self) -> Any:
        """All volumes; the world is returned."""
        box = self.setup.box
        materials = {name: self._material(name) for name in self.setup.materials}
        reach = (abs(box.x) + box.half_x, abs(box.y) + box.half_y)
        half = (*(r + WORLD_MARGIN for r in reach), self.setup.half_depth)
        world = self._volume("world", materials["AIR"], half)
        for slab in self.setup.slabs:
            half = (box.half_x, box.half_y, slab.thickness / 2)
            volume = self._volume(slab.material, materials[slab.material], half)
            self._place(volume, (box.x, box.y, slab.z), world)
            if slab.layer != PASSIVE:
                self.active.append((volume, slab.layer))
        return self._place(world, (0.0, 0.0, 0.0), None)

    def sensors(self) -> list[tuple[Any, Any]]:
        """The active volumes with the sensor of their layer."""
        made: dict[int, Any] = {}
        for _, layer in self.active:
            if layer not in made:
                made[layer] = _sensor(self.g4, layer, self.rows)
                self.g4.G4SDManager.GetSDMpointer().AddNewDetector(made[layer])
        self._kept.append(made)
        return [(volume, made[layer]) for volume, layer in self.active]

    def add_field(self) -> None:
        """The magnetic field, where there is one."""
        g4 = self.g4
        if any(self.setup.field_T):
            field = g4.G4UniformMagField(g4.G4ThreeVector(*self.setup.field_T) * g4.tesla)
            manager = g4.G4TransportationManager.GetTransportationManager().GetFieldManager()
            manager.SetDetectorField(field)
            manager.CreateChordFinder(field)
            self._kept.append(field)

    def _material(self, name: str) -> Any:
        g4 = self.g4
        density, elements = self.setup.materials[name]
        whole = sum(share for _, share in elements)
        made = g4.G4Material(f"pointcalo {name}", density * g4.g / g4.cm3, len(elements))
        for symbol, share in elements:
            element = g4.G4NistManager.Instance().FindOrBuildElement(symbol)
            made.AddElement(element, share / whole)
        return made

    def _volume(self, name: str, material: Any, half: tuple[float, float, float]) -> Any:
        volume = self.g4.G4LogicalVolume(self.g4.G4Box(name, *half), material, name)
        self._kept.append(volume)
        return volume

    def _place(self, volume: Any, middle: tuple[float, float, float], mother: Any) -> Any:
        where, name = self.g4.G4ThreeVector(*middle), volume.GetName()
        placed = self.g4.G4PVPlacement(None, where, volume, name, mother, False, 0, False)
        self._kept.append(placed)
        return placed


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
