"""Files that appear complete or not at all."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
        raise FileNotFoundError(f"{path}: no folder {path.parent}, make it first")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        if error.filename != str(beside):
            raise
        raise type(error)(f"{path}: could not be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


class SteadyFile(io.FileIO):
    """A file for HDF5 to write to that keeps the first error instead of raising it.

    HDF5 cannot close a file whose writes fail: it crashes the process when the interpreter ends.
    So a failed write is kept, HDF5 is told that all is well, and the caller asks `check`.

    Args:
        path: file to be made.
        name: file that the user asked for, named in the error.
    """

    def __init__(self, path: Path, name: Path) -> None:
        super().__init__(str(path), "w+")
        self.target = name
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of it, or keep the error."""
        left = memoryview(content).cast("B")
        size = len(left)
        try:
            while self.failure is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the length, or keep the error."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise OSError, in one line, where a write has failed."""
        if self.failure is not None:
            reason = self.failure.strerror or str(self.failure)
            raise OSError(f"{self.target}: could not be written: {reason}") from self.failure
