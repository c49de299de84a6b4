"""Regular hexagons in axial coordinates: x = p (i + j/2), y = p sqrt(3)/2 j, p flat to flat."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pointcalo.geometry.lattice import LatticeSheets, Window
from pointcalo.geometry.segmentation import (
    FormulaSegmentation,
    number,
    pair,
    set_numbers,
)

SQRT3 = math.sqrt(3.0)


@dataclass(frozen=True, kw_only=True)
class Hexagonal(FormulaSegmentation):
    """Hexagons with two sides parallel to y; cell (0, 0) is centred at the offset.

    A cell is kept if its centre is inside the outline. Silicon wafers are hexagons of
    `wafer_mm` flat to flat, turned by 30 degrees against the cells and centred at (0, 0).

    Args:
        pitch_mm: distance of neighbouring centres (flat to flat).
        radius_mm: largest distance of a kept centre from (0, 0).
        inner_radius_mm: kept centres lie beyond this distance (0: all).
        offset_mm: centre of cell (0, 0).
        wafer_mm: flat to flat size of the wafers; 0: no wafers.
        wafer_radius_mm: cells of wafers centred at this distance or beyond are left out; 0: none.
        wafer_inner_radius_mm: cells of wafers centred nearer than this are left out.
    """

    kind: ClassVar[str] = "hexagonal"
    pitch_mm: float
    radius_mm: float
    inner_radius_mm: float = 0.0
    offset_mm: tuple[float, float] = (0.0, 0.0)
    wafer_mm: float = 0.0
    wafer_radius_mm: float = 0.0
    wafer_inner_radius_mm: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("pitch_mm", self.pitch_mm, positive=True)
        number("radius_mm", self.radius_mm, positive=True)
        names = ("pitch_mm", "radius_mm", "inner_radius_mm")
        wafers = ("wafer_mm", "wafer_radius_mm", "wafer_inner_radius_mm")
        set_numbers(self, **{name: getattr(self, name) for name in (*names, *wafers)})
        object.__setattr__(self, "offset_mm", pair("offset_mm", self.offset_mm))
        if self.inner_radius_mm > self.radius_mm:
            raise ValueError(
                f"inner_radius_mm {self.inner_radius_mm} is beyond radius_mm {self.radius_mm}"
            )

    def continued(self, margin_mm: float) -> "Hexagonal":
        """The same lattice within a wider outline; wafers are left out or taken whole."""
        wafers = {"wafer_radius_mm": 0.0, "wafer_inner_radius_mm": 0.0}
        if self.wafer_radius_mm > 0.0:
            wafers["wafer_radius_mm"] = self.wafer_radius_mm + margin_mm + self.wafer_mm
        beyond = self.wafer_inner_radius_mm - margin_mm - self.wafer_mm
        wafers["wafer_inner_radius_mm"] = max(0.0, beyond)
        return replace(
            self,
            radius_mm=self.radius_mm + margin_mm,
            inner_radius_mm=max(0.0, self.inner_radius_mm - margin_mm),
            **wafers,
            **self.grown_outline(margin_mm),
        )


def hexagon_site(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Axial coordinates (floats) of the hexagons of pitch 1 that hold points x = u, sqrt(3) y = w.

    Three families of half-spacing lines cut the plane into the thirds of hexagons; on a border
    the lower (j, i) is taken.
    """
    t = (u + w).sub_(1.0).ceil_()
    j = (w - u).sub_(1.0).ceil_().add_(t)
    sum_ij = (u + u).sub_(1.0).ceil_().add_(t)
    # ceil(n / 3) of an integer n is round((n + 1) / 3), which float32 cannot miss.
    third = 1.0 / 3.0
    j = j.add_(1.0).mul_(third).round_()
    return sum_ij.add_(1.0).mul_(third).round_().sub_(j), j


class HexagonalSheets(LatticeSheets):
    """All hexagonal lattices of a geometry."""

    num_neighbours = 6
    num_colours = 7
    steps = ((0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1))
    basis = ((1.0, 0.0), (0.5, SQRT3 / 2.0))
    cell_area = SQRT3 / 2.0
    circumradius = 1.0 / SQRT3

    def pitches(self, segmentation: Hexagonal) -> tuple[float, float]:
        """The pitch of the segmentation."""
        return segmentation.pitch_mm, segmentation.pitch_mm

    def origin(self, segmentation: Hexagonal) -> tuple[float, float]:
        """Centre of site (0, 0) in mm."""
        return segmentation.offset_mm

    def window(self, segmentation: Hexagonal) -> Window:
        """Bounds of (i, j) around the outline."""
        reach = segmentation.radius_mm
        x0, y0 = segmentation.offset_mm
        centre, half = bounding_square(segmentation, reach)
        p = segmentation.pitch_mm
        x, y = centre[0] - x0, centre[1] - y0
        j_middle, j_half = y / p * 2.0 / SQRT3, half / p * 2.0 / SQRT3
        i_middle, i_half = x / p - j_middle / 2.0, half / p * 2.0 / SQRT3
        return (
            math.floor(i_middle - i_half),
            math.ceil(i_middle + i_half),
            math.floor(j_middle - j_half),
            math.ceil(j_middle + j_half),
        )

    def inside(self, segmentation: Hexagonal, x: Tensor, y: Tensor) -> Tensor:
        """Whether centres are within the outline."""
        distance = torch.hypot(x, y)
        keep = (distance <= segmentation.radius_mm) & (distance >= segmentation.inner_radius_mm)
        if segmentation.wafer_mm > 0.0:
            keep &= _wafer_kept(segmentation, x, y)
        return keep

    @staticmethod
    def site_of(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Site around points in units of the pitch."""
        return hexagon_site(u, v.mul(SQRT3))

    def shade(self, i: Tensor, j: Tensor) -> Tensor:
        """Colour of sites."""
        return torch.remainder(i + 3 * j, 7)


def bounding_square(
    segmentation: FormulaSegmentation, reach: float
) -> tuple[tuple[float, float], float]:
    """Centre and half width (mm) of a square around the smallest disc of the outline."""
    discs = [(0.0, 0.0, reach), *segmentation.discs]
    x, y, radius = min(discs, key=lambda disc: disc[2])
    return (x, y), radius


def _wafer_kept(segmentation: Hexagonal, x: Tensor, y: Tensor) -> Tensor:
    """Whether the wafer around each point counts, from the distance of the wafer's centre."""
    size = segmentation.wafer_mm
    # Turned by 30 degrees: exchange x and y.
    i, j = hexagon_site(y / size, x / size * SQRT3)
    distance = torch.hypot((i + 0.5 * j) * size, j * (size * SQRT3 / 2.0))
    keep = distance >= segmentation.wafer_inner_radius_mm
    if segmentation.wafer_radius_mm > 0.0:
        keep &= distance < segmentation.wafer_radius_mm
    return keep
