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
from pointcalo.formats import open_files, open_showers, split_numbers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.opening import matching
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
    read_training,
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
        learnt = {one.data for one in self.generated if one.data} if training is None else set()
        files = {str(one.path) for one in self.generated if not one.is_run}
        opened = [self._open(path) for path in sorted(files | ({floor, training} - {None}))]
        opened += [file for data in sorted(learnt) for file in self._learnt(data)]
        for file in opened:
            file.check_geometry(self.geometry)

    def _learnt(self, data: str) -> list[ShowerFile]:
        return _trained_on(data, "training", conventions(self.config, self.geometry))

    def _judged_run(self, run: Generated, folder: Path) -> Judged:
        config, incident = self.config, self.reference.measurement.incident
        path, varied = run.sample(folder, incident, self.geometry, config.seed, config.device)
        sample = read_sample(self._open(path), self.geometry)
        variations = {name: measure([s], self.geometry) for name, s in varied.items()}
        return Judged(run.label, sample, self._training(run), variations)

    def _training(self, run: Generated | None) -> Measurement | None:
        """Train split of the file that is said, or of the run's data, or of the reference.

        None where the reference holds these showers too: they would be nearest to themselves.
        """
        share = 1.0
        if self.config.training is not None:
            files = [self._open(self.config.training)]
        elif run is not None and run.data is not None:
            files, share = self._learnt(run.data), run.data_share
        else:
            files = [self.file]
        paths = tuple(file.path.absolute() for file in files)
        if self.file.path.absolute() in paths and self.split not in HELD_OUT:
            return None
        key = (paths, share)
        if key not in self._measured:
            self._measured[key] = read_training(
                files, self.geometry, share, self.config.max_showers
            )
        return self._measured[key]

    @cached_property
    def _measured(self) -> dict[tuple[tuple[Path, ...], float], Measurement]:
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
        learnt = [one.data for one in self.generated if one.data]
        own = {path.absolute() for data in learnt for path in matching(data)}
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
        pattern = str(data.pop())
        files = _trained_on(pattern, "reference", conventions(config))
        if len(files) == 1:
            return str(files[0].path)
        raise ValueError(
            f"reference: not given, and the run was trained on {len(files)} files, {pattern}; "
            "expected one of them, or another file to compare with"
        )
    raise ValueError("reference: not given; expected the file of showers to compare with")


def _trained_on(data: str, key: str, reading: Conventions) -> list[ShowerFile]:
    """The files of a run's `data`; the key could name others, were they gone."""
    if not matching(data):
        raise FileNotFoundError(
            f"{data}: the run was trained on it, but there is no such file now; pass {key}=FILE"
        )
    return open_files(data, reading)


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
