"""Lattices: cells at origin + pitch (i a + j b), looked up by arithmetic and a dense grid."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.sheets import GridSheets, in_outline
from pointcalo.geometry.template import nearest_template

Window = tuple[int, int, int, int]
"""Lowest and highest i, lowest and highest j that may hold a cell."""

# Slots are computed in float32, which counts exactly up to here.
MOST_SLOTS = 2**24
MARGIN = 2  # empty sites around a window


class LatticeSheets(GridSheets):
    """Lattices with a window of sites each; the window has a margin of two empty sites."""

    basis: ClassVar[tuple[tuple[float, float], tuple[float, float]]]
    steps: ClassVar[tuple[tuple[int, int], ...]]
    cell_area: ClassVar[float]
    circumradius: ClassVar[float]

    def __init__(self, segmentations: Sequence[Segmentation]) -> None:
        super().__init__(segmentations)
        windows = [_with_margin(self.window(s)) for s in segmentations]
        self.low_i = torch.tensor([w[0] for w in windows])
        self.low_j = torch.tensor([w[2] for w in windows])
        self.width = torch.tensor([w[1] - w[0] + 1 for w in windows])
        self.height = torch.tensor([w[3] - w[2] + 1 for w in windows])
        if int((self.width * self.height).max()) > MOST_SLOTS:
            raise ValueError(
                f"a lattice has {int((self.width * self.height).max())} sites;"
                f" expected at most {MOST_SLOTS}; split the layer into parts"
            )
        pitches = torch.tensor([self.pitches(s) for s in segmentations], dtype=torch.float64)
        origins = torch.tensor([self.origin(s) for s in segmentations], dtype=torch.float64)
        self.pitch_x, self.pitch_y = pitches.T.contiguous()
        self.origin_x, self.origin_y = origins.T.contiguous()
        # What cell_at reads for every point: float32, origin and window in one shift.
        self.scale_x, self.scale_y = (1.0 / pitches).float().T.contiguous()
        self.origin_x32, self.origin_y32 = origins.float().T.contiguous()
        self.low_i32, self.low_j32 = self.low_i.float(), self.low_j.float()
        self.last_i32, self.last_j32 = (self.width - 1).float(), (self.height - 1).float()
        self.width32 = self.width.float()
        self.build_grid([self._kept(number) for number in range(len(windows))])
        self.aspects = sorted({round(float(r), 9) for r in pitches[:, 1] / pitches[:, 0]})

    @abstractmethod
    def pitches(self, segmentation: Segmentation) -> tuple[float, float]:
        """Pitch (mm) along x and y that the basis is multiplied with."""

    @abstractmethod
    def origin(self, segmentation: Segmentation) -> tuple[float, float]:
        """Centre (mm) of site (0, 0)."""

    @abstractmethod
    def window(self, segmentation: Segmentation) -> Window:
        """Sites outside are never cells."""

    @abstractmethod
    def inside(self, segmentation: Segmentation, x: Tensor, y: Tensor) -> Tensor:
        """Whether centres (mm) are within the outline."""

    @staticmethod
    @abstractmethod
    def site_of(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Site (i, j), as floats, around points in units of the pitch."""

    @abstractmethod
    def shade(self, i: Tensor, j: Tensor) -> Tensor:
        """Colour of sites."""

    def position(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Centres [N, 2] in mm, float64."""
        i, j = self._site(sheet, local)
        u, v = self._along_axes(i.double(), j.double())
        x = self.of_sheet(self.origin_x, sheet) + u * self.of_sheet(self.pitch_x, sheet)
        y = self.of_sheet(self.origin_y, sheet) + v * self.of_sheet(self.pitch_y, sheet)
        return torch.stack((x, y), dim=-1)

    def area(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Areas [N] in mm2."""
        area = self.cell_area * self.pitch_x * self.pitch_y
        return self.of_sheet(area, sheet).expand(local.shape)

    def cell_at(self, sheet: Tensor | None, xy: Tensor) -> Tensor:
        """Cells [P] under points [P, 2], by arithmetic and one look-up in the grid."""
        i, j = self._site_at(sheet, xy)
        i.nan_to_num_(-1.0).clamp_(min=0.0).clamp_(max=self.of_sheet(self.last_i32, sheet))
        j.nan_to_num_(-1.0).clamp_(min=0.0).clamp_(max=self.of_sheet(self.last_j32, sheet))
        slot = j.mul_(self.of_sheet(self.width32, sheet)).add_(i)
        return self.cell_of(sheet, slot)

    def neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Neighbours [N, num_neighbours], -1 padded."""
        # The margin of the window holds every step from a cell.
        return self._stepped(sheet, local, self.steps)

    @cached_property
    def second_steps(self) -> tuple[tuple[int, int], ...]:
        """Two steps that lead neither back nor to a neighbour."""
        ends = {(a + c, b + d) for a, b in self.steps for c, d in self.steps}
        return tuple(sorted(ends - {(0, 0), *self.steps}))

    @property
    def num_second_neighbours(self) -> int:
        """Columns of `second_neighbours`."""
        return len(self.second_steps)

    def second_neighbours(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Cells two steps on [N, num_second_neighbours], -1 padded, across a gap, too."""
        return self._stepped(sheet, local, self.second_steps)

    def _stepped(
        self, sheet: Tensor | None, local: Tensor, steps: Sequence[tuple[int, int]]
    ) -> Tensor:
        """The cells some steps on, ``[N, number of steps]``; -1 where none is."""
        step = torch.tensor(steps, device=local.device)
        width = self.of_sheet(self.width, sheet)
        width = width if sheet is None else width[:, None]
        slot = self.slot_of(sheet, local)[:, None] + step[:, 1] * width + step[:, 0]
        return self.cell_of(sheet, slot).long()

    def colour(self, sheet: Tensor | None, local: Tensor) -> Tensor:
        """Colours [N]."""
        return self.shade(*self._site(sheet, local))

    def nearest(
        self, sheet: Tensor | None, xy: Tensor, k: int, cover_mm: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The k nearest cells [P, k] and squared distances; see `Sheets.nearest`."""
        if len(self.aspects) > 1:
            return super().nearest(sheet, xy, k, cover_mm)
        sites = k
        if torch.jit.is_tracing():  # at a straight edge half of twice as many are cells
            area = float((self.cell_area * self.pitch_x * self.pitch_y).min())
            sites = max(2 * k, math.ceil(math.pi * cover_mm**2 / area))
        return self._nearest(sheet, xy, k, sites)

    def near_sites(self, k: int) -> Tensor:
        """Steps [M, 2] to the sites that may be among the k nearest to a point of a site."""
        return nearest_template(type(self), self.aspects[0], k)

    def tables(self) -> dict[str, Tensor | float]:
        """What look-ups need, by name; "sheet.NUMBER...." of each sheet."""
        tables: dict[str, Tensor | float] = {
            "hexagonal": self.num_neighbours == 6,
            "basis": torch.tensor(self.basis).flatten(),
            "steps": torch.tensor(self.steps).flatten(),
            "second_steps": torch.tensor(self.second_steps).flatten(),
        }
        sizes = (self.width * self.height).tolist()
        grids, slots = self.grid.split(sizes), self.slot.split(self.num_cells)
        window = torch.stack([self.low_i, self.low_j, self.width, self.height], dim=1)
        area = self.cell_area * self.pitch_x * self.pitch_y
        place = [self.pitch_x, self.pitch_y, self.origin_x, self.origin_y, area]
        of_sheet = {"window": window, "place": torch.stack(place, dim=1), "grid": grids}
        for name, entries in (of_sheet | {"slot": slots}).items():
            tables |= {f"sheet.{number}.{name}": entry for number, entry in enumerate(entries)}
        return tables

    def _nearest(
        self, sheet: Tensor | None, xy: Tensor, k: int, sites: int
    ) -> tuple[Tensor, Tensor]:
        """Sort the so many nearest sites; rows that miss one of them go to the KD-tree."""
        template = self.near_sites(sites).to(xy.device)
        i, j = self._site_at(sheet, xy)
        width = self.of_sheet(self.width, sheet)
        slot, reachable = self._template_slots(sheet, i, j, template, width)
        cell = self.cell_of(sheet, slot)
        complete = reachable & (cell >= 0).all(1)
        squares = self._squares(sheet, xy, i, j, template)
        if torch.jit.is_tracing():
            squares, order = squares.masked_fill(cell < 0, torch.inf).sort(dim=1)
            return cell.gather(1, order)[:, :k].long(), squares[:, :k]
        key = _sorted(_sort_key(squares, cell))[:, :k]
        cells, squares = key & 0xFFFFFFFF, (key >> 32).to(torch.int32).view(torch.float32)
        rest = (~complete).nonzero().squeeze(1)
        if len(rest):
            some = None if sheet is None else sheet[rest]
            cells[rest], squares[rest] = self.nearest_by_tree(some, xy[rest], k)
        return cells, squares

    def _template_slots(
        self, sheet: Tensor | None, i: Tensor, j: Tensor, template: Tensor, width: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Slots [P, M] of the template around each site; whether all lie in the window."""
        last_i, last_j = self.of_sheet(self.last_i32, sheet), self.of_sheet(self.last_j32, sheet)
        if torch.jit.is_tracing():  # no tree takes over: site by site
            sites_i, sites_j = (s[:, None].long() + template[:, k] for k, s in enumerate((i, j)))
            there = (sites_i >= 0) & (sites_j >= 0)
            there &= (sites_i <= last_i.reshape(-1, 1)) & (sites_j <= last_j.reshape(-1, 1))
            slot = sites_j * width.reshape(-1, 1) + sites_i
            return torch.where(there, slot, 0), there.all(dim=1)  # slot 0 is in the empty margin
        reach_i, reach_j = template[:, 0].abs().max(), template[:, 1].abs().max()
        reachable = (i >= reach_i) & (j >= reach_j)
        reachable &= (i <= last_i - reach_i) & (j <= last_j - reach_j)
        base = torch.where(reachable, j.long() * width + i.long(), 0)
        if sheet is None:
            offset = template[:, 1] * width + template[:, 0]
        else:
            offset = template[:, 1] * width[:, None] + template[:, 0]
        slot = base[:, None] + offset
        return slot.mul_(reachable[:, None]), reachable

    def _squares(
        self, sheet: Tensor | None, xy: Tensor, i: Tensor, j: Tensor, template: Tensor
    ) -> Tensor:
        """Squared distances [P, M] in mm2 from points to the sites of the template around them."""
        low_i, low_j = self.of_sheet(self.low_i32, sheet), self.of_sheet(self.low_j32, sheet)
        u, v = self._along_axes(i + low_i, j + low_j)
        px, py = self.of_sheet(self.pitch_x, sheet).float(), self.of_sheet(self.pitch_y, sheet)
        py = py.float()
        dx = u * px + (self.of_sheet(self.origin_x32, sheet) - xy[:, 0])
        dy = v * py + (self.of_sheet(self.origin_y32, sheet) - xy[:, 1])
        u, v = self._along_axes(template[:, 0].float(), template[:, 1].float())
        column = (lambda t: t) if sheet is None else (lambda t: t[:, None])
        x = (u * column(px)).add(dx[:, None])
        y = (v * column(py)).add(dy[:, None])
        return x.square_().addcmul_(y, y)

    def _site_at(self, sheet: Tensor | None, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Site, as floats counted from the corner of the window, around points [P, 2]."""
        x, y = xy.unbind(-1)
        u = x.sub(self.of_sheet(self.origin_x32, sheet)).mul_(self.of_sheet(self.scale_x, sheet))
        v = y.sub(self.of_sheet(self.origin_y32, sheet)).mul_(self.of_sheet(self.scale_y, sheet))
        i, j = self.site_of(u, v)
        i.sub_(self.of_sheet(self.low_i32, sheet))
        return i, j.sub_(self.of_sheet(self.low_j32, sheet))

    def _site(self, sheet: Tensor | None, local: Tensor) -> tuple[Tensor, Tensor]:
        """Integer site (i, j) of cells."""
        slot, width = self.slot_of(sheet, local), self.of_sheet(self.width, sheet)
        row = torch.div(slot, width, rounding_mode="floor")
        i = slot - row * width + self.of_sheet(self.low_i, sheet)
        return i, row + self.of_sheet(self.low_j, sheet)

    def _along_axes(self, i: Tensor, j: Tensor) -> tuple[Tensor, Tensor]:
        (ax, ay), (bx, by) = self.basis
        return i * ax + j * bx, i * ay + j * by

    def _kept(self, number: int) -> Tensor:
        """Which slots of the window are cells."""
        segmentation = self.segmentations[number]
        width, height = int(self.width[number]), int(self.height[number])
        slot = torch.arange(width * height)
        row = torch.div(slot, width, rounding_mode="floor")
        column = slot - row * width
        margin = (row < MARGIN) | (row >= height - MARGIN)
        margin |= (column < MARGIN) | (column >= width - MARGIN)
        i, j = column + self.low_i[number], row + self.low_j[number]
        u, v = self._along_axes(i.double(), j.double())
        x = self.origin_x[number] + u * self.pitch_x[number]
        y = self.origin_y[number] + v * self.pitch_y[number]
        kept = self.inside(segmentation, x, y) & in_outline(segmentation, x, y) & ~margin
        kept[self._dead_slots(number)] = False
        return kept

    def _dead_slots(self, number: int) -> Tensor:
        """Slots of the window under the dead points of a segmentation."""
        dead = torch.tensor(self.segmentations[number].dead, dtype=torch.float32).reshape(-1, 2)
        i, j = self._site_at(torch.full((len(dead),), number), dead)
        width, height = int(self.width[number]), int(self.height[number])
        there = (i >= 0) & (i < width) & (j >= 0) & (j < height)
        return (j * width + i)[there].long()


def _with_margin(window: Window) -> Window:
    i_low, i_high, j_low, j_high = window
    i_high, j_high = max(i_high, i_low - 1), max(j_high, j_low - 1)
    return i_low - MARGIN, i_high + MARGIN, j_low - MARGIN, j_high + MARGIN


def _sort_key(squares: Tensor, cell: Tensor) -> Tensor:
    """Distance in the upper, cell in the lower 32 bits: sorts both, ties go to the lower cell."""
    # Bits of floats >= 0 have the order of the floats.
    return (squares.view(torch.int32).long() << 32) | cell.long().bitwise_and_(0xFFFFFFFF)


def _sorted(key: Tensor) -> Tensor:
    """Rows in rising order; numpy's vectorised sort is several times torch's on a CPU."""
    if key.device.type != "cpu":
        return key.sort(dim=1).values
    array = key.numpy()
    array.sort(axis=1)
    return torch.from_numpy(array)
