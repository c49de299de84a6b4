"""The command `pointcalo simulate`: showers from the parametric simulation or from Geant4."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from pointcalo.cli.detector import load_geometry
from pointcalo.cli.errors import DONE, INTERRUPTED
from pointcalo.cli.reading import conventions
from pointcalo.formats import open_files, split_numbers, write
from pointcalo.formats.conventions import ROWS
from pointcalo.formats.preparation import condition_units
from pointcalo.geometry import Geometry
from pointcalo.interruption import Interruption
from pointcalo.projection import CountingProjector, Projector
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import (
    Geant4Simulation,
    ParametricSimulation,
    ParticleGun,
    Simulation,
)

GUN = ("particle", "energy_GeV", "direction", "eta", "theta_deg", "phi_deg", "position")
NO_COLUMNS: Mapping[str, str] = MappingProxyType({})
SIMULATIONS = {"parametric": "parametric", "geant4": "Geant4"}
"""Simulations by the value of their key, and what to call their showers."""


def run(config: DictConfig) -> int:
    """Simulate showers and write them to a file of the native layout.

    A Ctrl-C, or a Geant4 that stops, leaves a file with the showers that were finished before.

    Args:
        config: keys of `configs/simulate.yaml`.

    Returns:
        0, or 130 after a Ctrl-C.

    Raises:
        ValueError, OSError: a setting that cannot be used, a file that cannot be written, or
            Geant4 stopped; one line.
    """
    _check(config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    geometry = load_geometry(config)
    incident = _incident(config, geometry)
    with Interruption() as interruption, _simulation(config, geometry) as simulation:
        if isinstance(simulation, Geant4Simulation) and (remark := simulation.remark(incident)):
            print(f"pointcalo simulate: {remark}", file=sys.stderr)
        production = Production(config, simulation, interruption)
        number = write(
            config.output,
            production.batches(incident),
            geometry_name=geometry.name,
            geometry_hash=geometry.hash,
            points=config.points,
            **_attributes(simulation, config.seed),
        )
    kind = SIMULATIONS[config.simulation]
    what = f"{config.output}: {number} {kind} showers in {geometry.name}{production.report}"
    if production.failure is not None:
        raise ChildProcessError(
            f"{production.failure}; kept {number} of {len(incident)} showers in {config.output}"
        )
    if number < len(incident):
        print(f"{what}; interrupted: {len(incident) - number} more were asked for")
        return INTERRUPTED
    print(what)
    return DONE


class Production:
    """Showers of one run of the command, with what is to be said of them at its end.

    Args:
        config: of the command.
        simulation: that makes the showers.
        interruption: tells when to stop.

    Attributes:
        failure: why the simulation stopped after it had made some showers, or None.
    """

    def __init__(
        self, config: DictConfig, simulation: Simulation, interruption: Interruption
    ) -> None:
        self.config = config
        self.simulation = simulation
        self.interruption = interruption
        self.project = (
            CountingProjector(Projector(simulation.geometry)) if config.points == "cells" else None
        )
        self.failure: ChildProcessError | None = None
        self._empty = 0

    @property
    def report(self) -> str:
        """What shares of the energy are outside every cell and, where known, behind the last."""
        text = ""
        if self.project is not None:
            text = f", {_percent(self.project.share)} of the energy outside every cell"
        if isinstance(self.simulation, ParametricSimulation) and self.simulation.energy > 0:
            share = self.simulation.behind / self.simulation.energy
            text += f", {_percent(share)} of the incident energy behind the last layer"
        if self._empty:
            text += f", {self._empty} without any hit"
        return text

    def batches(self, incident: Incident) -> Iterator[Showers]:
        """Finished showers in their order, until all are made or the user stops it.

        Raises:
            KeyboardInterrupt, ChildProcessError: before any shower was finished.
        """
        finished = 0
        with tqdm(total=len(incident), unit="shower", desc="simulate", disable=None) as bar:
            try:
                for showers in self._deposits(incident):
                    rows = showers if self.project is None else self.project(showers)
                    self._empty += int((rows.counts == 0).sum())
                    yield rows
                    bar.update(len(showers))
                    finished += len(showers)
                    if self.interruption.requested:
                        return
            except (KeyboardInterrupt, ChildProcessError) as error:
                if not finished:
                    raise
                self.failure = error if isinstance(error, ChildProcessError) else None

    def _deposits(self, incident: Incident) -> Iterator[Showers]:
        for first in range(0, len(incident), self.config.batch):
            part = incident[first : first + self.config.batch]
            yield from self.simulation.stream(part, self.config.seed, first)


def _check(config: DictConfig) -> None:
    if config.simulation not in SIMULATIONS:
        raise ValueError(
            f"simulation: got {config.simulation!r}; expected {' or '.join(SIMULATIONS)}"
        )
    if config.points not in ROWS:
        raise ValueError(f"points: got {config.points!r}; expected {' or '.join(ROWS)}")


@contextmanager
def _simulation(config: DictConfig, geometry: Geometry) -> Iterator[Simulation]:
    if config.simulation == "parametric":
        yield ParametricSimulation(geometry)
        return
    options = OmegaConf.to_container(config.geant4)
    with Geant4Simulation(geometry, **options) as simulation:
        yield simulation


def _attributes(simulation: Simulation, seed: int) -> dict[str, object]:
    """Source and further attributes of the file."""
    attributes = dict(simulation.attributes)
    return {"source": attributes.pop("source"), "attributes": {**attributes, "seed": seed}}


def incident_like(
    config: DictConfig, geometry: Geometry, units: Mapping[str, str] = NO_COLUMNS
) -> Incident:
    """The incident particles of the split of the file (or files) `like`.

    They enter this geometry at the same places of its face; a file made in another one is said.

    Args:
        config: of a command with the key `like`.
        geometry: the detector.
        units: names and units of the extra columns that are needed; no other is kept.

    Raises:
        ValueError: a column that is missing, or one in another unit.
    """
    files = open_files(config.like, conventions(config, geometry))
    for name in sorted({file.geometry_name for file in files} - {"", geometry.name}):
        print(
            f"like={config.like}: made in {name}; its particles enter {geometry.name} at the same "
            "places of the face",
            file=sys.stderr,
        )
    found = condition_units(files, units)
    for name in found:
        if found[name] != units[name]:
            raise ValueError(
                f"{config.like}: incident/{name} has unit {found[name]!r}; the run was trained on "
                f"{units[name]!r}"
            )
    parts = [file.incident()[split_numbers(len(file), config.split)].only(units) for file in files]
    return Incident.cat(parts)


def _incident(config: DictConfig, geometry: Geometry) -> Incident:
    if config.like is not None:
        return incident_like(config, geometry)[: config.max_showers]
    return ParticleGun.at(geometry, **{key: config[key] for key in GUN}).draw(
        config.showers, config.seed
    )


def _percent(share: float) -> str:
    """A share with two digits; 100 without an exponent."""
    return f"{float(f'{100 * share:.2g}'):g} %"
