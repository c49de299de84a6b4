"""What Geant4 is told once: slabs, materials, physics. Plain values, sent to other processes."""

from dataclasses import dataclass

import torch

from pointcalo.geometry import Geometry
from pointcalo.geometry.materials import material

PASSIVE = -1
WORLD_MARGIN = 1000.0  # mm of air about the slabs
SIDE_MARGIN = 100.0  # mm of slab beside the outermost cells, where showers at an edge go on


@dataclass(frozen=True)
class Slab:
    """A slab of one material.

    Args:
        material: name.
        z: middle, mm.
        thickness: mm.
        layer: number of the layer where the material is active, else -1.
    """

    material: str
    z: float
    thickness: float
    layer: int = PASSIVE


@dataclass(frozen=True)
class Box:
    """A rectangle in x and y, mm: middle and half the sides."""

    x: float
    y: float
    half_x: float
    half_y: float


@dataclass(frozen=True)
class Setup:
    """What Geant4 simulates and how.

    Args:
        slabs: all of them.
        box: their common outline.
        materials: density in g/cm3 and (symbol, share of the mass) of the elements, by name; with
            that of the world, AIR.
        physics: name of Geant4's class of electromagnetic physics, or of a reference list.
        cut_mm: production cuts of gammas, electrons, positrons and protons.
        field_T: uniform magnetic field.
    """

    slabs: tuple[Slab, ...]
    box: Box
    materials: dict[str, tuple[float, tuple[tuple[str, float], ...]]]
    physics: str
    cut_mm: float
    field_T: tuple[float, float, float]  # noqa: N815 (the unit is part of the name)

    @property
    def half_depth(self) -> float:
        """Half the depth of the world in mm, which is centred at z = 0."""
        return max(abs(s.z) + s.thickness / 2 for s in self.slabs) + WORLD_MARGIN


@dataclass(frozen=True)
class Task:
    """One shower: its number, two seeds, and the incident particle (MeV, unit vector, mm)."""

    number: int
    seeds: tuple[int, int]
    pdg: int
    energy: float
    direction: tuple[float, float, float]
    position: tuple[float, float, float]


def slabs_of(geometry: Geometry) -> tuple[Slab, ...]:
    """The slabs of all layers and behind the last, each side outwards; none overlaps another."""
    slabs: list[Slab] = []
    reached = {1: 0.0, -1: 0.0}
    for number, layer in enumerate(geometry.layers):
        side = 1 if layer.z >= 0 else -1
        edge = abs(layer.z) + layer.behind_middle_mm - layer.thickness_mm
        one_gap = [*((*slab, PASSIVE) for slab in layer.absorber), (*layer.active, number)]
        for name, thickness, active in one_gap * layer.gaps:
            # depths in files are rounded, and Geant4 loses its way where volumes overlap
            begin, edge = max(edge, reached[side]), edge + thickness
            if edge > begin:
                slabs.append(Slab(name, side * (begin + edge) / 2, edge - begin, active))
                reached[side] = edge
    for side in {1 if layer.z >= 0 else -1 for layer in geometry.layers}:
        for name, thickness in filter(_is_thick, geometry.behind):
            slabs.append(Slab(name, side * (reached[side] + thickness / 2), thickness))
            reached[side] += thickness
    return tuple(slabs)


def _is_thick(slab: tuple[str, float]) -> bool:
    return slab[1] > 0.0


def box_about(geometry: Geometry) -> Box:
    """A rectangle that holds all cells of all layers, with a margin about it."""
    low, high = [], []
    for first, end in zip(geometry.layer_start[:-1], geometry.layer_start[1:], strict=True):
        cell = torch.arange(int(first), int(end))
        if not len(cell):
            continue
        xy = geometry.position(cell)[:, :2]
        outer = cell[torch.cat([xy.argmin(0), xy.argmax(0)])]
        size = _sizes(geometry, outer)
        low.append(xy.amin(0) - size - SIDE_MARGIN)
        high.append(xy.amax(0) + size + SIDE_MARGIN)
    left, right = torch.stack(low).amin(0), torch.stack(high).amax(0)
    (x, y), (half_x, half_y) = ((left + right) / 2).tolist(), ((right - left) / 2).tolist()
    return Box(x, y, half_x, half_y)


def _sizes(geometry: Geometry, cell: torch.Tensor) -> torch.Tensor:
    """The largest width and height of some cells in mm, [2]: area over distance of neighbours."""
    table = geometry.neighbour_table(cell)
    centre = geometry.position(cell)[:, None, :2]
    away = (
        geometry.position(table.clamp(min=0).flatten())[:, :2].reshape(*table.shape, 2) - centre
    ).abs()
    pitch = torch.where((table >= 0)[..., None], away, 0.0).amax(1)
    area = geometry.area(cell)[:, None]
    across = torch.where(pitch > 0, area / pitch.clamp(min=1e-6), area.sqrt()).flip(1)
    return torch.maximum(pitch, across).amax(0)


def materials_of(slabs: tuple[Slab, ...]) -> dict[str, tuple[float, tuple[tuple[str, float], ...]]]:
    """Density and elements of the materials of slabs and of the air about them."""
    names = sorted({slab.material for slab in slabs} | {"AIR"})
    return {name: (material(name).density, material(name).elements) for name in names}
