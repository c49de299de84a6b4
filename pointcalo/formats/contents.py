"""What lies in a file, as far as it takes to tell its layout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from pointcalo.formats.hdf5 import check_file, open_hdf5

MAGIC = {b"\x89HDF\r\n\x1a\n": "hdf5", b"root": "root", b"PAR1": "parquet"}


@dataclass(frozen=True)
class Contents:
    """The inventory of a file.

    Attributes:
        path: file.
        kind: hdf5, root or parquet, by the first bytes.
        shapes: shape of each HDF5 data set by its full name ("incident/energy"); empty else.
        attributes: those of the HDF5 file; empty else.
    """

    path: Path
    kind: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: str | Path) -> "Contents":
        """Look into a file.

        Raises:
            OSError: not there, no permission, damaged.
            ValueError: a kind of file that holds no showers.
        """
        path = Path(path)
        kind = _kind(path)
        if kind != "hdf5":
            return cls(path, kind)
        shapes: dict[str, tuple[int, ...]] = {}

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                shapes[name] = item.shape or ()

        with open_hdf5(path) as file:
            file.visititems(note)
            return cls(path, kind, shapes, dict(file.attrs))

    def has(self, **dimensions: int) -> bool:
        """Whether there are data sets of these names with these numbers of dimensions."""
        return all(len(self.shapes.get(name, ())) == size for name, size in dimensions.items())


def _kind(path: Path) -> str:
    check_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except PermissionError as error:
        raise PermissionError(f"{path}: no permission to read it") from error
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            return kind
    # HDF5 may stand behind a user block
    if h5py.is_hdf5(path):
        return "hdf5"
    raise ValueError(
        f"{path}: neither HDF5 nor ROOT nor Parquet, expected a file of showers: damaged, or of "
        "another kind"
    )
