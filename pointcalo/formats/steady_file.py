"""A file for HDF5 to write to on a disk that may be full."""

import io
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any


class SteadyFile(io.FileIO):
    """A file for HDF5 to write to that keeps the first error instead of raising it.

    HDF5 cannot close a file whose writes fail: it crashes the process when the interpreter ends.
    So a failed write is kept, HDF5 is told that all is well, and the caller asks `check`. A Ctrl-C
    while HDF5 is at work does the same harm: in a `with` block it is kept too, unless somebody else
    handles it.

    Args:
        path: file to be made.
        name: file that the user asked for, named in the error.
    """

    def __init__(self, path: Path, name: Path) -> None:
        super().__init__(str(path), "w+")
        self.target = name
        self.failure: OSError | None = None
        self.interrupted = False

    def __enter__(self) -> "SteadyFile":
        self._handles = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._handles:
            signal.signal(signal.SIGINT, self._interrupt)
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        if self._handles:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        super().__exit__(*exception)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True

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
        """Raise OSError, in one line, where a write has failed; KeyboardInterrupt after Ctrl-C."""
        if self.interrupted:
            self.interrupted = False  # said once: the file must still be closed
            raise KeyboardInterrupt
        if self.failure is not None:
            reason = self.failure.strerror or str(self.failure)
            raise OSError(f"{self.target}: could not be written: {reason}") from self.failure
