"""Windows: the pixels, in rows and columns, that an image of a detector layer has."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

FULL_TURN = 2 * math.pi


class Window(ABC):
    """Pixels between the edges of rows and columns, in two coordinates over the layers.

    Pixel `row * number of columns + column`; a point on an edge belongs to the bin above it.
    """

    @property
    @abstractmethod
    def rows(self) -> Tensor:
        """Rising edges of the rows, [ny + 1] float64."""

    @property
    @abstractmethod
    def columns(self) -> Tensor:
        """Rising edges of the columns, [nx + 1] float64."""

    @abstractmethod
    def coordinates(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinate along the columns and along the rows of points [P, 2] mm of layers [P]."""

    @abstractmethod
    def point(self, layer: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """The inverse of `coordinates`: points in mm, [P, 2]."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns, (ny, nx)."""
        return len(self.rows) - 1, len(self.columns) - 1

    def pixel_at(self, layer: Tensor, xy: Tensor) -> Tensor:
        """Pixels of points [P, 2] mm in layers [P], -1 outside; [P] int64."""
        ny, nx = self.shape
        column, row = (
            torch.bucketize(place.contiguous(), edges.to(xy.device), right=True) - 1
            for place, edges in zip(
                self.coordinates(layer, xy.double()), (self.columns, self.rows), strict=True
            )
        )
        inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        return torch.where(inside, row * nx + column, -1)

    def position(self, layer: Tensor, pixel: Tensor) -> Tensor:
        """Middles of pixels [P] in layers [P], mm, [P, 2] float32."""
        nx = self.shape[1]
        row, column = torch.div(pixel, nx, rounding_mode="floor"), pixel % nx
        columns, rows = (
            ((edges[1:] + edges[:-1]) / 2).to(pixel.device) for edges in (self.columns, self.rows)
        )
        return self.point(layer, columns[column], rows[row]).float()


@dataclass(frozen=True)
class Rectangle(Window):
    """Equal rectangles, rows along y and columns along x, the same in every layer.

    Where the pixels are the cells of a Cartesian layer, image and points are inverses; hexagons
    need pixels smaller than the cell.

    Args:
        pixels: number along x and along y.
        pitch_mm: size of a pixel along x and along y.
        centre_mm: x, y of the window's middle.

    Raises:
        ValueError: no pixels, or a pitch that is not above 0.

    >>> window = Rectangle(pixels=(3, 2), pitch_mm=(4.0, 5.0))
    >>> window.shape, window.pixel_at(torch.tensor([0]), torch.tensor([[5.0, 1.0]]))
    ((2, 3), tensor([5]))
    """

    pixels: tuple[int, int]
    pitch_mm: tuple[float, float]
    centre_mm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if min(self.pixels) < 1 or not all(0 < pitch < math.inf for pitch in self.pitch_mm):
            raise ValueError(
                f"window: got {self.pixels} pixels of {self.pitch_mm} mm, expected numbers above 0"
            )

    @cached_property
    def rows(self) -> Tensor:
        """Edges in y, mm."""
        return self._edges(1)

    @cached_property
    def columns(self) -> Tensor:
        """Edges in x, mm."""
        return self._edges(0)

    def _edges(self, axis: int) -> Tensor:
        number = self.pixels[axis]
        step = torch.arange(number + 1, dtype=torch.float64) - number / 2
        return step * self.pitch_mm[axis] + self.centre_mm[axis]

    def coordinates(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(x, y) in mm."""
        return xy[:, 0], xy[:, 1]

    def point(self, layer: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Points at (x, y)."""
        return torch.stack([column, row], dim=1)


@dataclass(frozen=True)
class Rings(Window):
    """Rings about an axis along z, a row each, cut into equal bins of alpha, from +x.

    Args:
        radii_mm: rising edges of the rings; the first may be 0.
        bins: number of bins of alpha over [0, 2 pi).
        centre_mm: x, y of the axis.

    Raises:
        ValueError: radii that do not rise from 0 or above, no bins.

    >>> window = Rings(radii_mm=(0.0, 10.0, 30.0), bins=4)
    >>> window.shape, window.pixel_at(torch.tensor([0]), torch.tensor([[-1.0, -12.0]]))
    ((2, 4), tensor([6]))
    """

    radii_mm: Sequence[float]
    bins: int
    centre_mm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_edges("radii_mm", self.rows)
        if self.bins < 1 or self.radii_mm[0] < 0:
            raise ValueError(
                f"window: got {self.bins} bins of alpha and radii from {self.radii_mm[0]} mm on, "
                "expected at least 1 bin and radii of at least 0"
            )

    @cached_property
    def rows(self) -> Tensor:
        """Edges in r, mm."""
        return torch.tensor(self.radii_mm, dtype=torch.float64)

    @cached_property
    def columns(self) -> Tensor:
        """Edges in alpha, rad."""
        return torch.linspace(0, FULL_TURN, self.bins + 1, dtype=torch.float64)

    def coordinates(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha in rad, r in mm)."""
        x, y = (xy - torch.tensor(self.centre_mm, dtype=xy.dtype, device=xy.device)).unbind(1)
        return turned_from(0.0, torch.atan2(y, x)), torch.hypot(x, y)

    def point(self, layer: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Points at (alpha, r)."""
        x, y = row * column.cos(), row * column.sin()
        return torch.stack([x + self.centre_mm[0], y + self.centre_mm[1]], dim=1)


def turned_from(low: float, angle: Tensor) -> Tensor:
    """The same angles in [low, low + 2 pi)."""
    turned = torch.remainder(angle - low, FULL_TURN)
    # the remainder of a tiny negative number is a full turn
    return low + torch.where(turned < FULL_TURN, turned, 0.0)


def check_edges(name: str, edges: Tensor) -> None:
    """Raise ValueError unless there are at least two finite edges and they rise."""
    if len(edges) < 2 or not bool(edges.isfinite().all() & (edges.diff() > 0).all()):
        raise ValueError(f"window: {name} is {edges.tolist()}, expected rising numbers, 2 or more")
