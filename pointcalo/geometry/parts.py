"""The parts of all layers: which sheet each has and where its cells begin."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pad

from pointcalo.geometry.colouring import second_neighbours
from pointcalo.geometry.kinds import SHEETS_OF_KIND
from pointcalo.geometry.lattice import LatticeSheets
from pointcalo.geometry.seams import Seams, pairs_between_parts, seams_of
from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.sheets import Sheets
from pointcalo.geometry.tracing import untraced

SAMPLED = 2000  # points about seams, by which the distances of their neighbours are known
FARTHER = 1.1  # than these neighbours those of other points may be


class Parts:
    """Look-ups over layers with one or more parts each; Q is the largest number of parts.

    Args:
        kinds: sheets, one entry per kind of segmentation.
        kind: [L, Q] int64, index into `kinds`; -1: the layer has fewer parts.
        sheet: [L, Q] int64, sheet within its kind.
        start: [L, Q] int64, first cell of the part.
        layer_start: [L+1] int64.
    """

    def __init__(
        self,
        kinds: Sequence[Sheets],
        kind: Tensor,
        sheet: Tensor,
        start: Tensor,
        layer_start: Tensor,
    ) -> None:
        self.kinds = tuple(kinds)
        self.kind, self.sheet, self.start = kind, sheet, start
        self.layer_start = layer_start
        self.num_cells = int(layer_start[-1])
        used = kind.flatten() >= 0
        self.flat_kind, self.flat_sheet = kind.flatten()[used], sheet.flatten()[used]
        self.flat_start = start.flatten()[used]
        # One part a layer and all of one kind: the common case takes no look-up per point.
        uniform = kind.shape[1] == 1 and bool((kind == kind[0]).all()) and int(kind[0]) >= 0
        self.uniform_kind = int(kind[0]) if uniform else None
        self.several = kind.shape[1] > 1

    def to(self, device: torch.device) -> "Parts":
        """The same tables on a device."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        moved.kinds = tuple(sheets.to(device) for sheets in self.kinds)
        if "seams" in vars(self):
            vars(moved)["seams"] = self.seams.to(device)
        return moved

    @property
    def num_neighbours(self) -> int:
        """D: within the parts and, where layers have several, across their seams."""
        return self._own_neighbours + (self.seams.neighbours.shape[1] if self.several else 0)

    @cached_property
    def layer_colours(self) -> Tensor:
        """Number of colours in each layer, [L] int64."""
        of_kind = [sheets.num_colours for sheets in self.kinds] + [1]  # -1: no part
        colours = torch.tensor(of_kind, device=self.kind.device)[self.kind].amax(dim=1)
        if self.several and len(self.seams.cell):
            layer = torch.bucketize(self.seams.cell, self.layer_start[1:], right=True)
            colours = colours.scatter_reduce(0, layer, self.seams.colour + 1, "amax")
        return colours

    def position(self, cell: Tensor) -> Tensor:
        """Centres [N, 2], float64."""
        return self._joined(cell, lambda sheets, _, *where: sheets.position(*where))

    def mean_position(self, cell: Tensor) -> Tensor:
        """Mean positions [N, 2], float64."""
        return self._joined(cell, lambda sheets, _, *where: sheets.mean_position(*where))

    def area(self, cell: Tensor) -> Tensor:
        """Areas [N], float64."""
        return self._joined(cell, lambda sheets, _, *where: sheets.area(*where))

    def colour(self, cell: Tensor) -> Tensor:
        """Colours [N], int64."""
        out = self._own_colour(cell)
        if self.several:
            rows, index = self.seams.rows(cell)
            out = out.index_copy(0, rows, self.seams.colour[index])
        return out

    def neighbours(self, cell: Tensor) -> Tensor:
        """Neighbours [N, D], -1 padded."""
        own = self._own_table(cell, "neighbours")
        if not self.several:
            return own
        rows, index = self.seams.rows(cell)
        others = cell.new_full((cell.shape[0], self.seams.neighbours.shape[1]), -1)
        return torch.cat([own, others.index_copy(0, rows, self.seams.neighbours[index])], dim=1)

    def second_neighbours(self, cell: Tensor, first: Tensor) -> Tensor:
        """Second ring [N, K], -1 padded, given the neighbours [N, D]."""
        if self.several:
            return second_neighbours(cell, first, self.neighbours)
        return self._own_table(cell, "second_neighbours")

    def _own_colour(self, cell: Tensor) -> Tensor:
        """Colours [N] of cells in their part."""
        return self._joined(cell, lambda sheets, _, *where: sheets.colour(*where))

    def _own_table(self, cell: Tensor, name: str) -> Tensor:
        """The neighbours, or second neighbours, of cells in their part, [N, D], -1 padded."""
        widths = {sheets: getattr(sheets, f"num_{name}") for sheets in self.kinds}
        most = max(widths.values())

        def counted(sheets: Sheets, start: Tensor, *where: Tensor | None) -> Tensor:
            table = getattr(sheets, name)(*where)
            table = torch.where(table < 0, -1, table + start[:, None])
            missing = most - widths[sheets]
            return pad(table, (0, missing), value=-1) if missing else table

        return self._joined(cell, counted)

    def _joined(self, cell: Tensor, of_sheets: Callable[..., Tensor]) -> Tensor:
        """What sheets say of their cells, for cells [N] in their order."""
        found = [(rows, of_sheets(*where)) for rows, *where in self._of_cells(cell)]
        if len(self.kinds) == 1:
            return found[0][1]
        order = torch.cat([rows for rows, _ in found]).argsort()
        return torch.cat([values for _, values in found])[order]

    @cached_property
    def _own_neighbours(self) -> int:
        return max(sheets.num_neighbours for sheets in self.kinds)

    @cached_property
    def seams(self) -> Seams:
        """Where parts of a layer meet; equal layers are looked at once."""
        known: dict[tuple[int, ...], Tensor] = {}
        found = [self.layer_start.new_zeros(2, 0)]
        for layer, first in enumerate(self.layer_start[:-1].tolist()):
            key = (*self.kind[layer].tolist(), *self.sheet[layer].tolist())
            if key not in known:
                known[key] = self._pairs_between_parts(layer)
            found.append(known[key] + first)
        return seams_of(
            torch.cat(found, dim=1),
            lambda cell: self._own_table(cell, "neighbours"),
            self._own_colour,
        )

    def _pairs_between_parts(self, layer: int) -> Tensor:
        """Touching cells of different parts of a layer, counted from its first, [2, E]."""
        cuts = self.start[layer][self.kind[layer] >= 0].tolist()
        cuts.append(int(self.layer_start[layer + 1]))
        cells = [torch.arange(*ends, device=self.start.device) for ends in pairwise(cuts)]
        centres, areas = [self.position(c) for c in cells], [self.area(c) for c in cells]
        return pairs_between_parts(centres, areas).to(self.start.device)

    def cell_at(self, layer: Tensor, xy: Tensor) -> Tensor:
        """Cells [P], -1 where there is none."""
        if self.uniform_kind is not None:
            sheets = self.kinds[self.uniform_kind]
            local = sheets.cell_at(self._sheet_of(sheets, self.sheet[:, 0], layer), xy)
            start = self.layer_start.index_select(0, layer)
            return torch.where(local < 0, -1, local + start)
        cell = torch.full_like(layer, -1)
        for slot in range(self.kind.shape[1]):
            for rows, sheets, sheet, start in self._of_slot(layer, slot, cell < 0):
                local = sheets.cell_at(sheet, xy[rows])
                cell = cell.index_copy(0, rows, torch.where(local < 0, -1, local + start))
        return cell

    def nearest(self, layer: Tensor, xy: Tensor, k: int) -> Tensor:
        """The k nearest cells [P, k], -1 padded."""
        if self.uniform_kind is not None:
            sheets = self.kinds[self.uniform_kind]
            local, _ = sheets.nearest(self._sheet_of(sheets, self.sheet[:, 0], layer), xy, k)
            start = self.layer_start.index_select(0, layer)
            return torch.where(local < 0, -1, local + start[:, None])
        tracing, found = torch.jit.is_tracing(), []
        cover = untraced(self._mixed_radius)(k) if tracing else 0.0
        for slot in range(self.kind.shape[1]):
            cell = layer.new_full((layer.shape[0], k), -1)
            square = xy.new_full((layer.shape[0], k), torch.inf)
            for rows, sheets, sheet, start in self._of_slot(layer, slot, layer >= 0):
                local, squares = sheets.nearest(sheet, xy[rows], k, cover)
                local = torch.where(local < 0, -1, local + start[:, None])
                cell, square = cell.index_copy(0, rows, local), square.index_copy(0, rows, squares)
            found.append((cell, square))
        cells, squares = (torch.cat(part, dim=1) for part in zip(*found, strict=True))
        order = squares.sort(dim=1, stable=True).indices[:, :k]
        return cells.gather(1, order)

    def _mixed_radius(self, k: int) -> float:
        """Radius in mm that holds the k nearest cells of a point where these are of several parts.

        Of points about the seams, as far from them as such neighbours are.
        """
        seam, random = self.seams.cell, torch.Generator().manual_seed(0)
        if len(seam) == 0:
            return 0.0
        cell = seam[torch.randint(len(seam), (SAMPLED,), generator=random)]
        layer, xy = torch.bucketize(cell, self.layer_start[1:], right=True), self.position(cell)
        shift = torch.randn(SAMPLED, 2, generator=random).to(xy)
        far = 0.0
        for share in (0.0, 1.0):  # of the distance that seams have shown, which points move by
            xy = (xy + share * far * shift).float()
            rows = (self.cell_at(layer, xy) >= 0).nonzero()[:, 0]
            near = self.nearest(layer[rows], xy[rows], k)
            known = near.clamp_min(0)
            centre = self.position(known.flatten()).unflatten(0, near.shape)
            away = torch.linalg.vector_norm(centre - xy[rows, None], dim=2)
            part = torch.bucketize(known, self.flat_start[1:], right=True)
            mixed = (part != part[:, :1]).any(dim=1, keepdim=True)
            far = max(far, float((away * mixed * (near >= 0)).max()))
        return FARTHER * far

    def lattice_tables(self) -> dict[str, Tensor | float] | None:
        """See `Geometry.lattice_tables`."""
        sheets = self.kinds[0] if self.uniform_kind is not None and len(self.kinds) == 1 else None
        if not isinstance(sheets, LatticeSheets) or len(sheets.aspects) > 1:
            return None
        return {"sheet_of_layer": self.sheet[:, 0], **sheets.tables()}

    def _of_cells(
        self, cell: Tensor
    ) -> Iterator[tuple[Tensor | slice, Sheets, Tensor, Tensor | None, Tensor]]:
        """(rows, sheets, start, sheet, local) for the cells of each kind."""
        part = torch.bucketize(cell, self.flat_start[1:], right=True)
        start = self.flat_start.index_select(0, part)
        kind = self.flat_kind.index_select(0, part)
        for number, sheets in enumerate(self.kinds):
            if len(self.kinds) == 1:
                sheet = self._sheet_of(sheets, self.flat_sheet, part)
                yield slice(None), sheets, start, sheet, cell - start
                continue
            rows = (kind == number).nonzero().squeeze(1)
            sheet = self._sheet_of(sheets, self.flat_sheet, part[rows])
            yield rows, sheets, start[rows], sheet, cell[rows] - start[rows]

    def _of_slot(
        self, layer: Tensor, slot: int, wanted: Tensor
    ) -> Iterator[tuple[Tensor, Sheets, Tensor | None, Tensor]]:
        """(rows, sheets, sheet, start) for the points of each kind in part `slot` of a layer."""
        kind = self.kind[:, slot].index_select(0, layer)
        for number, sheets in enumerate(self.kinds):
            rows = ((kind == number) & wanted).nonzero().squeeze(1)
            if torch.jit.is_tracing() or len(rows):  # a program does not know which there will be
                of_rows = layer[rows]
                sheet = self._sheet_of(sheets, self.sheet[:, slot], of_rows)
                yield rows, sheets, sheet, self.start[:, slot].index_select(0, of_rows)

    @staticmethod
    def _sheet_of(sheets: Sheets, table: Tensor, index: Tensor) -> Tensor | None:
        return None if len(sheets.num_cells) == 1 else table.index_select(0, index)


def build_parts(layers: Sequence[Sequence[Segmentation]]) -> Parts:
    """Compile the segmentations (parts) of all layers; equal ones share a sheet."""
    names = sorted({part.kind for parts in layers for part in parts})
    distinct: dict[str, dict[Segmentation, int]] = {name: {} for name in names}
    for part in (part for parts in layers for part in parts):
        known = distinct[part.kind]
        known.setdefault(part, len(known))
    kinds = [SHEETS_OF_KIND[name](list(distinct[name])) for name in names]
    sizes = {
        part: kinds[names.index(part.kind)].num_cells[n]
        for name in names
        for part, n in distinct[name].items()
    }
    # Parts without cells (most of those of a region) take no place.
    filled = [[part for part in parts if sizes[part]] for parts in layers]
    most = max(1, *(len(parts) for parts in filled))
    kind, sheet, start = (torch.full((len(layers), most), fill) for fill in (-1, 0, 0))
    layer_start, total = [0], 0
    for row, parts in enumerate(filled):
        for column, part in enumerate(parts):
            kind[row, column] = names.index(part.kind)
            sheet[row, column], start[row, column] = distinct[part.kind][part], total
            total += sizes[part]
        layer_start.append(total)
    return Parts(kinds, kind, sheet, start, torch.tensor(layer_start))
