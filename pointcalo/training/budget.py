"""How much training there is to do, and the step size on the way."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The end of a training: whatever of the limits given is reached first.

    Args:
        steps: updates.
        epochs: passes over the training showers.
        minutes: wall time, validation included.
    """

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.steps, self.epochs, self.minutes) if limit is not None]
        if not given or min(given) <= 0:
            raise ValueError(
                f"training budget: steps={self.steps}, epochs={self.epochs}, minutes={self.minutes}"
                "; give at least one of them, more than 0"
            )

    def progress(self, step: int, epochs: float, seconds: float) -> float:
        """Share of the budget spent, 0 to 1."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(step / self.steps)
        if self.epochs is not None:
            shares.append(epochs / self.epochs)
        if self.minutes is not None:
            shares.append(seconds / (60.0 * self.minutes))
        return min(max(shares), 1.0)


def step_size(progress: float, *, warm_up: float, floor: float) -> float:
    """Factor on the learning rate: a linear rise to 1, then half a cosine down to the floor.

    Args:
        progress: share of the budget spent.
        warm_up: share of the budget that the linear rise takes.
        floor: factor at the end.

    Returns:
        The factor; never 0, so that the first update counts.
    """
    if progress < warm_up:
        return max(progress / warm_up, 0.01)
    fall = (progress - warm_up) / (1.0 - warm_up)
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * fall))
