"""Files and folders that appear complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Write to a hidden file beside `path`, renamed when the block ends without an error.

    Args:
        path: file to be made; an existing one is replaced.

    Yields:
        the path to write to.

    Raises:
        ValueError: a device or a pipe of that name, which a rename would replace.
        OSError: no such folder, no permission, disk full: one line, and nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is a device or a pipe, expected the name of a regular file")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path}: No such file or directory: no folder {path.parent}, make it first"
        )
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(beside)):
            raise  # it names a file already, one that the user knows
        raise type(error)(f"{path}: could not be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: str | Path, *, mark: str) -> Iterator[Path]:
    """Fill a hidden folder beside `path`, renamed when the block ends without an error.

    Args:
        path: folder to be made.
        mark: name of a file by which an earlier folder of the same kind is known and replaced.

    Yields:
        the folder to write to.

    Raises:
        ValueError: `path` is a file, or a folder with other things in it.
        OSError: no folder to put it in, no permission, disk full; nothing is left behind.
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
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if old.is_dir() and not path.exists():
            old.rename(path)
        shutil.rmtree(beside, ignore_errors=True)
