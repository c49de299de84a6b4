"""From the cells of one geometry to those of another, by the overlap of their areas."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection.dequantise import half_box
from pointcalo.projection.projector import merged
from pointcalo.showers import ENERGY, Showers, index_from_ptr, ptr_from_counts, rows_of, segment_sum

DEPTH_TOLERANCE = 0.01
"""mm; layers of both geometries lie at the same depth to this."""
BATCH_ROWS = 1_000_000
MAX_POINTS = 1 << 14  # wanted in one cell
MAX_TRIED = 1 << 17
WHOLE = 0.8  # of a cell's area must lie in the box that it is looked for in
WIDEST = 4.0  # half the first box over the root of the area
GROWTHS = 6


class Resegmentation:
    """Spreads the energy of each cell over the cells of another geometry that it overlaps with.

    Energy has a uniform density within a cell; the overlaps are those of points at fixed places
    in the cell (Halton 1960, doi:10.1007/BF01386213). Energy is kept to rounding, layer by layer,
    but for what lies outside every target cell, whose share is returned. A target cell gets the
    earliest time of what it gets energy from.

    Args:
        source: cells that the showers are on.
        target: cells to put them on; as many layers at the same depths.
        samples: points in the smaller of a source and a target cell.

    Raises:
        ValueError: other numbers or depths of layers.
    """

    def __init__(self, source: Geometry, target: Geometry, samples: int = 64) -> None:
        check_layers(source, target)
        self.source, self.target = source, target
        ratio = float((_mean_area(source) / _mean_area(target)).nan_to_num().max())
        self.points = min(MAX_POINTS, int(samples * max(1.0, ratio)))
        # of the source cells seen so far, and where each of all cells is among them
        self._known = _Overlaps.none(source.device)
        self._row = torch.full((source.num_cells,), -1, device=source.device)

    def __call__(self, showers: Showers) -> tuple[Showers, Tensor]:
        """Put showers on the cells of the target.

        Args:
            showers: S showers on the cells of the source; rows outside them are lost.

        Returns:
            (showers on cells of the target, sorted by cell; share of each shower's energy outside
            every cell, in 0..1, [S] float32).

        Raises:
            ValueError: a point in a layer that the geometries have not.
        """
        showers.check_layers(self.source.num_layers)
        cell = showers.cell
        if cell is None:
            cell = self.source.cell_at(showers.layer, showers.xy)
        inside = (cell >= 0) & (showers.energy > 0)
        held, cell = showers.keep(inside), cell[inside]
        overlaps, source = self._overlaps_of(cell)
        parts = [
            self._spread(held[first:last], overlaps, source[held.ptr[first] : held.ptr[last]])
            for first, last in _batches(held, overlaps.counts[source])
        ]
        lost = showers.energy.double()
        lost[inside] *= overlaps.outside[source]
        return Showers.cat(parts), _share(lost, showers)

    def _overlaps_of(self, cell: Tensor) -> tuple["_Overlaps", Tensor]:
        """Overlaps, and which of them is that of each cell [P]; each cell is looked at once."""
        new = torch.unique(cell[self._row[cell] < 0])
        if len(new):
            before = len(self._known.counts)
            self._row[new] = torch.arange(before, before + len(new), device=new.device)
            self._known = self._known.joined(self._overlaps(new))
        return self._known, self._row[cell]

    def _spread(self, showers: Showers, overlaps: "_Overlaps", source: Tensor) -> Showers:
        """Showers on target cells, given the row in `overlaps` of each point."""
        rows = rows_of(overlaps.ptr, source)
        point = index_from_ptr(ptr_from_counts(overlaps.counts[source]))
        cell, weight = overlaps.cell[rows], overlaps.weight[rows]
        points = showers.points[point]
        points[:, ENERGY] = (showers.energy.double()[point] * weight).float()
        split = Showers(
            points=points,
            layer=showers.layer[point],
            ptr=ptr_from_counts(torch.bincount(showers.index[point], minlength=len(showers))),
            incident=showers.incident,
        )
        there = cell >= 0
        return merged(split.keep(there), cell[there], self.target)

    def _overlaps(self, cell: Tensor) -> "_Overlaps":
        """Overlaps of different source cells [K]."""
        step = max(1, BATCH_ROWS // (2 * self.points))
        found = [self._pairs(part, k * step) for k, part in enumerate(cell.split(step))]
        row, target = torch.cat(found, dim=1)
        key = row * (self.target.num_cells + 1) + target + 1
        key, times = torch.unique(key, return_counts=True)
        row = torch.div(key, self.target.num_cells + 1, rounding_mode="floor")
        total = torch.bincount(row, times, len(cell))
        return _Overlaps(
            counts=torch.bincount(row, minlength=len(cell)),
            cell=key % (self.target.num_cells + 1) - 1,
            weight=times / total[row],
        )

    def _pairs(self, cell: Tensor, first: int) -> Tensor:
        """(number of a source cell from `first` on, target cell) of points inside, [2, M]."""
        row, xy = points_inside(cell, self.source, self.points)
        target = self.target.cell_at(self.source.layer_of(cell)[row], xy)
        return torch.stack([row + first, target])


@dataclass(frozen=True)
class _Overlaps:
    """Shares of K source cells that lie in target cells, sorted by source cell.

    Attributes:
        counts: target cells of each source cell, [K] int64.
        cell: of the target, -1 for none, [M] int64.
        weight: share of the source cell, 1 in sum, [M] float64.
    """

    counts: Tensor
    cell: Tensor
    weight: Tensor

    @staticmethod
    def none(device: torch.device) -> "_Overlaps":
        """Of no source cell."""
        nothing = torch.zeros(0, dtype=torch.int64, device=device)
        return _Overlaps(nothing, nothing, nothing.double())

    def joined(self, other: "_Overlaps") -> "_Overlaps":
        """Of the source cells of both."""
        pairs = ((self.counts, other.counts), (self.cell, other.cell), (self.weight, other.weight))
        return _Overlaps(*(torch.cat(pair) for pair in pairs))

    @property
    def ptr(self) -> Tensor:
        """Source cell k has the rows ptr[k]:ptr[k+1]."""
        return ptr_from_counts(self.counts)

    @property
    def outside(self) -> Tensor:
        """Share of each source cell outside every target cell, [K] float64."""
        return segment_sum(self.weight * (self.cell < 0), self.ptr)


def points_inside(cell: Tensor, geometry: Geometry, number: int) -> tuple[Tensor, Tensor]:
    """Points at fixed places, evenly spread inside cells whatever their shape.

    Halton points in a box about each cell that fall into it; the box grows until it holds the
    cell's area, and points get denser where fewer than half as many as wanted fall in.

    Args:
        cell: [K] int64.
        geometry: of the cells.
        number: about as many points in each cell.

    Returns:
        (row in `cell` of each point [M]; its x, y in mm [M, 2]); a cell that none was found in has
        its centre.
    """
    rows, found = [], []
    left, tried = torch.arange(len(cell), device=cell.device), 2 * number
    while len(left) and tried <= MAX_TRIED:
        least = number / 2 if 4 * tried <= MAX_TRIED else 1
        without = []
        for part in left.split(max(1, BATCH_ROWS // tried)):
            xy, inside = _halton_points(cell[part], geometry, tried)
            enough = inside.sum(dim=1) >= least
            row, column = (inside & enough[:, None]).nonzero(as_tuple=True)
            rows.append(part[row])
            found.append(xy[row, column])
            without.append(part[~enough])
        left, tried = torch.cat(without), 4 * tried
    rows.append(left)
    found.append(geometry.position(cell[left])[:, :2])
    return torch.cat(rows), torch.cat(found)


def _share(part: Tensor, showers: Showers) -> Tensor:
    """Share of the energy of each shower that a `part` [P] of that of its points is, [S]."""
    total = segment_sum(showers.energy.double(), showers.ptr)
    share = segment_sum(part, showers.ptr) / torch.where(total > 0, total, 1.0)
    return share.float()


def _halton_points(cell: Tensor, geometry: Geometry, number: int) -> tuple[Tensor, Tensor]:
    """Points in a box about each cell, [K, T, 2] mm, and whether they are in it, [K, T]."""
    from scipy.stats import qmc  # slow to import

    grid = torch.from_numpy(2 * qmc.Halton(2, scramble=False).random(number) - 1).float()
    grid = grid.to(cell.device)
    centre, layer = geometry.mean_position(cell)[:, None, :2], geometry.layer_of(cell)
    area = geometry.area(cell)
    # a neighbour across the seam of an unrolled cylinder is a turn away
    half = torch.minimum(half_box(cell, geometry), WIDEST * area.sqrt()[:, None])
    for _ in range(GROWTHS):
        xy = centre + half[:, None] * grid
        at = geometry.cell_at(layer.repeat_interleave(number), xy.reshape(-1, 2))
        inside = at.reshape(len(cell), number) == cell[:, None]
        part = inside.float().mean(dim=1) * 4 * half.prod(dim=1) < WHOLE * area
        if not bool(part.any()):
            break
        half = torch.where(part[:, None], 1.5 * half, half)
    return xy, inside


def _batches(showers: Showers, rows: Tensor) -> Iterator[tuple[int, int]]:
    """First and last shower (exclusive) of batches in which `rows` [P] have a bounded sum."""
    before = torch.cat([rows.new_zeros(1), rows.cumsum(0)])[showers.ptr]
    first = 0
    while first < len(showers):
        reach = torch.searchsorted(before, before[first] + BATCH_ROWS, right=True)
        last = max(first + 1, int(reach) - 1)
        yield first, last
        first = last


def _mean_area(geometry: Geometry) -> Tensor:
    """Mean area of a layer's cells in mm2, [L]; NaN without cells."""
    cell = torch.arange(geometry.num_cells, device=geometry.device)
    total = torch.bincount(geometry.layer_of(cell), geometry.area(cell), geometry.num_layers)
    return total / geometry.layer_start.diff()


def check_layers(source: Geometry, target: Geometry) -> None:
    """Raise ValueError where geometries have other numbers or depths of layers."""
    names = f"geometries {source.name!r} and {target.name!r}"
    if source.num_layers != target.num_layers:
        raise ValueError(
            f"{names} have {source.num_layers} and {target.num_layers} layers, expected as many: "
            "cells are cut anew layer by layer"
        )
    apart = (source.layer_z - target.layer_z).abs() > DEPTH_TOLERANCE
    if bool(apart.any()):
        layer = int(apart.nonzero()[0])
        depths = [float(geometry.layer_z[layer]) for geometry in (source, target)]
        raise ValueError(
            f"{names}: layer {layer} lies at z = {depths[0]:g} and {depths[1]:g} mm, expected the "
            "same depths: cells are cut anew layer by layer"
        )
