"""What a segmentation is: a value that says how one detector layer is cut into cells."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

Disc = tuple[float, float, float]


class Segmentation(ABC):
    """How a layer (or a part of one) is cut into cells; a hashable value without tensors."""

    kind: ClassVar[str]

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Mapping of plain numbers, strings and lists as in a geometry file, defaults left out."""

    @abstractmethod
    def within(self, disc: Disc) -> "Segmentation":
        """The same cells where their centre is at most disc[2] mm from (disc[0], disc[1])."""


@dataclass(frozen=True, kw_only=True)
class FormulaSegmentation(Segmentation):
    """A segmentation given by a formula and an outline: cells whose centre is inside are kept.

    Args:
        discs: (x, y, radius) in mm; a cell is kept if its centre lies in every disc.
    """

    discs: tuple[Disc, ...] = ()

    def description(self) -> dict[str, Any]:
        """Mapping as in a geometry file, defaults left out."""
        values: dict[str, Any] = {"type": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                values[field.name] = plain(value)
        return values

    def within(self, disc: Disc) -> "FormulaSegmentation":
        """The same cells within one more disc."""
        return replace(self, discs=(*self.discs, tuple(float(v) for v in disc)))


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    return [plain(v) for v in value] if isinstance(value, tuple) else value


def set_numbers(segmentation: Segmentation, **values: float) -> None:
    """Store numbers as floats in a frozen segmentation, so that 5 and 5.0 have the same hash.

    Raises:
        ValueError: a value that is not a finite number.
    """
    for name, value in values.items():
        object.__setattr__(segmentation, name, number(name, value))


def number(name: str, value: Any, *, positive: bool = False) -> float:
    """`value` as a float.

    Raises:
        ValueError: not a finite number, or not above zero where `positive`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; expected a finite number")
    if positive and value <= 0:
        raise ValueError(f"{name} is {value!r}; expected a number above 0")
    return float(value)


def whole(name: str, value: Any) -> int:
    """`value` as an int of at least 1.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1")
    return value


def pair(name: str, value: Any, *, positive: bool = False) -> tuple[float, float]:
    """`value` as two floats; one number counts for both.

    Raises:
        ValueError: neither a number nor two of them.
    """
    values = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(values) != 2:
        raise ValueError(f"{name} has {len(values)} numbers; expected one or two")
    return (
        number(name, values[0], positive=positive),
        number(name, values[1], positive=positive),
    )


def discs_of(value: Any) -> tuple[Disc, ...]:
    """A list of [x, y, radius] as a tuple of discs.

    Raises:
        ValueError: an entry without three numbers.
    """
    discs = []
    for entry in value:
        if len(entry) != 3:
            raise ValueError(f"discs has the entry {entry!r}; expected [x, y, radius] in mm")
        discs.append(tuple(number("discs", v) for v in entry))
    return tuple(discs)
