"""Rows of cells: bands in one coordinate, each cut into equal bins of an angle.

Polar layers are rings in r cut in alpha, eta-phi layers are bands along a cylinder cut in phi;
the number of bins may change from row to row. Both share the arithmetic below: `across` is the
coordinate across the rows in mm, `angle` the one along them in rad.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pointcalo.geometry.segmentation import FormulaSegmentation, number, pair, whole
from pointcalo.geometry.sheets import GridSheets, in_outline

Row = tuple[float, float, int, int]
FULL_TURN = 2.0 * math.pi

# Sheets share one sorted list of edges, each shifted by a multiple of this (mm).
SHEET_SHIFT = float(2**26)


@dataclass(frozen=True, kw_only=True)
class RowSegmentation(FormulaSegmentation):
    """Rows of cells.

    Args:
        rows: [from, to, count, num_phi] each: `count` equal rows between the two edges, cut into
            `num_phi` bins; each entry begins where the one before ends.
        phi: lowest and highest angle of the bins in rad; a full turn closes into a ring.
    """

    rows: tuple[Row, ...]
    phi: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.rows, list | tuple):
            raise ValueError(f"rows is {self.rows!r}; expected [from, to, count, num_phi] entries")
        object.__setattr__(self, "rows", tuple(_row(entry) for entry in self.rows))
        object.__setattr__(self, "phi", pair("phi", self.phi))
        if not self.rows:
            raise ValueError("rows is empty; expected [from, to, count, num_phi] entries")
        for before, after in pairwise(self.rows):
            if before[1] != after[0]:
                raise ValueError(
                    f"rows end at {before[1]} and go on at {after[0]}; expected no gap (use parts)"
                )
        if not 0.0 < self.phi[1] - self.phi[0] <= FULL_TURN + 1e-9:
            raise ValueError(f"phi is {list(self.phi)}; expected a range of at most 2 pi rad")

    @abstractmethod
    def rows_beyond(self, margin_mm: float) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """Rows that cover a margin below the first row and above the last; below an even number."""

    @abstractmethod
    def angle_of(self, length_mm: float) -> float:
        """A length along the rows in rad."""

    def continued(self, margin_mm: float) -> "RowSegmentation":
        """The same rows, more of them on either side and more bins at their ends."""
        below, above = self.rows_beyond(margin_mm)
        turn = self.phi[1] - self.phi[0]
        step = turn / math.gcd(*(row[3] for row in self.rows))
        room = int((FULL_TURN - turn) / (2.0 * step) + 1e-9)
        more = min(even_number(self.angle_of(margin_mm) / step), room // 2 * 2)
        share = 1.0 + 2.0 * more * step / turn
        return replace(
            self,
            rows=tuple((*r[:3], round(r[3] * share)) for r in (*below, *self.rows, *above)),
            phi=(self.phi[0] - more * step, self.phi[1] + more * step),
            **self.grown_outline(margin_mm),
        )

    @property
    def edges(self) -> np.ndarray:
        """Edges [R+1] of the rows in the unit of the file."""
        return self.edges_between(np.linspace)

    def edges_between(self, spread: Callable[..., np.ndarray]) -> np.ndarray:
        """Edges [R+1] where `spread(low, high, number)` gives those of one entry of `rows`."""
        pieces = [spread(low, high, count + 1)[:-1] for low, high, count, _ in self.rows]
        return np.concatenate((*pieces, [self.rows[-1][1]]))

    @property
    def bins(self) -> np.ndarray:
        """Number of bins [R] of each row."""
        return np.repeat([row[3] for row in self.rows], [row[2] for row in self.rows])

    @property
    def is_ring(self) -> bool:
        """Whether the rows close."""
        return self.phi[1] - self.phi[0] > FULL_TURN - 1e-9


class RowSheets(GridSheets):
    """All row segmentations of one kind; rows of all sheets are numbered through."""

    def __init__(self, segmentations: Sequence[RowSegmentation]) -> None:
        super().__init__(segmentations)
        edges = [torch.from_numpy(self.edges_mm(s)) for s in segmentations]
        self.low = torch.cat([edge[:-1] for edge in edges])
        self.high = torch.cat([edge[1:] for edge in edges])
        self.bins = torch.cat([torch.from_numpy(s.bins).long() for s in segmentations])
        counts = torch.tensor([len(edge) - 1 for edge in edges])
        self.row_sheet = torch.repeat_interleave(torch.arange(len(edges)), counts)
        self.first_row = torch.cumsum(counts, 0) - counts
        self.last_row = self.first_row + counts - 1
        self.row_start = torch.cumsum(self.bins, 0) - self.bins
        self.search_edges = _search_edges(edges)
        phi = torch.tensor([s.phi for s in segmentations], dtype=torch.float64)
        self.phi_low, self.turn = phi[:, 0], phi[:, 1] - phi[:, 0]
        self.ring = torch.tensor([s.is_ring for s in segmentations])
        self.turn[self.ring] = FULL_TURN
        self.build_grid([self._kept(number) for number in range(len(edges))])
        self.num_across = self._most_touching()
        self.num_neighbours = 2 + 2 * self.num_across
        odd = self.ring[self.row_sheet] & (self.bins % 2 == 1) & (self.bins > 1)
        self.colours_per_row = 3 if bool(odd.any()) else 2
        self.num_colours = 2 * self.colours_per_row

    @abstractmethod
    def edges_mm(self, segmentation: RowSegmentation) -> np.ndarray:
        """Edges [R+1] of the rows in mm, rising."""

    @abstractmethod
    def coordinates(self, sheet: Tensor | None, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(across, angle) of points [P, 2]."""

    @abstractmethod
    def point(self, row: Tensor, angle: Tensor) -> Tensor:
        """Points [N, 2] in the middle of rows at angles."""

    @abstractmethod
    def area_of(self, row: Tensor, width: Tensor) -> Tensor:
        """Areas [N] of cells of an angular width in rows."""

    def position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """A point in the middle of each cell [N, 2] in mm, float64."""
        return self._centre(self._global_slot(sheet, local))

    def area(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Areas [N] in mm2."""
        row = self._row_of(self._global_slot(sheet, local))
        return self.area_of(row, self.turn[self.row_sheet[row]] / self.bins[row])

    def cell_at(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        """Cells [P] under points [P, 2]: binary search for the row, arithmetic for the bin."""
        slot, found = self._slot_at(sheet, xy)
        return torch.where(found, self.grid[slot], -1)

    def neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Cells that share a side or a corner [N, num_neighbours], -1 padded."""
        slot = self._global_slot(sheet, local)
        row = self._row_of(slot)
        number = slot - self.row_start[row]
        own = self._beside(row, number)
        below, above = self._across(row, number, -1), self._across(row, number, 1)
        slots = torch.cat((below, own, above), dim=1)
        return torch.where(slots < 0, -1, self.grid[slots.clamp(min=0)]).long()

    def colour(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Colours [N]: parity of the row and of the bin; an odd ring's last bin has its own."""
        slot = self._global_slot(sheet, local)
        row = self._row_of(slot)
        number, bins = slot - self.row_start[row], self.bins[row]
        closing = self.ring[self.row_sheet[row]] & (bins % 2 == 1) & (number == bins - 1)
        colour = torch.where(closing & (bins > 1), 2, number % 2)
        parity = (row - self.first_row[self.row_sheet[row]]) % 2
        return colour + self.colours_per_row * parity

    def _slot_at(self, sheet: Tensor | None, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Slot [P] in all sheets under points [P, 2], and whether there is one."""
        across, angle = self.coordinates(sheet, xy.double())
        row, found = self._row_at(sheet, across)
        bins = self.bins[row]
        turn, low = self.of_sheet(self.turn, sheet), self.of_sheet(self.phi_low, sheet)
        share = torch.remainder(angle - low, FULL_TURN) / turn * bins
        found &= share <= bins
        number = share.ceil().long().sub_(1).clamp_(min=0)
        return torch.where(found, self.row_start[row] + number, 0), found

    def _global_slot(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        return self.slot_of(sheet, local) + self.of_sheet(self.grid_start, sheet)

    def _row_of(self, slot: Tensor) -> Tensor:
        return torch.bucketize(slot, self.row_start, right=True) - 1

    def _row_at(self, sheet: Tensor | None, across: Tensor) -> tuple[Tensor, Tensor]:
        """Row [P] and whether there is one; an edge belongs to the row below it."""
        first, last = self.of_sheet(self.first_row, sheet), self.of_sheet(self.last_row, sheet)
        found = (across >= self.low[first]) & (across <= self.high[last])
        shift = 0.0 if sheet is None else sheet * SHEET_SHIFT
        # A sheet has one edge more than rows.
        passed = 0 if sheet is None else sheet
        row = torch.bucketize(across + shift, self.search_edges) - 1 - passed
        return torch.where(found, torch.minimum(torch.maximum(row, first), last), 0), found

    def _centre(self, slot: Tensor) -> Tensor:
        row = self._row_of(slot)
        share = (slot - self.row_start[row] + 0.5) / self.bins[row]
        sheet = self.row_sheet[row]
        return self.point(row, self.phi_low[sheet] + share * self.turn[sheet])

    def _kept(self, number: int) -> Tensor:
        rows = (self.row_sheet == number).nonzero().squeeze(1)
        first, last = int(rows[0]), int(rows[-1])
        start, stop = int(self.row_start[first]), int(self.row_start[last] + self.bins[last])
        x, y = self._centre(torch.arange(start, stop)).unbind(1)
        kept = in_outline(self.segmentations[number], x, y)
        dead = torch.tensor(self.segmentations[number].dead, dtype=torch.float32).reshape(-1, 2)
        slot, found = self._slot_at(torch.full((len(dead),), number), dead)
        kept[slot[found] - start] = False
        return kept

    def _most_touching(self) -> int:
        """Largest number of cells of one adjacent row that a cell can touch."""
        same = self.row_sheet[1:] == self.row_sheet[:-1]
        pairs = torch.stack((self.bins[1:], self.bins[:-1]))[:, same]
        if pairs.numel() == 0:
            return 0
        one, other = torch.cat((pairs, pairs.flip(0)), dim=1)
        return int(torch.minimum((other + one - 1) // one + 2, other).max())

    def _beside(self, row: Tensor, number: Tensor) -> Tensor:
        """Slots [N, 2] of the bins before and after in the row, -1 where there is none."""
        bins, ring = self.bins[row], self.ring[self.row_sheet[row]]
        steps = torch.stack((number - 1, number + 1), dim=1)
        wrapped = torch.remainder(steps, bins[:, None])
        # In a ring of two the bin before is the bin after.
        there = (ring & (bins > 2))[:, None] | (steps == wrapped)
        return torch.where(there, self.row_start[row][:, None] + wrapped, -1)

    def _across(self, row: Tensor, number: Tensor, step: int) -> Tensor:
        """Slots [N, num_across] of the cells that touch in the row above or below."""
        sheet = self.row_sheet[row]
        other = row + step
        there = (other >= self.first_row[sheet]) & (other <= self.last_row[sheet])
        other = torch.where(there, other, row)
        bins, others = self.bins[row], self.bins[other]
        first = (number * others + bins - 1) // bins - 1
        last = torch.minimum((number + 1) * others // bins, first + others - 1)
        bin_ = first[:, None] + torch.arange(self.num_across, device=row.device)
        wrapped = torch.remainder(bin_, others[:, None])
        there = there[:, None] & (bin_ <= last[:, None])
        there &= self.ring[sheet][:, None] | (bin_ == wrapped)
        return torch.where(there, self.row_start[other][:, None] + wrapped, -1)


def even_number(least: float) -> int:
    """The next even number: so many rows or bins more keep the colours of the others."""
    return 2 * math.ceil(0.5 * least)


def rows_around(rows: Sequence[Row], below: float, above: float) -> tuple[tuple[Row, ...], ...]:
    """Rows as wide as the first below it, as the last above it, at least so far."""
    low, high, count, bins = rows[0]
    step = (high - low) / count
    number = even_number(below / step)
    before = ((low - number * step, low, number, bins),) if number else ()
    low, high, count, bins = rows[-1]
    step = (high - low) / count
    number = math.ceil(above / step)
    return before, ((high, high + number * step, number, bins),) if number else ()


def _search_edges(edges: Sequence[Tensor]) -> Tensor:
    """Edges of all sheets in one rising list."""
    return torch.cat([edge + number * SHEET_SHIFT for number, edge in enumerate(edges)])


def _row(entry: Sequence[float]) -> Row:
    if not isinstance(entry, list | tuple) or len(entry) != 4:
        raise ValueError(f"rows has the entry {entry!r}; expected [from, to, count, num_phi]")
    low, high = number("rows from", entry[0]), number("rows to", entry[1])
    if high <= low:
        raise ValueError(f"rows go from {low} to {high}; expected a rising range")
    return low, high, whole("rows count", entry[2]), whole("rows num_phi", entry[3])
