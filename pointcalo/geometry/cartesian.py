"""Rectangular cells: x = x0 + px i, y = y0 + py j."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pointcalo.geometry.hexagonal import bounding_square
from pointcalo.geometry.lattice import LatticeSheets, Window
from pointcalo.geometry.segmentation import (
    FormulaSegmentation,
    number,
    pair,
    set_numbers,
    whole,
)


@dataclass(frozen=True, kw_only=True)
class Cartesian(FormulaSegmentation):
    """Rectangles along x and y, either an array of nx x ny or all within a radius of (0, 0).

    Args:
        pitch_mm: cell size, one number or [x, y].
        nx: number of cells along x of an array centred at the offset; then `ny` too.
        ny: number of cells along y.
        radius_mm: instead of nx, ny: largest distance of a kept centre from (0, 0); a cell is
            centred at the offset.
        inner_radius_mm: kept centres lie beyond this distance from (0, 0) (0: all).
        offset_mm: centre of the array, or of a cell.
    """

    kind: ClassVar[str] = "cartesian"
    pitch_mm: tuple[float, float]
    nx: int = 0
    ny: int = 0
    radius_mm: float = 0.0
    inner_radius_mm: float = 0.0
    offset_mm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        pitch = pair("pitch_mm", self.pitch_mm, positive=True)
        object.__setattr__(self, "pitch_mm", pitch)
        object.__setattr__(self, "offset_mm", pair("offset_mm", self.offset_mm))
        set_numbers(self, radius_mm=self.radius_mm, inner_radius_mm=self.inner_radius_mm)
        if self.nx or self.ny:
            whole("nx", self.nx)
            whole("ny", self.ny)
            if self.radius_mm:
                raise ValueError("cartesian has nx, ny and radius_mm; give one of the two outlines")
        else:
            number("radius_mm (without nx, ny)", self.radius_mm, positive=True)

    def continued(self, margin_mm: float) -> "Cartesian":
        """The same lattice within a wider outline."""
        wider = {"inner_radius_mm": max(0.0, self.inner_radius_mm - margin_mm)}
        if self.nx:
            # A multiple of three cells on each side keeps the colours.
            more = [6 * math.ceil(margin_mm / (3.0 * pitch)) for pitch in self.pitch_mm]
            wider |= {"nx": self.nx + more[0], "ny": self.ny + more[1]}
        else:
            wider["radius_mm"] = self.radius_mm + margin_mm
        return replace(self, **wider, **self.grown_outline(margin_mm))


class CartesianSheets(LatticeSheets):
    """All rectangular lattices of a geometry."""

    num_neighbours = 8
    num_colours = 9
    steps = ((-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1))
    basis = ((1.0, 0.0), (0.0, 1.0))
    cell_area = 1.0
    circumradius = math.sqrt(0.5)

    def pitches(self, segmentation: Cartesian) -> tuple[float, float]:
        """The pitch of the segmentation."""
        return segmentation.pitch_mm

    def origin(self, segmentation: Cartesian) -> tuple[float, float]:
        """Centre of site (0, 0) in mm."""
        (px, py), (x, y) = segmentation.pitch_mm, segmentation.offset_mm
        if segmentation.nx:
            x -= 0.5 * (segmentation.nx - 1) * px
            y -= 0.5 * (segmentation.ny - 1) * py
        return x, y

    def window(self, segmentation: Cartesian) -> Window:
        """Bounds of (i, j) around the outline."""
        if segmentation.nx and not segmentation.discs:
            return 0, segmentation.nx - 1, 0, segmentation.ny - 1
        (px, py), (x0, y0) = segmentation.pitch_mm, self.origin(segmentation)
        (x, y), half = bounding_square(segmentation, segmentation.radius_mm or math.inf)
        i_low, i_high = math.floor((x - half - x0) / px), math.ceil((x + half - x0) / px)
        j_low, j_high = math.floor((y - half - y0) / py), math.ceil((y + half - y0) / py)
        if segmentation.nx:
            i_low, i_high = max(i_low, 0), min(i_high, segmentation.nx - 1)
            j_low, j_high = max(j_low, 0), min(j_high, segmentation.ny - 1)
        return i_low, i_high, j_low, j_high

    def inside(self, segmentation: Cartesian, x: Tensor, y: Tensor) -> Tensor:
        """Whether centres are within the outline."""
        distance = torch.hypot(x, y)
        keep = distance >= segmentation.inner_radius_mm
        return keep & (distance <= segmentation.radius_mm) if segmentation.radius_mm else keep

    @staticmethod
    def site_of(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Site around points in units of the pitch."""
        return u.sub(0.5).ceil_(), v.sub(0.5).ceil_()

    def shade(self, i: Tensor, j: Tensor) -> Tensor:
        """Colour of sites."""
        return torch.remainder(i, 3) + 3 * torch.remainder(j, 3)
