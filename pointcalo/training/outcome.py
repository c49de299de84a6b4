"""How a training ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Reason = Literal["finished", "stopped early", "interrupted", "diverged"]


@dataclass(frozen=True)
class Outcome:
    """The end of a training.

    Args:
        reason: the budget is spent, no player improves any more, a signal came, or it diverged
            once more than it may be rolled back.
        step: updates made.
        minutes: wall time, that of all parts of a resumed training together.
        last: the checkpoint to resume from, or None before the first.
        cause: how it diverged.
        rollbacks: how often it was rolled back before.
    """

    reason: Reason
    step: int
    minutes: float
    last: Path | None
    cause: str = ""
    rollbacks: int = 0

    @property
    def message(self) -> str:
        """One line for the user."""
        text = f"training {self.reason} at step {self.step} after {self.minutes:.1f} minutes"
        if self.reason == "interrupted":
            return f"{text}; resume it from {self.last}"
        if self.reason == "diverged":
            kept = f"the last good checkpoint is {self.last}" if self.last else "no checkpoint yet"
            before = f", after {self.rollbacks} rollbacks" if self.rollbacks else ""
            return f"{text}{before}: {self.cause}; {kept}; try a smaller learning rate"
        return f"{text}; checkpoint {self.last}"
