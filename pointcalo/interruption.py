"""Ctrl-C and a batch system's SIGTERM as a request to stop at the next step."""

import signal
import threading
from time import monotonic
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
REPEAT_S = 2.0  # torchrun passes a Ctrl-C on to processes that the terminal has told already


class Interruption:
    """While it is open, the first SIGINT or SIGTERM sets ``requested``; Ctrl-C again stops at once.

    Outside the main thread, where Python allows no handlers, nothing is caught.
    """

    def __init__(self) -> None:
        self.requested = False
        self._since = 0.0
        self._former: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._request) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested, self._since = True, monotonic()
        elif number == signal.SIGINT and monotonic() - self._since > REPEAT_S:
            raise KeyboardInterrupt
