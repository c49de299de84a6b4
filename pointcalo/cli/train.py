"""`pointcalo train`: a generator for a detector, from a file or from parametric showers."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from pointcalo.cli import simulate
from pointcalo.cli.detector import SAID, load_geometry
from pointcalo.cli.errors import INTERRUPTED, OUR_FAULT
from pointcalo.cli.judge import Judge
from pointcalo.cli.reading import conventions
from pointcalo.cli.run_directory import (
    CONFIG,
    GEOMETRY,
    build_model,
    describe_run,
    initial_from,
    run_config,
)
from pointcalo.cli.trained_particles import condition_names, constant, ranges
from pointcalo.formats import ShowerStream, open_files, split_numbers
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.resources import folder
from pointcalo.showers import Incident, axis_xy
from pointcalo.training import Trainer
from pointcalo.training.initial import Initial

NEAR_EDGE_MM = 50.0
FEW = 0.02  # share of particles near an edge that is not worth a word
MOST_LOOKED_AT = 2000
EXPERIMENT = "experiment"  # group of configurations
SIMULATED = "showers.h5"  # parametric showers of a run, in its directory


def run(config: DictConfig) -> int:
    """Train a generator; see `configs/train.yaml` for the keys.

    Returns:
        0, or 130 when interrupted (a checkpoint is kept), or 3 when the losses diverged.
    """
    resume = config.resume is not None
    if not resume and config.geometry is None:
        raise ValueError(
            "missing: geometry (a name or a file, docs/geometries.md); give geometry=..."
        )
    directory = Path(config.resume) if resume else _new_directory(config)
    if resume:
        config = _resumed_config(config, directory)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    trainer = Trainer(directory, seed=config.seed, **config.trainer)
    geometry = Geometry.load(directory / GEOMETRY) if resume else load_geometry(config)
    with nullcontext() if resume else _taken_back(directory):
        return _train(config, directory, geometry, trainer, resume)


def _train(
    config: DictConfig, directory: Path, geometry: Geometry, trainer: Trainer, resume: bool
) -> int:
    torch.manual_seed(config.seed)
    model = build_model(config, geometry.to(trainer.processes.device))
    initial = None if resume else _initial(config, model)
    if not resume:
        config = _prepared(config, directory, geometry, trainer)
    files = open_files(config.data, conventions(config, geometry))
    share = {"train": config.get("data_share", 1.0), "validation": 1.0}
    streams = [
        ShowerStream(
            files,
            batch=config.batch,
            split=split,
            share=share[split],
            geometry=geometry,
            shuffle=split == "train",
            seed=config.seed,
            rank=trainer.rank,
            world=trainer.world,
            augment=split == "train" and config.get("augment", False),
            conditions=condition_names(config),
        )
        for split in share
    ]
    if trainer.rank == 0:
        if not resume:
            source = streams[0].source
            particles = _particles(files, share["train"], streams[0].units)
            describe_run(directory, config, geometry, source, particles)
        train, validation = (stream.num_showers for stream in streams)
        print(f"{directory}: {train} training and {validation} validation showers", flush=True)
        if initial is not None:
            print(f"init={config.init}: {initial.message}", flush=True)
        _warn_of_edges(files[0].incident()[:MOST_LOOKED_AT], model.profile.geometry)
    outcome = trainer.fit(
        model,
        *streams,
        resume=resume,
        initial=None if initial is None else initial.weights,
        judge=Judge(streams[1], geometry, config.seed) if trainer.schedule.judges else None,
    )
    if outcome.reason == "interrupted":
        print(f"go on with: pointcalo train resume={directory}")
        return INTERRUPTED
    if outcome.reason == "diverged":
        return OUR_FAULT
    if trainer.rank == 0:
        like = f"like={config.data} split=test"
        print(f"next: pointcalo sample run={directory} {like} output=generated.h5")
    return 0


def _initial(config: DictConfig, model: Model) -> Initial | None:
    """What `init` has for the model; None without it.

    Raises:
        FileNotFoundError: no such run; names the experiment that makes it, where there is one.
        ValueError: a run that does not fit.
    """
    if config.init is None:
        return None
    name = Path(config.init).name
    if (
        not Path(config.init).exists()
        and (folder("configs") / EXPERIMENT / f"{name}.yaml").exists()
    ):
        made = f"pointcalo train {EXPERIMENT}={name} data=FILE output={config.init}"
        raise FileNotFoundError(f"init={config.init}: no such run yet; make it first: {made}")
    return initial_from(config.init, model)


def _particles(files: list[ShowerFile], share: float, units: Mapping[str, str]) -> dict[str, Any]:
    """Ranges of the training particles; says where one of their conditions teaches nothing."""
    learnt = [(file, split_numbers(len(file), "train", share)) for file in files]
    parts = [file.incident()[numbers].only(units) for file, numbers in learnt]
    found = ranges(Incident.cat(parts), units)
    for line in constant(found):
        print(f"pointcalo train: {line}", file=sys.stderr)
    return found


def _warn_of_edges(incident: Incident, geometry: Geometry) -> None:
    """Say what share of the particles comes near an edge, if that is more than a few."""
    axis = axis_xy(incident, geometry.layer_z.cpu())
    layer = torch.arange(geometry.num_layers, device=geometry.device).repeat(len(axis))
    distance = geometry.edge_distance(layer, axis.reshape(-1, 2).to(geometry.device)).cpu()
    near = (distance.reshape(axis.shape[:2]) < NEAR_EDGE_MM).any(dim=1)
    share = float(near.float().mean())
    if share > FEW:
        print(
            f"pointcalo train: {100 * share:.3g} % of the particles pass within {NEAR_EDGE_MM:g} "
            "mm of an edge; the energy that showers lose there is learned as an average",
            file=sys.stderr,
        )


def _resumed_config(config: DictConfig, directory: Path) -> DictConfig:
    """The run's own configuration.

    Raises:
        ValueError: another geometry or output is asked for.
    """
    own = run_config(directory)
    for name in ("geometry", "output"):
        if config[name] not in (None, own[name]):
            raise ValueError(
                f"{name}: got {config[name]} with resume={directory}, which was begun with "
                f"{own[name]}; its own settings hold: leave {name} as it was"
            )
    return own


@contextmanager
def _taken_back(directory: Path) -> Iterator[None]:
    """Remove a run that fails before its first checkpoint, and the folders made for it."""
    existed = directory.exists()
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        if directory.is_dir() and not (directory / "checkpoints" / "last.pt").exists():
            shutil.rmtree(directory, ignore_errors=True)  # it was empty before
            if existed:
                directory.mkdir(exist_ok=True)
            with suppress(OSError):  # another run has begun in it
                for folder in made[1:]:
                    folder.rmdir()
        raise


def _new_directory(config: DictConfig) -> Path:
    """``output``, or ``runs/GEOMETRY-MODEL-TIME``.

    Raises:
        ValueError: several processes without a common name, or a directory that is not empty.
    """
    if config.output is not None:
        directory = Path(config.output)
        if (directory / CONFIG).exists():
            raise ValueError(f"{directory}: holds a run already; give another output= or resume=")
        if directory.is_dir() and any(directory.iterdir()):
            raise ValueError(f"{directory}: is not empty; give another output=")
        return directory
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("several processes need a common run directory: give output=runs/NAME")
    model = config.model["_target_"].rpartition(".")[2].lower()
    name = f"{Path(config.geometry).stem}-{model}-{datetime.now():%Y%m%d-%H%M%S}"
    while Path("runs", name).exists():  # jobs of a sweep that began in the same second
        name += "x"
    return Path("runs", name)


def _prepared(
    config: DictConfig, directory: Path, geometry: Geometry, trainer: Trainer
) -> DictConfig:
    """The configuration with its files in it; makes parametric ones where none is given.

    Raises:
        ValueError, OSError: the simulation cannot be run, or the directory not be written.
    """
    config = config.copy()
    if config.init is not None:
        config.init = str(Path(config.init).absolute())
    if config.data is None:
        if config.simulation is None:
            raise ValueError("data: got null, and no simulation to make showers; give data=FILE")
        if names := condition_names(config):
            raise ValueError(f"conditions: parametric showers have no {names[0]}; give data=FILE")
        config.data = str(directory / SIMULATED)
        if trainer.rank == 0:
            directory.mkdir(parents=True, exist_ok=True)
            print("no data=FILE: training on parametric showers, a stand-in for Geant4", flush=True)
            settings = {
                "geometry": config.geometry,
                "output": config.data,
                "seed": config.seed,
                "threads": config.threads,
                **{key: config.get(key) for key in SAID},
            }
            defaults = OmegaConf.load(folder("configs") / "simulate.yaml")
            simulate.run(OmegaConf.merge(defaults, config.simulation, settings))
        trainer.processes.wait()
    else:
        config.simulation = None  # the particles are those of the file
    with open_dict(config):
        config.data = str(Path(config.data).absolute())
    return config
