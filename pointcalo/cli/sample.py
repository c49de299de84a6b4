"""`pointcalo sample`: showers from a trained generator."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import torch
from omegaconf import DictConfig
from tqdm import tqdm

from pointcalo.cli.run_directory import run_config, trained_model, trained_on
from pointcalo.cli.simulate import GUN, incident_like
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import ParticleGun

ANGLE = ("direction", "eta", "theta_deg")  # of which one is given


def run(config: DictConfig) -> None:
    """Sample showers into a file; see `configs/sample.yaml` for the keys."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    model, geometry = trained_model(config.run, config.device)
    incident = _incident(config, geometry).to(config.device)
    sampler = Sampler(model, max_points=config.max_points, max_showers=config.max_showers)
    start = perf_counter()
    with tqdm(total=len(incident), unit="shower", desc="sample", disable=None) as bar:
        number = write(
            config.output,
            _counted(sampler.sample(incident, config.seed), bar),
            geometry_name=geometry.name,
            geometry_hash=geometry.hash,
            source=_source(config),
            attributes={"seed": config.seed},
        )
    milliseconds = 1e3 * (perf_counter() - start) / number
    print(
        f"{number} showers in {config.output}, {milliseconds:.2f} ms each "
        f"({torch.get_num_threads()} threads, writing included)"
    )


def _incident(config: DictConfig, geometry: Geometry) -> Incident:
    if config.like is None:
        return _gun(config, geometry).draw(config.showers, config.seed)
    return incident_like(config, geometry)


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


def _counted(batches: Iterator[Showers], bar: tqdm) -> Iterator[Showers]:
    for batch in batches:
        yield batch.to("cpu")
        bar.update(len(batch))


def _source(config: DictConfig) -> str:
    trained = run_config(config.run)
    model = trained.model["_target_"].rpartition(".")[2]
    generator = trained.network["_target_"].rpartition(".")[2]
    shown = trained_on(config.run)
    return f"pointcalo {model} with {generator}, run {Path(config.run).name}, trained on: {shown}"
