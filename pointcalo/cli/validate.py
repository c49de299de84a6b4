"""The command `pointcalo validate`: compare samples of showers with a reference, write a report."""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf

import pointcalo
from pointcalo.atomic import folder_beside
from pointcalo.cli.errors import BOUND_BROKEN, DONE
from pointcalo.cli.generated import all_generated
from pointcalo.cli.launch import typed
from pointcalo.cli.validate_samples import Judged, Samples
from pointcalo.validation.compare import broken_bounds, check_bounds, compare
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.metrics import METRICS, Metric
from pointcalo.validation.report.page import REPORT, Report
from pointcalo.validation.slices import angle_slices, compare_slices, energy_slices

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
    bounds = _bounds(config)
    metrics = _metrics(config, bounds)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    generated = all_generated(config.generated)
    with folder_beside(config.output, mark=REPORT) as folder:
        samples = Samples(config, generated)
        judgements = list(_judgements(config, samples, metrics, bounds, folder))
        about = _about(config, samples)
        report = Report(samples.reference, judgements, samples.floor, about)
        report.write(folder)
    for line in report.verdict():
        print(line)
    for judgement in judgements:
        for line in judgement.broken:
            of = f" by {judgement.label}" if len(judgements) > 1 else ""
            print(f"bound not kept{of}: {line}")
    print(f"report: {config.output.rstrip('/')}/{REPORT}")
    return BOUND_BROKEN if any(judgement.broken for judgement in judgements) else DONE


def _bounds(config: DictConfig) -> dict[str, float | None]:
    """The bounds by name of the metric.

    Raises:
        ValueError: none by name, or one that is on no metric or no positive number.
    """
    if not isinstance(config.bounds, DictConfig):
        raise ValueError(
            f"bounds: got {config.bounds!r}, expected one for each metric, as bounds.fpd=2"
        )
    bounds = OmegaConf.to_container(config.bounds)
    check_bounds(bounds)
    return bounds


def _metrics(config: DictConfig, bounds: Mapping[str, float | None]) -> list[Metric]:
    """The metrics to compute.

    Raises:
        ValueError: one to leave out that does not exist, or has a bound.
    """
    skip = list(config.skip) if isinstance(config.skip, ListConfig) else [config.skip]
    names = {metric.name for metric in METRICS}
    for name in skip:
        if name not in names:
            raise ValueError(f"skip: got {name!r}, expected names of metrics (docs/validation.md)")
        if bounds.get(name) is not None:
            raise ValueError(f"skip: {name} has a bound; leave out bounds.{name} or keep it")
    return [metric for metric in METRICS if metric.name not in skip]


def _judgements(
    config: DictConfig,
    samples: Samples,
    metrics: list[Metric],
    bounds: Mapping[str, float | None],
    folder: Path,
) -> Iterator[Judgement]:
    for judged in samples.judged(folder):
        comparisons = compare(
            samples.reference.measurement,
            judged.sample.measurement,
            samples.floor,
            seed=config.seed,
            repeats=config.repeats,
            training=judged.training,
            variations=judged.variations,
            metrics=metrics,
        )
        yield Judgement(
            judged.label,
            judged.sample,
            comparisons,
            broken_bounds(comparisons, bounds),
            _slices(config, samples, judged),
        )


def _slices(config: DictConfig, samples: Samples, judged: Judged) -> list:
    incident = samples.reference.measurement.incident
    slices = []
    if samples.energies:
        slices += samples.fixed_energies()
    elif config.energy_bins:
        slices += energy_slices(incident, config.energy_bins)
    if config.angle_bins:
        slices += angle_slices(incident, config.angle_bins)
    return compare_slices(
        samples.reference.measurement,
        judged.sample.measurement,
        samples.floor,
        slices,
        seed=config.seed,
    )


def _about(config: DictConfig, samples: Samples) -> dict[str, str]:
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    return {
        "geometry": f"{samples.geometry.name}, hash {samples.geometry.hash}",
        "showers of the reference": samples.description,
        "floor": samples.floor.description,
        "seed": f"{config.seed}; divisions into folds: {config.repeats}",
        "versions": ", ".join(
            [f"pointcalo {pointcalo.__version__}", f"Python {platform.python_version()}", *versions]
        ),
        "command": typed(),
    }
