"""Columns of lists: the entries of all rows in one array."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointcalo.showers import ShowerError


@dataclass(frozen=True)
class Lists:
    """A column of lists: the entries of all rows in one array, and how many each row has."""

    values: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, array: Any) -> "Lists":
        """The lists of an awkward array."""
        import awkward

        counts = awkward.num(array).to_numpy().astype(np.int64)
        return cls(awkward.flatten(array).to_numpy(), counts)

    @property
    def first(self) -> NDArray[np.int64]:
        """The first entry of each row."""
        return np.cumsum(self.counts) - self.counts

    @property
    def row(self) -> NDArray[np.int64]:
        """Row of each entry."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def equal_counts(columns: Mapping[str, Lists]) -> NDArray[np.int64]:
    """How many entries each row has, the same in all columns.

    Raises:
        ShowerError: a row with different numbers of entries.
    """
    (name, known), *others = columns.items()
    for other, column in others:
        wrong = np.flatnonzero(column.counts != known.counts)
        if len(wrong):
            number = int(wrong[0])
            raise ShowerError(
                number,
                f"{name} has {known.counts[number]} entries, {other} {column.counts[number]}",
            )
    return known.counts
