"""Samples of showers to compare: read, put on cells, cut at threshold, measured; the floor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pointcalo.formats import split_numbers
from pointcalo.formats.preparation import Preparation, check_centres
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.stream import SPLITS
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement, measure
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.pairing import halves, matched, same_incident

CHECKED_SHOWERS = 10
FIRST_SHOWERS = 50
BATCH_POINTS = 200_000


@dataclass(frozen=True)
class Sample:
    """Showers of a file as they were measured.

    Attributes:
        file: Where they were read.
        measurement: What was measured of them.
        outside: Share of the energy outside every cell.
        below_threshold: Share of the energy on cells that was below threshold.
    """

    file: ShowerFile
    measurement: Measurement
    outside: float
    below_threshold: float

    @property
    def is_parametric(self) -> bool:
        """Whether the showers are parametric, hence no stand-in for Geant4."""
        return "parametric" in self.file.source.lower()


@dataclass(frozen=True, eq=False)
class Floor:
    """Two samples of the reference kind: what they differ by is what chance alone does.

    Attributes:
        reference: n showers.
        other: n showers of the same or similar incident particles, at the same place.
        description: How they were chosen, one sentence.
        estimates: What was found of them so far, filled by `compare`.
    """

    reference: Measurement
    other: Measurement
    description: str
    estimates: dict[tuple, Estimate] = field(default_factory=dict, repr=False)


def read_sample(file: ShowerFile, geometry: Geometry, numbers: Tensor | None = None) -> Sample:
    """Read showers of a file, all or those numbered, put them on cells above threshold, measure.

    Raises:
        ValueError: Another geometry, a row that cannot be used, or no hit above threshold.
        OSError: A file that cannot be read.
    """
    file.check_geometry(geometry)
    if file.points == "cells":
        check_centres(file.read(slice(CHECKED_SHOWERS)), geometry, str(file.path))
    numbers = torch.arange(len(file)) if numbers is None else numbers
    prepare = Preparation(geometry)
    measurement = measure(map(prepare, _batches(file, numbers)), geometry)
    if measurement.showers.num_points == 0:
        raise ValueError(f"{file.path}: no hit above the threshold of geometry {geometry.name!r}")
    return Sample(file, measurement, prepare.outside, prepare.below_threshold)


def read_training(
    files: Sequence[ShowerFile], geometry: Geometry, share: float, most: int
) -> Measurement:
    """Measure showers that a generator learnt from.

    Args:
        files: Where they are; of each its train split.
        geometry: The detector.
        share: Of each file's train split, its first showers.
        most: Showers of each file.

    Raises:
        ValueError, OSError: As `read_sample`.
    """
    numbers = [split_numbers(len(file), "train", share)[:most] for file in files]
    prepare = Preparation(geometry)
    batches = (b for file, some in zip(files, numbers, strict=True) for b in _batches(file, some))
    return measure(map(prepare, batches), geometry)


def _batches(file: ShowerFile, numbers: Tensor) -> Iterator[Showers]:
    """Showers of a file in the order named, in batches of about as many points."""
    start, points = 0, 0
    while start < len(numbers):
        size = FIRST_SHOWERS if points == 0 else max(1, BATCH_POINTS * start // points)
        showers = file.read(numbers[start : start + size])
        yield showers
        start, points = start + len(showers), points + showers.num_points


def choose_split(reference: ShowerFile, generated: ShowerFile, split: str | None) -> str:
    """The split of the reference to compare with: the one asked for, or the one that was copied.

    Without a wish it is the split whose incident particles the generated showers have
    (`sample like=FILE split=...`), and all showers where they have those of none.
    """
    if split is not None:
        return split
    wanted, available = generated.incident(), reference.incident()
    for name in sorted(SPLITS, key=lambda name: name != "all"):
        numbers = split_numbers(len(reference), name)[: len(wanted)]
        if same_incident(available[numbers], wanted):
            return name
    return "all"


def left_over(number: int, used: Tensor) -> Tensor:
    """Which of so many showers are not among the used ones, int64."""
    over = torch.ones(number, dtype=torch.bool)
    over[used] = False
    return over.nonzero()[:, 0]


def floor_from_file(reference: Sample, other: Sample) -> Floor:
    """Floor from an independent file of the same kind."""
    first, second = reference.measurement, other.measurement
    n = min(len(first), len(second))
    if same_incident(first.incident[:n], second.incident[:n]):
        text = (
            f"reference against {other.file.path.name}, the same {n} incident particles on both "
            "sides"
        )
        return Floor(first[:n], second[:n], text)
    first = first[:n]
    second = second[matched(first.incident.energy, second.incident.energy)]
    text = f"reference against {n} showers of {other.file.path.name} with the same energy spectrum"
    return Floor(first, second, text)


def floor_from_rest(reference: Sample, geometry: Geometry, rest: Tensor, seed: int) -> Floor:
    """Floor from the reference file: the showers that the comparison leaves over, else halves.

    Args:
        reference: The sample that is compared.
        geometry: Its detector.
        rest: Numbers in its file of the showers left over.
        seed: Of the halves.
    """
    file = reference.file
    measured = reference.measurement
    n, energy = len(measured), measured.incident.energy
    if len(rest) >= n:
        chosen = rest[matched(energy, file.incident().energy[rest])]
        other = read_sample(file, geometry, chosen).measurement
        text = f"reference against {n} other showers of its file with the same energy spectrum"
        return Floor(measured, other, text)
    first, second = halves(energy, seed)
    text = (
        f"two halves of the reference, {len(first)} showers each: half as many as in the "
        "comparison, so distances come out larger (give floor=FILE for as many)"
    )
    return Floor(measured[first], measured[second], text)
