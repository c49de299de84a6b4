"""What a segmentation is: a value that says how one detector layer is cut into cells."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

Disc = tuple[float, float, float]
Point = tuple[float, float]


class Segmentation(ABC):
    """How a layer (or a part of one) is cut into cells; a hashable value without tensors."""

    kind: ClassVar[str]

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Mapping of plain numbers, strings and lists as in a geometry file, defaults left out."""

    @abstractmethod
    def within(self, disc: Disc) -> "Segmentation":
        """The same cells where their centre is at most disc[2] mm from (disc[0], disc[1])."""

    @abstractmethod
    def without(self, points: Iterable[Point]) -> "Segmentation":
        """The same cells but those under some points (mm), whose places belong to no cell then."""

    @abstractmethod
    def continued(self, margin_mm: float) -> "Segmentation":
        """The same cells and, where none is, the ones that continue them.

        All within a margin beyond every edge, in holes and in place of dead cells; farther ones
        may be there.
        """


@dataclass(frozen=True, kw_only=True)
class FormulaSegmentation(Segmentation):
    """A segmentation given by a formula and an outline: cells whose centre is inside are kept.

    Args:
        discs: (x, y, radius) in mm; a cell is kept if its centre lies in every disc.
        outline_mm: corners (x, y) of a polygon; a cell is kept if its centre lies inside.
        holes: (x, y, radius) in mm; a cell is left out if its centre lies in one.
        dead: points (x, y) in mm; the cell under each is left out.

    Raises:
        ValueError: values of another form.
    """

    discs: tuple[Disc, ...] = ()
    outline_mm: tuple[Point, ...] = ()
    holes: tuple[Disc, ...] = ()
    dead: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        for name in ("discs", "holes"):
            object.__setattr__(self, name, discs_of(name, getattr(self, name)))
        for name in ("outline_mm", "dead"):
            object.__setattr__(self, name, points_of(name, getattr(self, name)))
        if len(self.outline_mm) in (1, 2):
            raise ValueError(f"outline_mm has {len(self.outline_mm)} corners; expected at least 3")

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

    def without(self, points: Iterable[Point]) -> "FormulaSegmentation":
        """The same cells but those under some points."""
        return replace(self, dead=(*self.dead, *points))

    def grown_outline(self, margin_mm: float) -> dict[str, Any]:
        """Discs, outline, holes and dead cells of a segmentation that is continued by a margin."""
        discs = [(x, y, radius + margin_mm) for x, y, radius in self.discs]
        if self.outline_mm:
            x, y = zip(*self.outline_mm, strict=True)
            middle = 0.5 * (min(x) + max(x)), 0.5 * (min(y) + max(y))
            reach = max(math.dist(middle, corner) for corner in self.outline_mm)
            discs.append((*middle, reach + margin_mm))
        holes = [(x, y, radius - margin_mm) for x, y, radius in self.holes if radius > margin_mm]
        return {"discs": tuple(discs), "outline_mm": (), "holes": tuple(holes), "dead": ()}


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


def discs_of(name: str, value: Any) -> tuple[Disc, ...]:
    """A list of [x, y, radius] as a tuple of discs.

    Raises:
        ValueError: no list, an entry without three numbers, a radius below 0.
    """
    discs = _rows_of(name, value, 3, "[x, y, radius]")
    for disc in discs:
        if disc[2] < 0.0:
            raise ValueError(f"{name} has the radius {disc[2]:g}; expected 0 or more")
    return discs


def points_of(name: str, value: Any) -> tuple[Point, ...]:
    """A list of [x, y] as a tuple of points.

    Raises:
        ValueError: no list, or an entry without two numbers.
    """
    return _rows_of(name, value, 2, "[x, y]")


def _rows_of(name: str, value: Any, size: int, form: str) -> tuple[tuple[float, ...], ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {value!r:.40}; expected a list of {form} in mm")
    for entry in value:
        if not isinstance(entry, list | tuple) or len(entry) != size:
            raise ValueError(f"{name} has the entry {entry!r:.40}; expected {form} in mm")
    return tuple(tuple(number(name, v) for v in entry) for entry in value)
