"""Files that appear complete or not at all."""

import os
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
