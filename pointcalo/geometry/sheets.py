"""Sheets: the compiled form of segmentations, all those of one kind side by side.

A *sheet* is one distinct segmentation; layers with equal segmentations share it. Methods take the
sheet of each item as an int64 tensor, or None where there is one sheet only, and speak of cells by
their number within the sheet (*local*).
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pointcalo.geometry.buckets import Buckets
from pointcalo.geometry.colouring import second_neighbours
from pointcalo.geometry.segmentation import FormulaSegmentation, Point, Segmentation
from pointcalo.geometry.tracing import untraced

SAMPLED = 1000  # cells, by which the extent of all is known
NEARER = 1e-13  # of its place, by which a cell counts as nearer than the one with the next number


class Sheets(ABC):
    """All segmentations of one kind, ready for look-ups on one device."""

    num_cells: list[int]
    num_neighbours: int
    num_colours: int

    def __init__(self, segmentations: Sequence[Segmentation]) -> None:
        self.segmentations = tuple(segmentations)
        self.device = torch.device("cpu")
        self._trees: dict[int, cKDTree] = {}

    @abstractmethod
    def position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Centres [N, 2] in mm, float64."""

    @abstractmethod
    def area(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Areas [N] in mm2."""

    @abstractmethod
    def cell_at(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        """Cells [P] under points [P, 2], -1 where there is none."""

    @abstractmethod
    def neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Neighbours [N, num_neighbours], -1 padded."""

    @property
    def num_second_neighbours(self) -> int:
        """Columns of `second_neighbours`."""
        return self.num_neighbours**2

    def second_neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Neighbours of neighbours [N, num_second_neighbours], -1 padded."""
        width = self.num_neighbours

        def around(cell: Tensor) -> Tensor:
            return self.neighbours(None if sheet is None else sheet.repeat_interleave(width), cell)

        return second_neighbours(local, self.neighbours(sheet, local), around)

    @abstractmethod
    def colour(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Colours [N] in 0..num_colours-1."""

    def mean_position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Mean position [N, 2] over the cell in mm."""
        return self.position(sheet, local)

    def nearest(
        self, sheet: Tensor | None, xy: Tensor, k: int, cover_mm: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The k nearest cells [P, k], -1 padded, and squared distances [P, k] in mm2.

        Of equally distant ones that with the lower number comes first. A program that is traced has
        no trees: it looks as far as the k nearest cells of this sheet lie, and at least `cover_mm`.
        """
        if torch.jit.is_tracing():
            return untraced(lambda: self.buckets)().nearest(sheet, xy, k, cover_mm)
        return self.nearest_by_tree(sheet, xy, k)

    def nearest_by_tree(self, sheet: Tensor | None, xy: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """`nearest` by one KD-tree per sheet, on the CPU; any layout, any point."""
        # The tree refuses what is not finite; nothing is near there.
        points = np.nan_to_num(xy.detach().cpu().double().numpy(), nan=1e9, posinf=1e9, neginf=-1e9)
        cells = np.full((len(points), k), -1, dtype=np.int64)
        squares = np.full((len(points), k), np.inf, dtype=np.float32)
        for number, rows in rows_by_sheet(sheet, len(points)):
            if self.num_cells[number] == 0:
                continue
            tree = self.tree(number)
            inside = self.tree_coordinates(number, points[rows])
            distance, index = tree.query(inside, k=np.arange(1, k + 1))
            cells[rows] = np.where(index < tree.n, index, -1)
            squares[rows] = distance**2
        return torch.from_numpy(cells).to(xy.device), torch.from_numpy(squares).to(xy.device)

    @cached_property
    def buckets(self) -> Buckets:
        """The cells of all sheets as `nearest` looks for them without trees."""
        trees = [self.tree(number) for number in range(len(self.num_cells))]
        return Buckets(trees, self.extents(), self.device)

    def extents(self) -> list[float]:
        """About how far from its centre a point of a cell is, in mm, of each sheet."""
        extents = []
        for number, count in enumerate(self.num_cells):
            some = torch.linspace(0, max(count - 1, 0), min(count, SAMPLED), device=self.device)
            sheet = torch.full_like(some, number, dtype=torch.int64)
            around = self.neighbours(sheet, some.long())
            row, column = (around >= 0).nonzero(as_tuple=True)
            centres, others = (
                self.tree_coordinates(number, self.position(sheet[row], cell).cpu().numpy())
                for cell in (some.long()[row], around[row, column].long())
            )
            away, box = np.abs(centres - others), self.tree_box(number)
            if box is not None:
                away = np.minimum(away, np.where(box > 0, box - away, np.inf))
            extents.append(0.5 * float(np.hypot(*away.T).max(initial=0.0)))
        return extents

    def tree(self, number: int) -> cKDTree:
        """KD-tree of the centres of sheet `number`, built once."""
        if number not in self._trees:
            local = torch.arange(self.num_cells[number], device=self.device)
            centres = self.position(torch.full_like(local, number), local)
            centres = (centres * (1.0 + NEARER * local[:, None].double())).cpu().numpy()
            box = self.tree_box(number)
            self._trees[number] = cKDTree(self.tree_coordinates(number, centres), boxsize=box)
        return self._trees[number]

    def tree_coordinates(self, number: int, xy: np.ndarray) -> np.ndarray:
        """Coordinates in the KD-tree of sheet `number`; periodic ones are folded."""
        return xy

    def tree_box(self, number: int) -> np.ndarray | None:
        """Periods of those coordinates, 0 where not periodic; None: none is."""
        return None

    def to(self, device: torch.device) -> "Sheets":
        """The same sheets with their tables on a device."""
        moved = copy.copy(self)
        moved.device = device
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
            elif isinstance(value, Buckets):  # made again where they are asked for
                delattr(moved, name)
        return moved

    def of_sheet(self, table: Tensor, sheet: Tensor | None) -> Tensor:
        """Entry of a table [S] for each item; a scalar where there is one sheet only."""
        return table[0] if sheet is None else table.index_select(0, sheet)


class GridSheets(Sheets):
    """Sheets with a formula for a grid of *slots*, of which a sheet keeps some as cells."""

    def build_grid(self, kept: Sequence[Tensor]) -> None:
        """Store which slots are cells; `kept` holds one bool tensor [slots] per sheet."""
        slots = [mask.nonzero().squeeze(1).to(torch.int32) for mask in kept]
        self.num_cells = [len(slot) for slot in slots]
        sizes = torch.tensor([len(mask) for mask in kept])
        counts = torch.tensor(self.num_cells)
        self.grid_start = torch.cumsum(sizes, 0) - sizes
        self.cell_start = torch.cumsum(counts, 0) - counts
        grid = torch.full((int(sizes.sum()),), -1, dtype=torch.int32)
        for start, slot in zip(self.grid_start.tolist(), slots, strict=True):
            grid[slot.long() + start] = torch.arange(len(slot), dtype=torch.int32)
        self.grid = grid
        self.slot = torch.cat(slots)

    def slot_of(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Slot [N] within its sheet of each cell, int64."""
        start = self.of_sheet(self.cell_start, sheet)
        return self.slot[local + start].long()

    def cell_of(self, sheet: Tensor | None, slot: Tensor) -> Tensor:
        """Cell [N] in each slot (within its sheet), -1 where the slot is none; int32."""
        if sheet is not None:
            start = self.of_sheet(self.grid_start, sheet)
            slot = slot + (start if slot.dim() == 1 else start[:, None])
        return torch.take(self.grid, slot.long())


def in_outline(segmentation: FormulaSegmentation, x: Tensor, y: Tensor) -> Tensor:
    """Whether points lie in every disc and in the polygon of a segmentation and in no hole."""
    keep = torch.ones_like(x, dtype=torch.bool)
    for x0, y0, radius in segmentation.discs:
        keep &= torch.hypot(x - x0, y - y0) <= radius
    for x0, y0, radius in segmentation.holes:
        keep &= torch.hypot(x - x0, y - y0) > radius
    return keep & _in_polygon(segmentation.outline_mm, x, y) if segmentation.outline_mm else keep


def _in_polygon(corners: Sequence[Point], x: Tensor, y: Tensor) -> Tensor:
    """Whether a ray along +x from each point crosses the polygon an odd number of times."""
    odd = torch.zeros_like(x, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y0 != y1:
            crossing = x0 + (y - y0) * ((x1 - x0) / (y1 - y0))
            odd ^= ((y0 > y) != (y1 > y)) & (x < crossing)
    return odd


def rows_by_sheet(sheet: Tensor | None, count: int) -> list[tuple[int, np.ndarray | slice]]:
    """The sheets of `count` items, each with the rows that it has."""
    if sheet is None:
        return [(0, slice(None))] if count else []
    numbers = sheet.cpu().numpy()
    return [(int(number), np.flatnonzero(numbers == number)) for number in np.unique(numbers)]
