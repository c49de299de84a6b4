"""Rings about the origin, cut in the angle alpha from +x."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pointcalo.geometry.rows import (
    FULL_TURN,
    Row,
    RowSegmentation,
    RowSheets,
    even_number,
    rows_around,
)

INNERMOST = 0.2  # of the smallest radius: how far inwards geometric rings are continued


@dataclass(frozen=True, kw_only=True)
class Polar(RowSegmentation):
    """Rings in r about (0, 0), cut into equal bins of alpha in [0, 2 pi) from +x.

    The position of a ring that is one cell is a point on it; its mean position is (0, 0).

    Args:
        rows: [r from (mm), r to (mm), number of rings, bins of alpha] each.
        phi: lowest and highest alpha in rad.
        spacing: "even" rings, or "geometric" ones whose radii grow by a constant factor (so that
            the cells keep their shape).
    """

    kind: ClassVar[str] = "polar"
    phi: tuple[float, float] = (0.0, FULL_TURN)
    spacing: str = "even"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rows[0][0] < 0.0:
            raise ValueError(f"rows begin at the radius {self.rows[0][0]}; expected 0 or more")
        if self.spacing not in ("even", "geometric"):
            raise ValueError(f"spacing is {self.spacing!r}; expected even or geometric")
        if self.spacing == "geometric" and self.rows[0][0] == 0.0:
            raise ValueError("geometric rows begin at the radius 0; expected a radius above 0")

    def rows_beyond(self, margin_mm: float) -> tuple[tuple[Row, ...], ...]:
        """Rings like the first and the last."""
        if self.spacing == "geometric":
            return self._geometric_beyond(margin_mm)
        low, high, count, _ = self.rows[0]
        whole = int(low * count / (high - low) + 1e-9) // 2 * 2  # rings that fit inside
        return rows_around(self.rows, min(margin_mm, whole * (high - low) / count), margin_mm)

    def angle_of(self, length_mm: float) -> float:
        """A length along the middle of the rings in rad."""
        return 2.0 * length_mm / (self.rows[0][0] + self.rows[-1][1])

    def _geometric_beyond(self, margin_mm: float) -> tuple[tuple[Row, ...], ...]:
        low, high, count, bins = self.rows[0]
        ratio = (high / low) ** (1.0 / count)
        target = max(low - margin_mm, INNERMOST * low)
        number = even_number(math.log(low / target) / math.log(ratio))
        before = ((low * ratio**-number, low, number, bins),) if number else ()
        low, high, count, bins = self.rows[-1]
        ratio = (high / low) ** (1.0 / count)
        number = math.ceil(math.log1p(margin_mm / high) / math.log(ratio))
        return before, ((high, high * ratio**number, number, bins),) if number else ()

    @property
    def edges(self) -> np.ndarray:
        """Radii [R+1] in mm."""
        return super().edges if self.spacing == "even" else self.edges_between(np.geomspace)


class PolarSheets(RowSheets):
    """All polar segmentations of a geometry."""

    def edges_mm(self, segmentation: Polar) -> np.ndarray:
        """Radii [R+1] in mm."""
        return segmentation.edges

    def coordinates(self, sheet: Tensor | None, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(r, alpha) of points."""
        x, y = xy.unbind(-1)
        return torch.hypot(x, y), torch.atan2(y, x)

    def point(self, row: Tensor, angle: Tensor) -> Tensor:
        """Points at the middle radius; the centre of an undivided disc."""
        disc = (self.low[row] == 0.0) & (self.bins[row] == 1) & self.ring[self.row_sheet[row]]
        r = torch.where(disc, 0.0, 0.5 * (self.low[row] + self.high[row]))
        return torch.stack((r * torch.cos(angle), r * torch.sin(angle)), dim=-1)

    def mean_position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """As `position`, but (0, 0) for a ring that is one cell."""
        row = self._row_of(self._global_slot(sheet, local))
        whole_ring = (self.bins[row] == 1) & self.ring[self.row_sheet[row]]
        return torch.where(whole_ring[:, None], 0.0, self.position(sheet, local))

    def area_of(self, row: Tensor, width: Tensor) -> Tensor:
        """Sectors of rings."""
        return 0.5 * (self.high[row] ** 2 - self.low[row] ** 2) * width
