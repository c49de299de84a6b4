"""Writing EDM4hep files through podio, which only the key4hep stack brings.

Showers go to the first stave of a barrel, or to the end at +z: the local frame does not say to
which one they belonged. A cell with its points is a hit with its contributions.
Source: podio, https://github.com/AIDASoft/podio (python/podio).
"""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo import units
from pointcalo.atomic import written_beside
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.edm4hep.cell_id import CellID
from pointcalo.formats.edm4hep.cells import NAME, cell_id_of, placement_of, stave_field
from pointcalo.formats.edm4hep.events import ENCODING, PARTICLES, PRIMARY, TREE
from pointcalo.formats.layouts import Outgoing
from pointcalo.geometry import Cartesian, Geometry, Placement
from pointcalo.showers import ENERGY, TIME, Showers

HITS = "CaloHits"
FACE = 0
AXES = (("x", "cellX"), ("y", "cellY"))  # names of the fields along each axis
CELL = "cell"
ON_CENTRE = 1e-6  # of a pitch: a centre between two numbers always goes up
# Masses in GeV; Particle Data Group, Phys. Rev. D 110 (2024) 030001.
MASSES = {22: 0.0, 11: 0.00051099895, 211: 0.13957039}


def podio_modules() -> tuple[ModuleType, ModuleType]:
    """The modules podio (with podio.root_io) and edm4hep.

    Raises:
        ValueError: they are not installed.
    """
    try:
        import edm4hep
        import podio.root_io
    except ImportError as error:
        raise ValueError(
            f"{NAME} files are written by podio and edm4hep of the key4hep stack, which pip does "
            "not have: source /cvmfs/sw.hsf.org/key4hep/setup.sh first, or write format=root"
        ) from error
    return podio, edm4hep


def write_edm4hep(
    path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
) -> list[str]:
    """Write an EDM4hep file, an event a shower.

    Args:
        path: file to be made, complete or not at all.
        batches: showers, made and written one batch after another.
        outgoing: how many showers there are.
        conventions: geometry with placement and readout.

    Returns:
        what was left out, one phrase each.

    Raises:
        ValueError: no podio, or a geometry that does not say where it stands or what a cellID is.
        OSError: no such folder, no permission, disk full.
    """
    podio, edm4hep = podio_modules()
    numbering = CellNumbers(conventions, path)
    energy = outside = 0.0
    with written_beside(path) as beside:
        writer = podio.root_io.Writer(str(beside))
        try:
            _write_metadata(podio, writer, numbering.cells.text)
            done = 0
            for showers in batches:
                energy += float(showers.energy.sum(dtype=torch.float64))
                outside += numbering.outside(showers)
                for shower in (showers[number] for number in range(len(showers))):
                    frame = podio.Frame()
                    _put_particle(edm4hep, frame, shower, numbering.placement)
                    _put_hits(edm4hep, frame, shower, numbering)
                    writer.write_frame(frame, TREE)
                done += len(showers)
        finally:
            _finish(podio, writer)
        outgoing.check_number(done, path)
    lost = ["source and name of the geometry"]
    if outside > 0:
        lost.append(f"{100 * outside / energy:.3g} % of the energy, outside every cell")
    return lost


class CellNumbers:
    """From cells of a geometry to cellIDs.

    Args:
        conventions: geometry with placement and readout.
        path: file to be made, for the error.

    Raises:
        ValueError: the geometry does not say where it stands or what a cellID is.
    """

    def __init__(self, conventions: Conventions, path: Path) -> None:
        self.geometry: Geometry = conventions.need_geometry(NAME)
        self.placement: Placement = placement_of(conventions)
        text = conventions.readout or self.geometry.readout
        if not text:
            raise ValueError(
                f"{path}: geometry {self.geometry.name!r} does not say what the fields of a cellID "
                "are: give its file the key readout (docs/geometries.md)"
            )
        self.cells: CellID = cell_id_of(text, path)
        self._fixed = {"system": self.placement.system} if "system" in self.cells.fields else {}
        if self.placement.kind == "barrel":
            self._fixed[stave_field(self.cells)] = self.placement.first_stave
        elif "side" in self.cells.fields:
            self._fixed["side"] = 1
        self._pitch = self._pitches()

    def outside(self, showers: Showers) -> float:
        """Energy (MeV) of points outside every cell."""
        showers.check_layers(self.geometry.num_layers)
        cell = self.geometry.cell_at(showers.layer, showers.xy)
        return float(showers.energy[cell < 0].sum(dtype=torch.float64))

    def ids(self, cell: Tensor) -> NDArray[np.uint64]:
        """CellIDs [N] of cells [N]."""
        layer = self.geometry.layer_of(cell)
        values: dict[str, Any] = dict(self._fixed)
        values["layer"] = (layer + self.placement.first_layer).numpy()
        if CELL in self.cells.fields:
            values[CELL] = (cell - self.geometry.layer_start[layer]).numpy()
            return self.cells.encode(values)
        steps = self.geometry.position(cell)[:, :2].double() / self._pitch[layer]
        for axis, names in enumerate(AXES):
            number = (steps[:, axis] + 0.5 + ON_CENTRE).floor().long()
            values[self._field(names)] = number.numpy()
        return self.cells.encode(values)

    def _field(self, names: tuple[str, ...]) -> str:
        return next((name for name in names if name in self.cells.fields), "")

    def _pitches(self) -> Tensor:
        """Pitches of all layers [L, 2], mm; zero where a cell's number in its layer is written."""
        pitches = [
            layer.segmentation.pitch_mm
            for layer in self.geometry.layers
            if isinstance(layer.segmentation, Cartesian)
        ]
        if CELL in self.cells.fields:
            return torch.zeros((self.geometry.num_layers, 2))
        if len(pitches) < self.geometry.num_layers or not all(self._field(names) for names in AXES):
            raise ValueError(
                f"readout {self.cells.text!r} cannot number the cells of geometry "
                f"{self.geometry.name!r}: it needs x and y for rectangles, or a field {CELL!r} "
                "for the number of a cell in its layer"
            )
        return torch.tensor(pitches, dtype=torch.float64)


def _write_metadata(podio: ModuleType, writer: Any, encoding: str) -> None:
    frame = podio.Frame()
    frame.put_parameter(f"{HITS}{ENCODING}", encoding)
    writer.write_frame(frame, "metadata")


def _finish(podio: ModuleType, writer: Any) -> None:
    """Close the file now; podio would do so when Python ends, and must not do it twice."""
    writer._writer.finish()
    podio.root_io._all_writers.writers.remove(writer)


def _put_particle(edm4hep: ModuleType, frame: Any, shower: Showers, placement: Placement) -> None:
    incident, face = shower.incident, torch.tensor([FACE])
    pdg = int(incident.pdg)
    if abs(pdg) not in MASSES:
        raise ValueError(
            f"{NAME} needs the mass of the particle, known of PDG {', '.join(map(str, MASSES))} "
            f"and antiparticles: got PDG {pdg}"
        )
    mass, kinetic = MASSES[abs(pdg)], float(incident.energy) / units.GeV
    size = (kinetic * (kinetic + 2 * mass)) ** 0.5
    direction = placement.turned_back(incident.direction, face)[0] * size
    vertex = placement.to_global(incident.position, face)[0]
    particles = edm4hep.MCParticleCollection()
    particle = particles.create()
    particle.setPDG(pdg)
    particle.setGeneratorStatus(PRIMARY)
    particle.setMass(mass)
    particle.setVertex(edm4hep.Vector3d(*vertex.tolist()))
    particle.setMomentum(edm4hep.Vector3d(*direction.tolist()))
    frame.put(particles, PARTICLES)


def _put_hits(edm4hep: ModuleType, frame: Any, shower: Showers, numbering: CellNumbers) -> None:
    geometry, placement = numbering.geometry, numbering.placement
    cell = geometry.cell_at(shower.layer, shower.xy)
    inside = cell >= 0
    known, hit_of = torch.unique(cell[inside], return_inverse=True)
    points = shower.points[inside]
    depth = geometry.layer_z[shower.layer[inside]]
    places = torch.column_stack((points[:, :2], depth))
    steps = placement.to_global(places, torch.full((len(points),), FACE)).tolist()
    centres = placement.to_global(geometry.position(known), torch.full((len(known),), FACE))
    sums = torch.zeros(len(known), dtype=torch.float64)
    sums.index_add_(0, hit_of, points[:, ENERGY].double())
    hits, contributions = (
        edm4hep.SimCalorimeterHitCollection(),
        edm4hep.CaloHitContributionCollection(),
    )
    made = []
    for number, centre, energy in zip(
        numbering.ids(known).tolist(), centres.tolist(), (sums / units.GeV).tolist(), strict=True
    ):
        hit = hits.create()
        hit.setCellID(number)
        hit.setEnergy(energy)
        hit.setPosition(edm4hep.Vector3f(*centre))
        made.append(hit)
    for place, point, owner in zip(steps, points.tolist(), hit_of.tolist(), strict=True):
        contribution = contributions.create()
        contribution.setEnergy(point[ENERGY] / units.GeV)
        contribution.setTime(point[TIME])
        contribution.setStepPosition(edm4hep.Vector3f(*place))
        made[owner].addToContributions(contribution)
    frame.put(contributions, f"{HITS}Contributions")
    frame.put(hits, HITS)
