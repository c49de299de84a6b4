"""`pointcalo sample`: showers from a trained generator."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig
from tqdm import tqdm

from pointcalo.cli.convert import layout_to_write, not_held
from pointcalo.cli.reading import conventions
from pointcalo.cli.run_directory import (
    run_config,
    trained_model,
    trained_on,
    trained_particles,
)
from pointcalo.cli.simulate import GUN, incident_like
from pointcalo.cli.trained_particles import condition_names, outside, units_of
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.native.file import Native
from pointcalo.geometry import Geometry
from pointcalo.sampling import Loss, OtherCells, Sampler, sample_on
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import ParticleGun, draw_columns

ANGLE = ("direction", "eta", "theta_deg")  # of which one is given
NO_RADIUS = (
    "showers near an edge lost no energy: this run does not record how far from one it was trained"
)


def run(config: DictConfig) -> None:
    """Sample showers into a file; see `configs/sample.yaml` for the keys."""
    layout = layout_to_write(config.format)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    samplers = [_sampler(config, device) for device in _devices(config)]
    geometry, other = samplers[0].geometry.to("cpu"), samplers[0].other
    if other is not None:
        print(f"pointcalo sample: {_carried(other)}", file=sys.stderr)
    incident = _incident(config, geometry)
    for line in outside(trained_particles(config.run), incident):
        print(f"pointcalo sample: {line}", file=sys.stderr)
    start = perf_counter()
    told = conventions(config, geometry)
    lost = write_sampled(
        config.output, samplers, incident, config.run, config.seed, layout=layout, told=told
    )
    milliseconds = 1e3 * (perf_counter() - start) / len(incident)
    print(
        f"{len(incident)} showers in {config.output}, {milliseconds:.2f} ms each "
        f"({torch.get_num_threads()} threads, writing included)"
    )
    print(_lost(samplers))
    if lost:
        print(f"dropped: {'; '.join(lost)}")


def _devices(config: DictConfig) -> list[str]:
    """Devices to sample on, one or several.

    Raises:
        ValueError: no list of names.
    """
    given = config.devices
    if not isinstance(given, ListConfig) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"devices: got {given!r}, expected names such as [cuda:0,cuda:1]")
    return list(given) or [config.device]


def _sampler(config: DictConfig, device: str) -> Sampler:
    model, geometry = trained_model(config.run, device)
    if config.geometry is not None:
        geometry = Geometry.load(config.geometry).to(device)
    return Sampler(
        model,
        geometry,
        max_points=config.max_points,
        max_showers=config.max_showers,
        engine=config.engine,
        precision=config.precision,
    )


def write_sampled(
    path: str | Path,
    samplers: Sequence[Sampler],
    incident: Incident,
    run: str | Path,
    seed: int,
    *,
    layout: Layout | None = None,
    told: Conventions | None = None,
) -> list[str]:
    """Sample showers into a file.

    Args:
        path: file to write.
        samplers: of the run's model, one for each device.
        incident: the particles, on the CPU.
        run: its directory.
        seed: of the showers.
        layout: of the file; None: the native one.
        told: what the layout leaves open, with the geometry on the CPU; None: nothing.

    Returns:
        What the layout cannot hold, one phrase each.

    Raises:
        ValueError, OSError: it cannot be written; one line, and nothing is left behind.
    """
    layout, told = layout or Native(), told or Conventions()
    attributes: dict[str, Any] = {"seed": seed}
    sampler = samplers[0]
    if sampler.other is not None:
        attributes["carried_from"] = sampler.other.transfer.source.name
    outgoing = Outgoing(
        num_showers=len(incident),
        points="cells",
        source=_source(run),
        geometry_name=sampler.geometry.name,
        geometry_hash=sampler.geometry.hash,
        attributes=attributes,
        extra_units=units_of(trained_particles(run)),
    )

    def batches() -> Iterator[Showers]:
        with tqdm(total=len(incident), unit="shower", desc="sample", disable=None) as bar:
            for showers in sample_on(samplers, incident, seed):
                yield showers
                bar.update(len(showers))
        if sampler.beyond.known:
            attributes["energy_outside_cells"] = Loss.of(s.loss for s in samplers).share

    lost = layout.write(Path(path), batches(), outgoing, told)
    return [*lost, *not_held(layout, outgoing)]


def _carried(other: OtherCells) -> str:
    """That showers come from another lattice, in a line."""
    own, there = other.transfer.source.name, other.transfer.target.name
    anew = ", and cells lit anew with as many hits" if other.lights else ""
    return (
        f"{there} has other cells than {own}, which the run was trained on: showers are generated "
        f"in {own} and carried over{anew}; to train it on a few showers of {there} is better"
    )


def _lost(samplers: Sequence[Sampler]) -> str:
    """What fell outside every cell, in a line."""
    loss = Loss.of(sampler.loss for sampler in samplers)
    text = (
        f"{100 * loss.share:.2g} % of the energy lost outside every cell, "
        f"{loss.near} of {loss.showers} showers near an edge"
        if samplers[0].beyond.known
        else NO_RADIUS
    )
    if loss.moved:
        text += f"; {loss.moved} points outside every cell went to the nearest one"
    return text


def _incident(config: DictConfig, geometry: Geometry) -> Incident:
    names, given = condition_names(run_config(config.run)), dict(config.conditions)
    if unknown := sorted(given.keys() - set(names)):
        raise ValueError(
            f"conditions.{unknown[0]}: this run depends on {', '.join(names) or 'no conditions'}"
        )
    needed = [name for name in names if name not in given]
    if config.like is not None:
        units = units_of(trained_particles(config.run))
        incident = incident_like(config, geometry, {name: units[name] for name in needed})
    elif needed:
        raise ValueError(
            f"missing: {', '.join(needed)}, which this run depends on; give "
            f"{' '.join(f'conditions.{name}=...' for name in needed)} or like=FILE"
        )
    else:
        incident = _gun(config, geometry).draw(config.showers, config.seed)
    return _with_columns(incident, given, config.seed)


def _with_columns(incident: Incident, given: Mapping[str, Any], seed: int) -> Incident:
    """Particles with extra columns as asked for."""
    drawn = draw_columns(given, len(incident), seed)
    return replace(incident, extra={**incident.extra, **drawn})


def _gun(config: DictConfig, geometry: Geometry) -> ParticleGun:
    """Particles as asked for; what is not said is as in the simulation of the training.

    Raises:
        ValueError: trained on a file, whose ranges are not recorded, and not all is said.
    """
    given = {key: config[key] for key in GUN if config[key] is not None}
    trained = run_config(config.run).simulation
    angle = set(given) & set(ANGLE)
    if trained is None and not (angle and {"particle", "energy_GeV"} <= set(given)):
        raise ValueError(
            f"{config.run}: trained on a file; give like=FILE, or say which particles: particle=, "
            f"energy_GeV= and one of {', '.join(ANGLE)}"
        )
    defaults = (
        {} if trained is None else {k: trained[k] for k in GUN if k not in ANGLE or not angle}
    )
    return ParticleGun.at(geometry, **{**defaults, **given})


def _source(run: str | Path) -> str:
    trained = run_config(run)
    model = trained.model["_target_"].rpartition(".")[2]
    generator = trained.network["_target_"].rpartition(".")[2]
    name = Path(run).absolute().name
    return f"pointcalo {model} with {generator}, run {name}, trained on: {trained_on(run)}"
