"""Several segmentations side by side in one layer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pointcalo.geometry.segmentation import Disc, Point, Segmentation


@dataclass(frozen=True, kw_only=True)
class Composite(Segmentation):
    """Parts of a layer, each with a segmentation of its own.

    Cells are numbered part by part; where parts overlap, a point belongs to the first. Cells of
    different parts are neighbours where their centres are at most 1.5 mean sides (roots of the
    areas) apart.

    Args:
        parts: the segmentations.
    """

    kind: ClassVar[str] = "parts"
    parts: tuple[Segmentation, ...]

    def __post_init__(self) -> None:
        if not self.parts or any(isinstance(part, Composite) for part in self.parts):
            raise ValueError("parts is empty or nested; expected a list of plain segmentations")

    def description(self) -> dict[str, Any]:
        """Mapping as in a geometry file, defaults left out."""
        return {"type": self.kind, "parts": [part.description() for part in self.parts]}

    def within(self, disc: Disc) -> "Composite":
        """The same cells within one more disc."""
        return type(self)(parts=tuple(part.within(disc) for part in self.parts))

    def without(self, points: Iterable[Point]) -> "Composite":
        """The same cells but those under some points."""
        points = tuple(points)
        return type(self)(parts=tuple(part.without(points) for part in self.parts))

    def continued(self, margin_mm: float) -> "Composite":
        """Every part continued, over the others too (`pointcalo.geometry.extension` sorts)."""
        return type(self)(parts=tuple(part.continued(margin_mm) for part in self.parts))


def parts_of(segmentation: Segmentation) -> tuple[Segmentation, ...]:
    """The parts of a composite; else the segmentation itself."""
    return segmentation.parts if isinstance(segmentation, Composite) else (segmentation,)
