"""Segmentations of DD4hep as those of pointcalo, cut to the extent of a stave or an endcap.

DD4hep's cell number i is centred at offset + i size (github.com/AIDASoft/DD4hep,
DDCore/src/segmentations).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pointcalo.geometry.cartesian import Cartesian
from pointcalo.geometry.hexagonal import SQRT3, Hexagonal
from pointcalo.geometry.importers.dd4hep_expressions import Constants
from pointcalo.geometry.polar import Polar
from pointcalo.geometry.rows import FULL_TURN
from pointcalo.geometry.segmentation import FormulaSegmentation

# Axes of the grid, which become local x and y.
GRIDS = {
    "CartesianGridXY": "xy",
    "CartesianGridXYStaggered": "xy",
    "CartesianGridXZ": "xz",
    "CartesianGridYZ": "yz",
}
POLAR, HEXAGONS = "PolarGridRPhi", "HexGrid"
DUMP = "dump a table of cells instead (tools/dump_cell_table.py, docs/add-a-detector.md)"


@dataclass(frozen=True)
class Stave:
    """A rectangle about the axis, wider with depth: width + growth x depth along x, length along y.

    All in mm.
    """

    width: float
    length: float
    growth: float = 0.0

    def __str__(self) -> str:
        return f"{self.width:.0f} x {self.length:.0f} mm at the front"


@dataclass(frozen=True)
class Ring:
    """A ring about (0, 0), radii in mm."""

    inner: float
    outer: float

    def __str__(self) -> str:
        return f"radius {self.inner:.0f} to {self.outer:.0f} mm"


class Grid:
    """The segmentation of a readout.

    Args:
        attributes: of `<segmentation>`.
        constants: of the file.

    Raises:
        ValueError: a type that has no counterpart here.
    """

    def __init__(self, attributes: Mapping[str, str], constants: Constants) -> None:
        self.kind = attributes.get("type", "")
        self._attributes, self._constants = attributes, constants
        if self.kind not in (*GRIDS, POLAR, HEXAGONS):
            known = ", ".join((*GRIDS, POLAR, HEXAGONS))
            raise ValueError(f"segmentation {self.kind!r} is not read, only {known}; {DUMP}")

    def cells(self, extent: Stave | Ring, depth: float, layer: int) -> FormulaSegmentation:
        """The cells of a layer: all whose centre lies within the extent.

        Args:
            extent: the outline.
            depth: mm from the front of the calorimeter to that of the layer.
            layer: its number as DD4hep's drivers count, from 1.
        """
        if self.kind in GRIDS:
            return self._rectangles(extent, depth, layer)
        if isinstance(extent, Stave):
            raise ValueError(f"segmentation {self.kind!r} is read in endcaps only; {DUMP}")
        return self._rings(extent) if self.kind == POLAR else self._hexagons(extent, layer)

    def _rectangles(self, extent: Stave | Ring, depth: float, layer: int) -> Cartesian:
        axes = GRIDS[self.kind]
        pitch = tuple(self._size(f"grid_size_{axis}") for axis in axes)
        offset = tuple(self._length(f"offset_{axis}") for axis in axes)
        if self.kind.endswith("Staggered"):
            shift = [0.5 * (layer % 2) * self._number(f"stagger_{axis}", "0") for axis in axes]
            offset = tuple(o + s * p for o, s, p in zip(offset, shift, pitch, strict=True))
        if isinstance(extent, Ring):
            return Cartesian(
                pitch_mm=pitch,
                radius_mm=extent.outer,
                inner_radius_mm=extent.inner,
                offset_mm=offset,
            )
        width = extent.width + extent.growth * depth
        spans = [_span(*s) for s in zip((width, extent.length), pitch, offset, strict=True)]
        (nx, x), (ny, y) = spans
        return Cartesian(pitch_mm=pitch, nx=nx, ny=ny, offset_mm=(x, y))

    def _rings(self, extent: Ring) -> Polar:
        size, first = self._size("grid_size_r"), self._length("offset_r")
        angle, phi = self._size("grid_size_phi"), self._number("offset_phi", "0")
        bins = round(FULL_TURN / angle)
        if bins < 1 or abs(bins * angle - FULL_TURN) > 1e-6:
            raise ValueError(f"grid_size_phi is {angle:g} rad; expected a whole part of a turn")
        low = math.ceil((extent.inner - first) / size - 1e-6)
        high = math.floor((extent.outer - first) / size + 1e-6)
        rings = high - low + 1
        start = first + (low - 0.5) * size
        if rings < 1 or start < -1e-6:
            raise ValueError(f"no ring of {size:g} mm lies within {extent}")
        begin = phi - 0.5 * angle
        return Polar(
            rows=((max(start, 0.0), first + (high + 0.5) * size, rings, bins),),
            phi=(begin, begin + FULL_TURN),
        )

    def _hexagons(self, extent: Ring, layer: int) -> Hexagonal:
        """DD4hep's hexagons have corners along x, ours along y: x and y change places."""
        side = self._size("side_length")
        x, y = self._length("offset_x") + 0.5 * side, self._length("offset_y") + 0.5 * SQRT3 * side
        stagger = self._number("stagger", "1")
        if stagger == 0:
            x += side
        elif stagger == 1:
            x += (layer % 3) * side
        elif stagger == 2:
            x += (-0.75, 0.0, 0.0, 0.75)[layer % 4] * side
            y += (0.0, 0.25 * SQRT3, -0.25 * SQRT3, 0.0)[layer % 4] * side
        return Hexagonal(
            pitch_mm=SQRT3 * side,
            radius_mm=extent.outer,
            inner_radius_mm=extent.inner,
            offset_mm=(y, x),
        )

    def _size(self, name: str) -> float:
        """A length in mm, or an angle in rad, above 0."""
        if name not in self._attributes:
            raise ValueError(f"segmentation {self.kind!r} has no {name}")
        is_angle = name.endswith("phi")
        value = self._number(name, "") if is_angle else self._length(name)
        if value <= 0.0:
            raise ValueError(f"{name} is {value:g}; expected a number above 0")
        return value

    def _length(self, name: str) -> float:
        return self._constants.length_mm(name, self._attributes.get(name, "0"))

    def _number(self, name: str, default: str) -> float:
        return self._constants.number(name, self._attributes.get(name, default))


def _span(width: float, pitch: float, offset: float) -> tuple[int, float]:
    """Number and middle of the cells centred at offset + i pitch within +-width / 2."""
    low = math.ceil((-0.5 * width - offset) / pitch - 1e-9)
    high = math.floor((0.5 * width - offset) / pitch + 1e-9)
    if high < low:
        raise ValueError(f"no cell of {pitch:g} mm is centred within {width:g} mm")
    return high - low + 1, round(offset + 0.5 * (low + high) * pitch, 9)
