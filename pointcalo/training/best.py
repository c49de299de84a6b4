"""The weights that did best so far."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Best:
    """Averaged weights where a number was lowest: a validation loss, or that of the judge.

    Args:
        loss: that number.
        step: the step it was reached at.
        stale: looks at it since.
        weights: parameters by name.
    """

    loss: float = math.inf
    step: int = 0
    stale: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def take(self, loss: float, step: int, weights: Mapping[str, Tensor]) -> bool:
        """Keep a copy of the weights where the loss has never been lower; returns whether."""
        if not loss < self.loss:
            self.stale += 1
            return False
        self.loss, self.step, self.stale = loss, step, 0
        self.weights = {name: value.detach().clone() for name, value in weights.items()}
        return True
