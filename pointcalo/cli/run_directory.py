"""A run directory: what a training leaves for sampling, validation and resuming."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import hydra
import numpy as np
import torch
import torch_geometric
import yaml
from omegaconf import DictConfig, OmegaConf

import pointcalo
from pointcalo.cli.launch import typed
from pointcalo.cli.trained_particles import condition_names
from pointcalo.geometry import Geometry
from pointcalo.models.base import Model, check_layers
from pointcalo.training.checkpoint import load_weights, load_weights_into
from pointcalo.training.initial import Initial, initial_weights

CONFIG, GEOMETRY, ORIGIN = "config.yaml", "geometry.yaml", "origin.yaml"
BEST = Path("checkpoints", "best.pt")


def describe_run(
    directory: Path,
    config: DictConfig,
    geometry: Geometry,
    source: str,
    particles: Mapping[str, Any],
) -> None:
    """Write the resolved configuration, the geometry and the origin of a run into its directory.

    Args:
        directory: of the run.
        config: its configuration.
        geometry: the detector.
        source: who made the showers it is trained on, in words.
        particles: ranges of their incident particles.
    """
    directory.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, directory / CONFIG, resolve=True)
    geometry.save(directory / GEOMETRY)
    if config.get("init"):
        begun = f"begun from run {Path(config.init).name}, trained on: {trained_on(config.init)}"
        source = f"{source}; {begun}"
    origin = {
        "trained_on": source,
        "command": typed(),
        "pointcalo": pointcalo.__version__,
        "python": platform.python_version(),
        **{m.__name__: str(m.__version__) for m in (torch, torch_geometric, np, h5py)},
        "geometry_hash": geometry.hash,
        "particles": dict(particles),
    }
    (directory / ORIGIN).write_text(yaml.safe_dump(origin, sort_keys=False), encoding="utf-8")


def run_config(directory: str | Path) -> DictConfig:
    """The configuration of a run.

    Raises:
        FileNotFoundError: the directory is not that of a run.
        ValueError: the file is damaged.
    """
    path = _part(directory, CONFIG)
    try:
        config = OmegaConf.load(path)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: damaged, it is no YAML; train again") from error
    missing = [name for name in ("model", "network", "profile", "trainer") if name not in config]
    if missing:
        raise ValueError(f"{path}: damaged, it has no {', '.join(missing)}; train again")
    return config


def _part(directory: str | Path, name: str) -> Path:
    path = Path(directory, name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{directory}: no {name} in it; expected the directory of a run, "
            "as `pointcalo train` prints it"
        )
    return path


def trained_on(directory: str | Path) -> str:
    """Who made the showers that a run is trained on, in words."""
    return _origin(directory)["trained_on"]


def trained_particles(directory: str | Path) -> Mapping[str, Any]:
    """Ranges of the particles that a run is trained on; empty where it does not record them."""
    return _origin(directory).get("particles", {})


def _origin(directory: str | Path) -> dict[str, Any]:
    return yaml.safe_load(_part(directory, ORIGIN).read_text(encoding="utf-8"))


def build_model(config: DictConfig, geometry: Geometry) -> Model:
    """The untrained model of a configuration."""
    names = condition_names(config)
    given = {"conditions": list(names)} if names else {}
    return hydra.utils.instantiate(
        config.model,
        profile=hydra.utils.instantiate(config.profile, geometry, **given),
        generator=hydra.utils.instantiate(config.network, geometry, **given),
    )


def check_device(name: str) -> None:
    """Raise ValueError where torch has no device of that name."""
    try:
        if torch.device(name).type not in ("cpu", "cuda", "mps"):
            raise RuntimeError
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device: got {name!r}, which torch does not have here; expected cpu, or one that "
            "`pointcalo doctor` names"
        ) from error


def trained_model(directory: str | Path, device: str) -> tuple[Model, Geometry]:
    """The model of a run with its best weights, and its geometry, on a device.

    Raises:
        FileNotFoundError: not a run, or one without a checkpoint.
        ValueError: the weights do not fit the configuration; no such device.
    """
    check_device(device)
    config = run_config(directory)
    geometry = Geometry.load(_part(directory, GEOMETRY)).to(device)
    model = build_model(config, geometry).to(device)
    load_weights_into(model, load_weights(Path(directory, BEST)))
    return model.eval(), geometry


def initial_from(directory: str | Path, model: Model) -> Initial:
    """What a model takes over from the best weights of a run, to begin its training from.

    Raises:
        FileNotFoundError: not a run, or one without a checkpoint.
        ValueError: other layers, or another generator or profile model.
    """
    try:
        check_layers(Geometry.load(_part(directory, GEOMETRY)), model.profile.geometry)
        return initial_weights(model, load_weights(Path(directory, BEST)))
    except ValueError as error:
        raise ValueError(f"init={directory}: {error}") from error
