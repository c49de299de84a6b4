"""Folders that appear complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_beside(path: str | Path, *, mark: str) -> Iterator[Path]:
    """Fill a hidden folder beside `path`, renamed when the block ends without an error.

    Args:
        path: Folder to be made.
        mark: Name of a file by which an earlier folder of the same kind is known and replaced.

    Yields:
        The folder to write to.

    Raises:
        ValueError: `path` is a file, or a folder with other things in it.
        OSError: No folder to put it in, no permission, disk full; nothing is left behind.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path}: is a file, expected the name of a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file():
        raise ValueError(f"{path}: holds other files and no {mark}; name another folder")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: no folder {path.absolute().parent}, make it first")
    beside = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}.part")
    old = beside.with_suffix(".old")
    beside.mkdir()
    try:
        yield beside
        if path.is_dir():
            path.rename(old)
        beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
