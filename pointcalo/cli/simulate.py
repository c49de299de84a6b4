"""The command `pointcalo simulate`: showers from the parametric simulation."""

from collections.abc import Iterator

import torch
from omegaconf import DictConfig
from tqdm import tqdm

import pointcalo
from pointcalo.cli.reading import conventions
from pointcalo.formats import open_files, split_numbers, write
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import ParametricSimulation, ParticleGun

GUN = ("particle", "energy_GeV", "direction", "eta", "theta_deg", "phi_deg", "position")
POINTS = ("cells", "deposits")


def run(config: DictConfig) -> None:
    """Simulate showers and write them to a file of the native layout.

    Args:
        config: keys of `configs/simulate.yaml`.

    Raises:
        ValueError, OSError: a setting that cannot be used, or a file that cannot be written; one
            line.
    """
    _check(config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    geometry = Geometry.load(config.geometry)
    incident = _incident(config, geometry)
    number = write(
        config.output,
        _batches(config, ParametricSimulation(geometry), incident),
        geometry_name=geometry.name,
        geometry_hash=geometry.hash,
        source=f"pointcalo {pointcalo.__version__}, parametric simulation",
        points=config.points,
        attributes={"seed": config.seed},
    )
    print(f"{config.output}: {number} parametric showers in {geometry.name}")


def _check(config: DictConfig) -> None:
    if config.simulation != "parametric":
        raise ValueError(f"simulation: got {config.simulation!r}; expected parametric")
    if config.points not in POINTS:
        raise ValueError(f"points: got {config.points!r}; expected {' or '.join(POINTS)}")


def incident_like(config: DictConfig, geometry: Geometry) -> Incident:
    """The incident particles of the split of the file (or files) `like`, made in this geometry."""
    files = open_files(config.like, conventions(config, geometry))
    for file in files:
        file.check_geometry(geometry)
    parts = [file.incident()[split_numbers(len(file), config.split)] for file in files]
    return Incident.cat(parts)


def _incident(config: DictConfig, geometry: Geometry) -> Incident:
    if config.like is not None:
        return incident_like(config, geometry)
    return ParticleGun.at(geometry, **{key: config[key] for key in GUN}).draw(
        config.showers, config.seed
    )


def _batches(
    config: DictConfig, simulation: ParametricSimulation, incident: Incident
) -> Iterator[Showers]:
    make = simulation.simulate if config.points == "cells" else simulation.deposits
    with tqdm(total=len(incident), unit="shower", desc="simulate", disable=None) as bar:
        for first in range(0, len(incident), config.batch):
            part = incident[first : first + config.batch]
            yield make(part, config.seed, first)
            bar.update(len(part))
