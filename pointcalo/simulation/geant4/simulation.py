"""Showers from Geant4, by the same methods as the parametric simulation's."""

import importlib.util
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import GEANT4, Noise
from pointcalo.simulation.base import Simulation
from pointcalo.simulation.checks import check_incident
from pointcalo.simulation.geant4.setup import (
    WORLD_MARGIN,
    Setup,
    Task,
    box_about,
    materials_of,
    slabs_of,
)
from pointcalo.simulation.geant4.tables import Tables, download_tables, find_tables
from pointcalo.simulation.geant4.volumes import ROW
from pointcalo.simulation.geant4.workers import Workers

ELECTROMAGNETIC = "G4EmStandardPhysics"
HADRONIC = "FTFP_BERT"
WORKER = (sys.executable, "-m", "pointcalo.simulation.geant4.worker")


class Geant4Simulation(Simulation):
    """Simulates any particle that Geant4 knows in the slabs of a geometry.

    A context manager: processes with Geant4 start when they are needed first and end with it.
    Shower n of a seed is the same whatever the batch and the number of processes.

    Args:
        geometry: the detector; each layer's stack becomes slabs as wide as all cells, in air.
        physics: Geant4's name of a class of electromagnetic physics (G4EmStandardPhysics and its
            options, G4EmLivermorePhysics, ...) or of a reference list (FTFP_BERT, ...); None:
            FTFP_BERT where its tables are there, G4EmStandardPhysics else.
        cut_mm: production cuts.
        field_T: uniform magnetic field.
        processes: how many, each with a Geant4 of its own.
        download: whether tables that are not found may be downloaded.

    Raises:
        ValueError: a number out of range, layers without materials, no geant4-pybind, no tables.
        ChildProcessError: Geant4 stopped; one line that says why.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        physics: str | None = None,
        cut_mm: float = 0.7,
        field_T: Sequence[float] = (0.0, 0.0, 0.0),
        processes: int = 1,
        download: bool = True,
    ) -> None:
        super().__init__(geometry)
        _check_numbers(cut_mm, field_T)
        self.processes = processes
        self.tables = _tables(download)
        physics = physics or (HADRONIC if self.tables.hadronic else ELECTROMAGNETIC)
        if not physics.startswith("G4Em") and not self.tables.hadronic:
            raise ValueError(
                f"geant4.physics: {physics} is no class of electromagnetic physics such as "
                f"{ELECTROMAGNETIC}; reference lists need G4PARTICLEXS, G4SAIDDATA and "
                f"PhotonEvaporation, which are not in {self.tables.folder}"
            )
        slabs = slabs_of(geometry)
        field = tuple(float(b) for b in field_T)
        materials = materials_of(slabs)
        self.setup = Setup(slabs, box_about(geometry), materials, physics, float(cut_mm), field)
        self._workers: Workers | None = None

    def __enter__(self) -> "Geant4Simulation":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._workers is not None:
            self._workers.close()

    @property
    def attributes(self) -> dict[str, Any]:
        """What a file of these showers says of them; starts Geant4, whose version is in it."""
        version, binding = self._started().greeting
        setup = self.setup
        field = "no field" if not any(setup.field_T) else f"field {setup.field_T} T"
        return {
            "source": f"Geant4 {version} (geant4-pybind {binding}), {setup.physics}, cuts "
            f"{setup.cut_mm:g} mm, {field}, {self.tables.version}",
            "physics": setup.physics,
            "cut_mm": setup.cut_mm,
            "field_T": setup.field_T,
        }

    def stream(self, incident: Incident, seed: int, first: int = 0) -> Iterator[Showers]:
        """Steps in the active materials, one shower after another as they get ready.

        Raises:
            ValueError: a particle that Geant4's physics list has not, that flies away from the
                layers, starts far beside them or has more than 100 TeV.
            ChildProcessError: Geant4 stopped.
        """
        check_incident(incident, self.geometry, "Geant4")
        self._check_positions(incident)
        tasks = _tasks(incident, seed, first)
        for number, rows in enumerate(self._started().answers(tasks)):
            yield _shower(rows, incident[number])

    def remark(self, incident: Incident) -> str | None:
        """What a user should know of these particles in this physics; None where nothing."""
        hadrons = sorted({int(n) for n in incident.pdg if abs(int(n)) > 100})
        if not hadrons or not self.setup.physics.startswith("G4Em"):
            return None
        return (
            f"{self.setup.physics} is electromagnetic: particles with PDG number "
            f"{', '.join(map(str, hadrons))} ionise, but neither interact nor decay"
        )

    def _started(self) -> Workers:
        if self._workers is None or not self._workers.running:
            environment = self.tables.environment()
            self._workers = Workers(self.processes, WORKER, environment, self.setup)
        return self._workers

    def _check_positions(self, incident: Incident) -> None:
        box = self.setup.box
        middle = torch.tensor([box.x, box.y])
        half = torch.tensor([box.half_x, box.half_y]) + WORLD_MARGIN
        beside = ((incident.position[:, :2] - middle).abs() >= half).any(1)
        if bool(beside.any()):
            number = int(beside.nonzero()[0])
            raise ValueError(
                f"incident particle {number} starts at {incident.position[number, :2].tolist()} "
                f"mm; expected at most {WORLD_MARGIN:g} mm beside the cells"
            )


def _check_numbers(cut_mm: float, field_T: Sequence[float]) -> None:
    if not isinstance(cut_mm, int | float) or not 0 < cut_mm < math.inf:
        raise ValueError(f"geant4.cut_mm: got {cut_mm!r}; expected a number above 0")
    numbers = list(field_T) if isinstance(field_T, Sequence) else []
    right = all(isinstance(b, int | float) and math.isfinite(b) for b in numbers)
    if len(numbers) != 3 or not right:
        raise ValueError(f"geant4.field_T: got {field_T!r}; expected three numbers")


def _tables(download: bool) -> Tables:
    if importlib.util.find_spec("geant4_pybind") is None:
        raise ValueError("Geant4 is not installed: pip install 'pointcalo[geant4]'")
    tables = find_tables()
    if tables is None and download:
        download_tables()
        tables = find_tables()
    if tables is None:
        raise ValueError(
            "Geant4's tables: none found; set GEANT4_DATA_DIR to a folder that holds them, or let "
            "geant4-pybind download them: geant4.download=true"
        )
    return tables


def _tasks(incident: Incident, seed: int, first: int) -> list[Task]:
    numbers = torch.arange(first, first + len(incident))
    keys = Noise.for_showers(seed, numbers, GEANT4).key
    # Geant4 reads seeds up to the first zero
    seeds = torch.stack([keys & 0x7FFFFFFF, (keys >> 32) & 0x7FFFFFFF], dim=1).clamp(min=1)
    direction = incident.direction.double()
    direction /= direction.norm(dim=1, keepdim=True)
    columns = (numbers, seeds, incident.pdg, incident.energy, direction, incident.position)
    return [
        Task(number, tuple(pair), pdg, energy, tuple(along), tuple(at))
        for number, pair, pdg, energy, along, at in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _shower(rows: bytes, incident: Incident) -> Showers:
    table = torch.from_numpy(np.frombuffer(rows).reshape(-1, len(ROW)).copy())
    return Showers(
        points=table[:, :-1].float(),
        layer=table[:, -1].long(),
        ptr=torch.tensor([0, len(table)]),
        incident=incident,
    )
