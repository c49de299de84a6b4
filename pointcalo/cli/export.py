"""`pointcalo export`: the generator of a run as a folder that others run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from pointcalo.cli.run_directory import (
    run_config,
    trained_model,
    trained_on,
    trained_particles,
)
from pointcalo.cli.trained_particles import ANGLE, CONDITIONS, ENERGY, condition_names, units_of
from pointcalo.export.checks import BATCHES
from pointcalo.export.folder import Origin, write_folder
from pointcalo.formats import open_files
from pointcalo.formats.opening import matching
from pointcalo.models import Model
from pointcalo.sampling.beyond import BeyondEdges
from pointcalo.showers import Incident, axis_xy
from pointcalo.showers.particles import pdg_number
from pointcalo.simulation import ParticleGun, draw_columns

DRAWN = 500


def run(config: DictConfig) -> None:
    """Export a run; see `configs/export.yaml` for the keys."""
    model, _ = trained_model(config.run, "cpu")
    particles = trained_particles(config.run)
    origin = Origin(
        run=Path(config.run).absolute().name,
        trained_on=trained_on(config.run),
        particles=particles,
        conditions=dict.fromkeys(condition_names(run_config(config.run)), "") | units_of(particles),
        licence=config.licence,
        figures=_figures(config.report, Path(config.run).absolute().name),
    )
    incident = _away_from_edges(model, _incident(config.run, model, particles))
    pdg = None if config.particle is None else pdg_number(config.particle)
    found = write_folder(config.output, model, incident, origin, config.format, pdg)
    print(f"{config.output}: {config.format}, makes the showers of {config.run}")
    print(*found, sep="\n")


def _incident(run: str, model: Model, particles: Mapping[str, Any]) -> Incident:
    """Particles of the training's file, or drawn in its ranges where that is gone."""
    data = run_config(run).data
    if data is not None and matching(data):
        return open_files(data)[0].incident()[:DRAWN]
    if not particles:
        raise FileNotFoundError(f"{run}: its file {data} is gone, and it records no ranges")
    gun = ParticleGun.at(
        model.profile.geometry, energy_GeV=particles[ENERGY], theta_deg=particles[ANGLE]
    )
    drawn = gun.draw(DRAWN, seed=1)
    known = model.profile.condition.pdg
    pdg = torch.full_like(drawn.pdg, int(known[known != 0][0]))
    ranges = {name: found["range"] for name, found in particles[CONDITIONS].items()}
    columns = draw_columns(ranges, DRAWN, 1)
    return Incident(drawn.energy, drawn.direction, drawn.position, pdg, columns)


def _away_from_edges(model: Model, incident: Incident) -> Incident:
    """Particles to compare with; first those that cross a cell in every layer ahead."""
    away = (~BeyondEdges(model).near(incident)).nonzero()[:, 0]
    if len(away) < max(BATCHES):
        raise ValueError(
            f"export: {len(away)} of {len(incident)} particles of the training pass away from the "
            f"detector's edges, expected {max(BATCHES)} to compare with"
        )
    geometry = model.profile.geometry
    axis, layer = axis_xy(incident[away], geometry.layer_z), torch.arange(geometry.num_layers)
    cell = geometry.cell_at(layer.repeat(len(away)), axis.flatten(0, 1)).reshape(-1, len(layer))
    missed = (cell < 0) & (incident.direction[away, 2:] * geometry.layer_z >= 0)
    return incident[away[missed.any(dim=1).int().argsort(stable=True)]]


def _figures(report: str | None, name: str) -> Mapping[str, Any]:
    """The metrics of a report, of one sample or of the run's among several.

    Raises:
        ValueError, OSError: no report.
    """
    if report is None:
        return {}
    path = Path(report, "metrics.json")
    if not path.is_file():
        raise FileNotFoundError(f"{report}: no metrics.json in it; expected a report of validate")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: damaged, it is no JSON; validate again") from error
    return found.get(name, found)
