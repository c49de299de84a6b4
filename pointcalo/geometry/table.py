"""Cells of any layout, given one by one: looked up by the nearest centre."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pointcalo.geometry.buckets import Buckets
from pointcalo.geometry.colouring import greedy_colours, padded_table, second_neighbours
from pointcalo.geometry.segmentation import Disc, Point, Segmentation, number
from pointcalo.geometry.sheets import Sheets, rows_by_sheet
from pointcalo.geometry.touching import TOUCHING, continued_cells, touching_pairs
from pointcalo.geometry.tracing import untraced

# A point on the border of several cells has equal distances to at most so many centres.
MOST_EQUAL = 4


class CellTable(Segmentation):
    """Cells given by their centres, areas and a maximum distance.

    A point belongs to the cell with the nearest centre if that is within the maximum distance.
    Two cells touch if their centres are at most 1.5 mean sides (roots of the areas) apart.

    Args:
        x_mm: [N] centres.
        y_mm: [N] centres.
        area_mm2: [N]; None: the square of the distance to the nearest other centre.
        maximum_distance_mm: for all cells; None: 0.75 of the side of the cell.
        dead: [N] bool, cells that are left out, so that their place belongs to no cell.

    Raises:
        ValueError: arrays of different length, values that are not finite, equal centres.
    """

    kind: ClassVar[str] = "table"

    def __init__(
        self,
        x_mm: np.ndarray,
        y_mm: np.ndarray,
        area_mm2: np.ndarray | None = None,
        maximum_distance_mm: float | None = None,
        dead: np.ndarray | None = None,
    ) -> None:
        self.all_xy = _centres(x_mm, y_mm)
        area = self._estimated_area() if area_mm2 is None else np.asarray(area_mm2)
        self.all_area = np.asarray(area, dtype=np.float32)
        if self.all_area.shape != (len(self.all_xy),) or not (self.all_area > 0).all():
            raise ValueError(
                f"area_mm2 has not {len(self.all_xy)} numbers above 0, one for each cell"
            )
        self.dead = np.zeros(len(self.all_xy), dtype=bool)
        if dead is not None:
            self.dead |= np.asarray(dead, dtype=bool)
        self.xy, self.area = self.all_xy[~self.dead], self.all_area[~self.dead]
        self.maximum_distance_mm = maximum_distance_mm
        if maximum_distance_mm is not None:
            name = "maximum_distance_mm"
            self.maximum_distance_mm = number(name, maximum_distance_mm, positive=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellTable) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the cells, the dead ones and the maximum distance."""
        content = hashlib.sha256(self.all_xy.tobytes() + self.all_area.tobytes())
        content.update(repr(self.maximum_distance_mm).encode())
        if self.dead.any():
            content.update(self.dead.tobytes())
        return content.hexdigest()

    @property
    def reach(self) -> np.ndarray:
        """Largest distance [N] in mm of a point from the centre of its cell."""
        if self.maximum_distance_mm is not None:
            return np.full(len(self.xy), self.maximum_distance_mm)
        return 0.5 * TOUCHING * np.sqrt(self.area)

    def description(self) -> dict[str, Any]:
        """The digest of the cells instead of the cells."""
        return {"type": self.kind, "cells": self.digest}

    def within(self, disc: Disc) -> "CellTable":
        """The cells whose centre lies in a disc."""
        x, y, radius = disc
        keep = np.hypot(self.all_xy[:, 0] - x, self.all_xy[:, 1] - y) <= radius
        return self._replaced(self.all_xy[keep], self.all_area[keep], self.dead[keep])

    def without(self, points: Iterable[Point]) -> "CellTable":
        """The same cells but those under some points."""
        sheets, dead = TableSheets([self]), self.dead.copy()
        under = sheets.cell_at(None, torch.tensor(list(points), dtype=torch.float32).reshape(-1, 2))
        dead[np.flatnonzero(~self.dead)[under[under >= 0].numpy()]] = True
        return self._replaced(self.all_xy, self.all_area, dead)

    def continued(self, margin_mm: float) -> "CellTable":
        """The same cells, the dead ones again, and around them cells like those at the edge."""
        xy, area = continued_cells(self.all_xy, self.all_area, margin_mm)
        return self._replaced(xy, area, np.zeros(len(xy), dtype=bool))

    def _replaced(self, xy: np.ndarray, area: np.ndarray, dead: np.ndarray) -> "CellTable":
        return CellTable(xy[:, 0], xy[:, 1], area, self.maximum_distance_mm, dead)

    def _estimated_area(self) -> np.ndarray:
        if len(self.all_xy) < 2:
            raise ValueError("a single cell without area_mm2; expected the area")
        return cKDTree(self.all_xy).query(self.all_xy, k=[2])[0][:, 0] ** 2


class TableSheets(Sheets):
    """All tables of cells of a geometry."""

    def __init__(self, segmentations: Sequence[CellTable]) -> None:
        super().__init__(segmentations)
        self.num_cells = [len(s.xy) for s in segmentations]
        self.counts = torch.tensor(self.num_cells)
        self.cell_start = torch.cumsum(self.counts, 0) - self.counts
        self.xy = torch.from_numpy(np.concatenate([s.xy for s in segmentations]))
        self.areas = torch.from_numpy(np.concatenate([s.area for s in segmentations]))

    @cached_property
    def num_neighbours(self) -> int:
        """Largest number of touching cells."""
        return self._neighbour_table.shape[1]

    @cached_property
    def num_colours(self) -> int:
        """Number of colours of the greedy colouring."""
        return int(self._colours.max()) + 1 if len(self._colours) else 1

    def position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Centres [N, 2] in mm, float64."""
        return self.xy[self._cell(sheet, local)].double()

    def area(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Areas [N] in mm2."""
        return self.areas[self._cell(sheet, local)].double()

    def cell_at(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        """Cells [P] with the nearest centre, -1 beyond the maximum distance."""
        if torch.jit.is_tracing():  # a program has no trees
            return self._cell_in_buckets(sheet, xy)
        nearest, square = self.nearest_by_tree(sheet, xy, MOST_EQUAL)
        equal = (square <= square[:, :1]) & (nearest >= 0)
        cell = torch.where(equal, nearest, torch.iinfo(torch.int64).max).min(dim=1).values
        some = nearest[:, 0] >= 0
        cell = torch.where(some, cell, 0)
        found = some & (square[:, 0] <= self._reach[self._cell(sheet, cell)] ** 2)
        found &= square[:, 0] <= self._squares_to_dead(sheet, xy)
        return torch.where(found, cell, -1)

    def neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Touching cells [N, num_neighbours], -1 padded."""
        return self._neighbour_table[self._cell(sheet, local)].long()

    def colour(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Colours [N] of a greedy colouring."""
        return self._colours[self._cell(sheet, local)]

    def _cell_in_buckets(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        cell, square = (
            found[:, 0] for found in untraced(lambda: self._places)().nearest(sheet, xy, 1)
        )
        living = (cell >= 0) & (cell < self.of_sheet(self.counts, sheet))
        cell = torch.where(living, cell, 0)
        reach = self._reach[self._cell(sheet, cell)]
        return torch.where(living & (square <= reach * reach), cell, -1)

    @cached_property
    def _places(self) -> Buckets:
        """All centres of each sheet, those of dead cells last."""
        order = [np.argsort(s.dead, kind="stable") for s in self.segmentations]
        pairs = zip(self.segmentations, order, strict=True)
        trees = [cKDTree(s.all_xy[rows]) for s, rows in pairs]
        return Buckets(trees, self.extents(), self.device)

    def _squares_to_dead(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        """Squared distance [P] to the nearest dead cell in mm2: what is under it has no cell."""
        square = np.full(len(xy), np.inf, dtype=np.float32)
        points = np.nan_to_num(xy.detach().cpu().double().numpy())
        for index, rows in rows_by_sheet(sheet, len(xy)):
            table = self.segmentations[index]
            if table.dead.any():
                square[rows] = cKDTree(table.all_xy[table.dead]).query(points[rows])[0] ** 2
        return torch.from_numpy(square).to(xy.device)

    def _cell(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        return local + self.of_sheet(self.cell_start, sheet)

    @cached_property
    def _reach(self) -> Tensor:
        reach = np.concatenate([s.reach for s in self.segmentations])
        return torch.from_numpy(reach.astype(np.float32)).to(self.device)

    @cached_property
    def _neighbour_table(self) -> Tensor:
        tables = [padded_table(touching_pairs(s.xy, s.area), len(s.xy)) for s in self.segmentations]
        width = max(table.shape[1] for table in tables)
        table = torch.full((sum(self.num_cells), width), -1, dtype=torch.int32)
        for start, part in zip(self.cell_start.tolist(), tables, strict=True):
            table[start : start + len(part), : part.shape[1]] = part
        return table.to(self.device)

    @cached_property
    def _colours(self) -> Tensor:
        # Neighbours count from the first cell of their own sheet.
        counts = torch.tensor(self.num_cells)
        start = torch.repeat_interleave(self.cell_start.cpu(), counts)
        table = self._neighbour_table.cpu().long()
        table = torch.where(table < 0, -1, table + start[:, None])
        every = torch.arange(len(table))
        second = second_neighbours(every, table, lambda cell: table[cell])
        return greedy_colours(torch.cat((table, second), dim=1)).to(self.device)


def _centres(x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
    x, y = np.asarray(x_mm, dtype=np.float32), np.asarray(y_mm, dtype=np.float32)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x_mm and y_mm have shapes {x.shape} and {y.shape}; expected [N] both")
    xy = np.stack((x, y), axis=1)
    if not np.isfinite(xy).all():
        raise ValueError("a centre is not finite; expected numbers in x_mm and y_mm")
    if len(np.unique(xy, axis=0)) != len(xy):
        raise ValueError("two cells of a layer have the same centre; expected different ones")
    return xy
