"""The command `pointcalo validate`: compare two files of showers, write a report."""

import platform
import shlex
from importlib.metadata import version

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import pointcalo
from pointcalo.cli.detector import load_geometry
from pointcalo.cli.errors import BOUND_BROKEN, DONE
from pointcalo.cli.reading import conventions
from pointcalo.formats import open_showers, split_numbers
from pointcalo.geometry import Geometry, geometry_names
from pointcalo.validation.compare import broken_bounds, check_bounds, compare
from pointcalo.validation.folder import folder_beside
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.report.figures import comparison_figure
from pointcalo.validation.report.page import REPORT, Report
from pointcalo.validation.samples import (
    Floor,
    Sample,
    choose_split,
    floor_from_file,
    floor_from_rest,
    read_sample,
)

PACKAGES = ("torch", "numpy", "scikit-learn", "scipy")


def run(config: DictConfig) -> int:
    """Compare, write the report and judge the bounds.

    Args:
        config: Keys of `configs/validate.yaml`.

    Returns:
        0, or 1 where a stated bound is broken.

    Raises:
        ValueError, OSError: The files cannot be compared or the report not be written; one line.
    """
    bounds = OmegaConf.to_container(config.bounds)
    check_bounds(bounds)
    geometry = _geometry(config)
    with folder_beside(config.output, mark=REPORT) as folder:
        reference, generated, floor, split = _samples(config, geometry)
        comparisons = compare(
            reference.measurement,
            generated.measurement,
            floor,
            seed=config.seed,
            repeats=config.repeats,
        )
        report = Report(
            reference,
            generated,
            comparisons,
            broken_bounds(comparisons, bounds),
            _figures(reference, generated),
            _about(config, geometry, floor, split),
        )
        report.write(folder)
    print(report.verdict())
    for line in report.broken:
        print(f"bound not kept: {line}")
    print(f"report: {config.output.rstrip('/')}/{REPORT}")
    return BOUND_BROKEN if report.broken else DONE


def _geometry(config: DictConfig) -> Geometry:
    if config.geometry is not None:
        return load_geometry(config)
    name = open_showers(config.reference, conventions(config)).geometry_name
    if name not in geometry_names():
        raise ValueError(
            f"{config.reference}: made in geometry {name!r}, which has no file here by that name; "
            "pass geometry=PATH of its YAML"
        )
    return load_geometry(config, name)


def _samples(config: DictConfig, geometry: Geometry) -> tuple[Sample, Sample, Floor, str]:
    said = conventions(config, geometry)
    reference_file = open_showers(config.reference, said)
    generated_file = open_showers(config.generated, said)
    split = choose_split(reference_file, generated_file, config.split)
    numbers = split_numbers(len(reference_file), split)
    n = min(len(numbers), len(generated_file), config.max_showers)
    used = numbers[:n]
    reference = read_sample(reference_file, geometry, used)
    generated = read_sample(generated_file, geometry, torch.arange(n))
    if config.floor is None:
        return reference, generated, floor_from_rest(reference, geometry, used, config.seed), split
    floor = floor_from_file(reference, read_sample(open_showers(config.floor, said), geometry))
    return reference, generated, floor, split


def _figures(reference: Sample, generated: Sample) -> dict[str, str]:
    first, second = reference.measurement.values, generated.measurement.values
    return {o.name: comparison_figure(o, first[o.name], second[o.name]) for o in OBSERVABLES}


def _about(config: DictConfig, geometry: Geometry, floor: Floor, split: str) -> dict[str, str]:
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    return {
        "geometry": f"{geometry.name}, hash {geometry.hash}",
        "showers of the reference": f"split {split}",
        "floor": floor.description,
        "seed": f"{config.seed}; divisions into folds: {config.repeats}",
        "versions": ", ".join(
            [f"pointcalo {pointcalo.__version__}", f"Python {platform.python_version()}", *versions]
        ),
        "command": shlex.join(["pointcalo", "validate", *_overrides(config)]),
    }


def _overrides(config: DictConfig) -> list[str]:
    """What was typed behind the command, or the keys that are set where nothing was typed."""
    if HydraConfig.initialized():
        return list(HydraConfig.get().overrides.task)
    return [f"{key}={value}" for key, value in config.items() if isinstance(value, str | int)]
