"""What a metric returns, and the resampling of showers that gives its error.

The uncertainty is the standard deviation over bootstrap samples of showers. Where both sides hold
the same incident particles, pairs are resampled, so that the common choice of energies and angles
adds nothing to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

OK = "ok"
TOO_FEW = "too few"
DIFFERENT_INCIDENT = "different incident particles"
UNDEFINED = "undefined"
BOOTSTRAPS = 100


@dataclass(frozen=True)
class Estimate:
    """Value of a comparison.

    Attributes:
        value: The number.
        uncertainty: Its standard error.
        n: Showers a side, the fewer of both.
        status: `OK`, or why the value satisfies no bound.
        scale: Standard deviation of the reference's values within their groups, in the unit of the
            value, where that is what a distance is to be judged by.
    """

    value: float
    uncertainty: float
    n: int
    status: str = OK
    scale: float | None = None

    @staticmethod
    def missing(n: int, status: str = UNDEFINED) -> Estimate:
        """No value from n showers a side, and why."""
        return Estimate(math.nan, math.nan, n, status)

    def needing(self, showers: int) -> Estimate:
        """The same, "too few" where it is from fewer showers than that."""
        return replace(self, status=TOO_FEW) if self.status == OK and self.n < showers else self


@dataclass(frozen=True)
class Resampling:
    """How often each shower of two samples is taken in each bootstrap sample.

    Attributes:
        sizes: Showers of the first and of the second sample.
        paired: Whether shower k of both has the same incident particle: pairs are drawn.
        seed: Of the draws.
        number: Bootstrap samples, R.
    """

    sizes: tuple[int, int]
    paired: bool = False
    seed: int = 1
    number: int = BOOTSTRAPS

    @cached_property
    def counts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each sample [R + 1, S]; the first row takes every shower once."""
        random = torch.Generator().manual_seed(self.seed)
        both = [[np.ones(size)] for size in self.sizes]
        for _ in range(self.number):
            for side, size in enumerate(self.sizes):
                if side == 1 and self.paired:
                    both[1].append(both[0][-1])
                else:
                    drawn = torch.randint(size, (size,), generator=random)
                    both[side].append(torch.bincount(drawn, minlength=size).double().numpy())
        return np.stack(both[0]), np.stack(both[1])

    def estimate(self, values: NDArray[np.float64], value: float | None = None) -> Estimate:
        """The estimate from a statistic of each row of `counts`, [R + 1].

        Args:
            values: The statistic of the samples themselves, then of each bootstrap sample.
            value: In place of the first, where it is known more precisely.
        """
        value = float(values[0]) if value is None else value
        others = values[1:]
        uncertainty = float(np.std(others, ddof=1)) if np.isfinite(others).all() else math.nan
        finite = math.isfinite(value) and math.isfinite(uncertainty)
        return Estimate(value, uncertainty, min(self.sizes), OK if finite else UNDEFINED)
