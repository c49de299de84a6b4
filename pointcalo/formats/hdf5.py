"""Opening HDF5 files so that every fault is one line that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

# Deflate makes data at most 1032 times smaller; what claims more was never written.
LARGEST_COMPRESSION = 1100
SOURCE = "source"
"""Attribute that this package adds to files of any layout: who made the showers, in words."""
SMALL = 1 << 24  # bytes that are not worth a look


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file to read.

    Raises:
        FileNotFoundError, PermissionError, OSError: each with one line that names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except PermissionError as error:
        raise PermissionError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise OSError(f"{path}: not a readable HDF5 file (damaged, or of another kind)") from error


def source_of(file: h5py.File, layout: str) -> str:
    """Who made the showers of a foreign file, in words: our attribute, or where they lie."""
    said = file.attrs.get(SOURCE)
    return said if isinstance(said, str) and said else f"{layout} file {Path(file.filename).name}"


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Give an error of HDF5 in the block (damaged data) one line that names the file."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{path}: damaged, {error}: fetch or make it again") from error


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
