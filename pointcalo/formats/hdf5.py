"""Opening and reading HDF5 files so that every fault is one line that names the file."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Deflate makes data at most 1032 times smaller; what claims more was never written.
LARGEST_COMPRESSION = 1100
SOURCE = "source"
"""Attribute that this package adds to files of any layout: who made the showers, in words."""
SMALL = 1 << 24  # bytes that are not worth a look
LARGEST_SHOWER = 1 << 24  # numbers


def check_file(path: Path) -> None:
    """Raise OSError, in one line, where there is no file of that name."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder, expected a file of showers")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read; an error of HDF5 in the block (damaged data) becomes one line.

    Raises:
        FileNotFoundError, PermissionError, OSError: each with one line that names the file.
    """
    check_file(path)
    try:
        opened = h5py.File(path, "r")
    except PermissionError as error:
        raise PermissionError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise OSError(f"{path}: not a readable HDF5 file (damaged, or of another kind)") from error
    try:
        with opened:
            yield opened
    except OSError as error:
        raise OSError(f"{path}: damaged, {error}: fetch or make it again") from error


def source_of(file: h5py.File, layout: str) -> str:
    """Who made the showers of a foreign file, in words: our attribute, or where they lie."""
    said = file.attrs.get(SOURCE)
    return said if isinstance(said, str) and said else f"{layout} file {Path(file.filename).name}"


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Give a ValueError in the block the name of the file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def type_of(data: h5py.Dataset, path: Path) -> np.dtype:
    """Type of the numbers of a data set.

    Raises:
        ValueError: a type that no number here has, from a damaged file.
    """
    try:
        return data.dtype
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: data set {data.name} has a damaged type: {error}") from error


def check_claim(data: h5py.Dataset, path: Path) -> None:
    """Refuse a data set whose header claims much more than the file holds.

    Raises:
        ValueError: the sizes cannot both be true.
        OSError: what the file holds of it is damaged.
    """
    try:
        held = data.id.get_storage_size()
    except RuntimeError as error:
        raise OSError(f"{path}: damaged, {error}: fetch or make it again") from error
    if data.dtype.hasobject or data.nbytes <= max(SMALL, LARGEST_COMPRESSION * held):
        return
    raise ValueError(
        f"{path}: data set {data.name} claims {data.nbytes / 1e9:.3g} GB, the file holds "
        f"{held} bytes of it: damaged or not filled, fetch or make it again"
    )


def single_precision(values: NDArray[Any], factor: float = 1.0) -> NDArray[np.float32]:
    """Numbers of a file times a factor in single precision; one too large becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values if factor == 1 else values * factor, dtype=np.float32)


def read_column(file: h5py.File, name: str, rows: slice) -> Tensor:
    """Numbers of some showers in single precision, [s] or [s, width] as they are in the file."""
    return torch.from_numpy(single_precision(file[name][rows]))


def check_column(file: h5py.File, path: Path, name: str, width: int = 1) -> None:
    """Refuse a data set that has not `width` numbers a shower; one may be [N] or [N, 1].

    Raises:
        ValueError: another shape.
    """
    shape = file[name].shape
    if shape[1:] != (width,) and (width, shape[1:]) != (1, ()):
        expected = f"({shape[0]}, {width})"
        raise ValueError(f"{path}: data set {name} has shape {shape}, expected {expected}")


def check_rows(file: h5py.File, path: Path, names: Iterable[str]) -> int:
    """Number of rows of data sets of numbers that must have equally many, at least one.

    Raises:
        ValueError: a data set is missing, holds no numbers or another number of rows, or claims
            more than the file holds.
    """
    numbers: dict[str, int] = {}
    for name in names:
        data = file.get(name)
        if not isinstance(data, h5py.Dataset) or data.shape is None or data.ndim < 1:
            raise ValueError(f"{path}: data set {name} is missing")
        kind = type_of(data, path)
        if kind.kind not in "fiu":
            raise ValueError(f"{path}: data set {name} holds {kind}, expected numbers")
        if math.prod(data.shape[1:]) > LARGEST_SHOWER:
            raise ValueError(f"{path}: data set {name} has shape {data.shape}, too large a shower")
        check_claim(data, path)
        numbers[name] = len(data)
    if len(set(numbers.values())) != 1:
        listed = ", ".join(f"{name} {number}" for name, number in numbers.items())
        raise ValueError(f"{path}: data sets have different numbers of showers: {listed}")
    number = next(iter(numbers.values()))
    if number == 0:
        raise ValueError(f"{path}: holds no showers")
    return number


def left_over(file: h5py.File, known: Iterable[str]) -> tuple[str, ...]:
    """A phrase on the data sets of a file that are not read; none where all are."""
    found: set[str] = set()

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found.add(name)

    file.visititems(note)
    others = sorted(found - set(known))
    return (f"data sets {', '.join(others)}",) if others else ()
