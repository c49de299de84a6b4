"""The samples that `pointcalo validate` compares: which showers of which file, and how found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig
from torch import Tensor

from pointcalo.cli.detector import load_geometry
from pointcalo.cli.generated import Generated
from pointcalo.cli.reading import conventions
from pointcalo.formats import open_showers, split_numbers
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry, geometry_names
from pointcalo.showers import Incident
from pointcalo.units import GeV
from pointcalo.validation.compare import MIN_SHOWERS
from pointcalo.validation.measurement import Measurement, measure
from pointcalo.validation.samples import (
    Floor,
    Sample,
    choose_split,
    floor_from_file,
    floor_from_rest,
    left_over,
    read_sample,
)
from pointcalo.validation.slices import Slice, fixed_energies, near_energies

HELD_OUT = ("test", "validation")


@dataclass(frozen=True)
class Judged:
    """A generated sample to judge.

    Args:
        label: its name in the report.
        sample: what was measured of it.
        training: showers that the generator learnt from, where they are known.
        variations: showers of its run with other latents, and anew.
    """

    label: str
    sample: Sample
    training: Measurement | None
    variations: Mapping[str, Measurement] | None


class Samples:
    """All samples of a comparison.

    Args:
        config: keys of `configs/validate.yaml`.
        generated: files and runs to judge.

    Raises:
        ValueError, OSError: what is asked for cannot be compared.
    """

    def __init__(self, config: DictConfig, generated: Sequence[Generated]) -> None:
        self.config = config
        self.generated = generated
        path = _reference(config, generated)
        self.geometry = _geometry(config, path)
        self.file = self._open(path)
        self._check_files()
        self.energies = _energies(config)
        self.split = self._split()
        self.used = self._used()
        self.reference = read_sample(self.file, self.geometry, self.used)

    @property
    def description(self) -> str:
        """Which showers of the reference are compared."""
        near = ", ".join(f"{energy:g}" for energy in self.energies)
        window = f", within {self.config.energy_window:.3g} of {near} GeV" if near else ""
        return f"split {self.split}{window}"

    @cached_property
    def floor(self) -> Floor:
        """Two samples of the reference kind."""
        if self.config.floor is not None:
            file = self._open(self.config.floor)
            numbers = self._chosen(file.incident(), torch.arange(len(file)))
            other = read_sample(file, self.geometry, numbers)
            return floor_from_file(self.reference, other)
        rest = self._chosen(self.file.incident(), left_over(len(self.file), self.used))
        return floor_from_rest(self.reference, self.geometry, rest, self.config.seed)

    def judged(self, folder: Path) -> Iterator[Judged]:
        """The generated samples; those of runs are left as files in the folder."""
        for one in self.generated:
            if one.is_run:
                yield self._judged_run(one, folder)
            else:
                file = self._open(one.path)
                numbers = self._chosen(file.incident(), torch.arange(self._available))
                sample = read_sample(file, self.geometry, numbers)
                yield Judged(one.label, sample, self._training(None), None)

    def fixed_energies(self) -> list[Slice]:
        """The slices of `energy_GeV`."""
        incident = self.reference.measurement.incident
        return fixed_energies(incident, self.energies, self.config.energy_window)

    def _check_files(self) -> None:
        """Open now what is read after a run was sampled, which may take minutes."""
        floor, training = self.config.floor, self.config.training
        if floor is not None and Path(floor).resolve() == self.file.path.resolve():
            raise ValueError(
                f"floor: {floor} is the reference itself; expected other showers of its kind"
            )
        learnt = {one.data for one in self.generated} - {None} if training is None else {training}
        files = {str(one.path) for one in self.generated if not one.is_run}
        for path in sorted(files | learnt | ({floor} - {None})):
            if training is None and path in learnt:
                _check_data(path, "training")
            self._open(path).check_geometry(self.geometry)

    def _judged_run(self, run: Generated, folder: Path) -> Judged:
        config, incident = self.config, self.reference.measurement.incident
        path, varied = run.sample(folder, incident, self.geometry, config.seed, config.device)
        sample = read_sample(self._open(path), self.geometry)
        variations = {name: measure([s], self.geometry) for name, s in varied.items()}
        return Judged(run.label, sample, self._training(run.data), variations)

    def _training(self, data: str | None) -> Measurement | None:
        """Train split of the file that is said, or of the run's data, or of the reference.

        None where the reference holds these showers too: they would be nearest to themselves.
        """
        own = str(self.file.path)
        path = self.config.training or data or own
        if Path(path).absolute() == Path(own).absolute() and self.split not in HELD_OUT:
            return None
        if path not in self._measured:
            file = self._open(path)
            numbers = split_numbers(len(file), "train")[: self.config.max_showers]
            self._measured[path] = read_sample(file, self.geometry, numbers).measurement
        return self._measured[path]

    @cached_property
    def _measured(self) -> dict[str, Measurement]:
        return {}

    @cached_property
    def _available(self) -> int:
        """Showers a side, as many of every sample, before any is chosen by its energy."""
        sizes = [len(self._open(one.path)) for one in self.generated if not one.is_run]
        split = split_numbers(len(self.file), self.split)
        return min(len(split), self.config.max_showers, *sizes)

    def _split(self) -> str:
        files = [one for one in self.generated if not one.is_run]
        if files or self.config.split is not None:
            first = self._open(files[0].path) if files else self.file
            return choose_split(self.file, first, self.config.split)
        own = {Path(str(one.data)).absolute() for one in self.generated}
        return "test" if self.file.path.absolute() in own else "all"

    def _used(self) -> Tensor:
        numbers = split_numbers(len(self.file), self.split)[: self._available]
        chosen = self._chosen(self.file.incident(), numbers)
        if self.energies and len(chosen) < MIN_SHOWERS:
            low, high = self.file.incident().energy[numbers].aminmax()
            raise ValueError(
                f"energy_GeV: got {self.energies}, {len(chosen)} showers of {self.file.path} lie "
                f"within {self.config.energy_window:.3g} of them, expected {MIN_SHOWERS} or more; "
                f"there are {float(low) / GeV:.3g} to {float(high) / GeV:.3g} GeV: take others or "
                "a wider energy_window"
            )
        return chosen

    def _chosen(self, incident: Incident, numbers: Tensor) -> Tensor:
        """Of some showers those near the energies asked for."""
        if not self.energies:
            return numbers
        return numbers[near_energies(incident[numbers], self.energies, self.config.energy_window)]

    def _open(self, path: str | Path) -> ShowerFile:
        return open_showers(path, conventions(self.config, self.geometry))


def _reference(config: DictConfig, generated: Sequence[Generated]) -> str:
    """The file to compare with.

    Raises:
        ValueError: not said, and no run whose training file it could be.
    """
    if config.reference is not None:
        return config.reference
    data = {one.data for one in generated}
    if len(data) == 1 and None not in data:
        path = str(data.pop())
        _check_data(path, "reference")
        return path
    raise ValueError("reference: not given; expected the file of showers to compare with")


def _check_data(path: str, key: str) -> None:
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path}: the run was trained on it, but there is no such file now; pass {key}=FILE"
        )


def _energies(config: DictConfig) -> list[float]:
    """The energies of `energy_GeV`, GeV.

    Raises:
        ValueError: no positive numbers.
    """
    given = config.energy_GeV
    values = [] if given is None else list(given) if isinstance(given, ListConfig) else [given]
    right = all(isinstance(e, int | float) and not isinstance(e, bool) and e > 0 for e in values)
    if given is not None and not (right and values):
        raise ValueError(f"energy_GeV: got {given!r}, expected positive numbers, as [10,50,90]")
    return [float(energy) for energy in values]


def _geometry(config: DictConfig, path: str) -> Geometry:
    if config.geometry is not None:
        return load_geometry(config)
    name = open_showers(path, conventions(config)).geometry_name
    if name not in geometry_names():
        raise ValueError(
            f"{path}: made in geometry {name!r}, which has no file here by that name; "
            "pass geometry=PATH of its YAML"
        )
    return load_geometry(config, name)
