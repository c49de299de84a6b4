"""The nearest of any cells without a tree: centres in the squares of a grid."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import pad

from pointcalo.geometry.tracing import untraced

FEW = 1024  # cells: sheets with no more of them are one bucket
IN_BUCKET = 4  # cells of mean size
SAMPLED = 300  # cells, by which the window of a number of cells is chosen
FAR = 1e9  # mm: where points are put that are not finite
NOWHERE = 1e30  # mm: centres of what is no cell


class Buckets:
    """Cells of sheets, looked for in a window of buckets about a point.

    What it finds is exact for sheets of few cells and for points of cells that have as many others
    around them. From points beyond an edge it may find fewer.

    Args:
        trees: of the centres [N, 2] of each sheet in mm; periodic along x where they have a box.
        extents: about how far from its centre a point of a cell is, in mm, of each sheet.
        device: where to look.
    """

    def __init__(
        self, trees: Sequence[cKDTree], extents: Sequence[float], device: torch.device
    ) -> None:
        self.trees, self.extents = tuple(trees), tuple(extents)
        whole = max(tree.n for tree in self.trees) <= FEW
        grids = [_Grid(tree, whole=whole) for tree in self.trees]
        sizes = [int(grid.number.prod()) for grid in grids]
        self.steps, self.numbers = [g.step for g in grids], [g.number for g in grids]
        self.is_ring = any(grid.period for grid in grids)
        self._reaches: dict[tuple[int, float], int] = {}
        # one bucket more, of which nothing is a cell
        self.none, self.most = sum(sizes), max(grid.cells.shape[1] for grid in grids)
        cells = np.full((self.none + 1, self.most), -1)
        centres = np.full((2, self.none + 1, self.most), NOWHERE)
        first = np.cumsum(sizes) - sizes
        for grid, tree, start in zip(grids, self.trees, first, strict=True):
            bucket, column = np.nonzero(grid.cells >= 0)
            cell = grid.cells[bucket, column]
            cells[start + bucket, column] = cell
            centres[:, start + bucket, column] = tree.data[cell].T

        def table(values: object, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.tensor(np.array(values), dtype=dtype, device=device)

        self.corner, self.step = table([g.corner for g in grids]), table(self.steps)
        self.number, self.first = table(self.numbers, torch.int64), table(first, torch.int64)
        self.period = table([grid.period for grid in grids])
        self.cells, (self.x, self.y) = table(cells, torch.int32), table(centres)

    def nearest(
        self, sheet: Tensor | None, xy: Tensor, k: int, cover_mm: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The k nearest cells [P, k], -1 padded, and squared distances [P, k] in mm2.

        Args:
            sheet: of each point; None: there is one only.
            xy: points in mm, [P, 2].
            k: number of cells.
            cover_mm: looks at least so far.
        """
        sheet = torch.zeros_like(xy[:, 0], dtype=torch.int64) if sheet is None else sheet
        xy = xy.double().nan_to_num(nan=FAR).clamp(-FAR, FAR)
        reach = untraced(self.reach)(k, cover_mm)
        bucket = self._window(sheet, xy, reach)
        x, y = (
            (centre[bucket] - place[:, None, None]).flatten(1)
            for centre, place in zip((self.x, self.y), xy.unbind(dim=1), strict=True)
        )
        if self.is_ring:
            period = self.period[sheet, None]
            x = x - torch.where(period > 0, x / period.clamp_min(1.0), 0.0).round() * period
        cell, square = self.cells[bucket].flatten(1), x * x + y * y
        missing = max(0, k - (2 * reach + 1) ** 2 * self.most)
        cell, square = pad(cell, (0, missing), value=-1), pad(square, (0, missing), value=torch.inf)
        square, order = square.topk(k, dim=1, largest=False)
        cell = cell.gather(1, order).long()
        return cell, square.masked_fill(cell < 0, torch.inf).float()

    def _window(self, sheet: Tensor, xy: Tensor, reach: int) -> Tensor:
        """The buckets [P, W] about points; the last one where there is none."""
        number, period = self.number[sheet], self.period[sheet]
        if self.is_ring:
            x = torch.where(period > 0, torch.remainder(xy[:, 0], period.clamp_min(1.0)), xy[:, 0])
            xy = torch.stack([x, xy[:, 1]], dim=1)
        place = torch.floor((xy - self.corner[sheet]) / self.step[sheet])
        place = place.clamp_min(0.0).minimum(number.double() - 1.0).long()
        offset = torch.arange(-reach, reach + 1, device=xy.device)
        column, row = place[:, :1] + offset, place[:, 1:] + offset
        columns, rows = number[:, :1], number[:, 1:]
        there = (column >= 0) & (column < columns)
        if self.is_ring:  # each column once
            half = torch.div(columns, 2, rounding_mode="floor")
            once = (offset >= -half) & (offset < columns - half)
            there = torch.where(period[:, None] > 0, once, there)
            column = torch.remainder(column, columns)
        there = there[:, None, :] & ((row >= 0) & (row < rows))[:, :, None]
        bucket = (self.first[sheet, None] + row * columns)[:, :, None] + column[:, None, :]
        return torch.where(there, bucket, self.none).flatten(1)

    def reach(self, k: int, cover_mm: float = 0.0) -> int:
        """Buckets on each side of a point's own that hold its k nearest cells."""
        if (k, cover_mm) not in self._reaches:
            sheets = zip(self.trees, self.extents, self.steps, self.numbers, strict=True)
            self._reaches[k, cover_mm] = max(_reach(*sheet, k, cover_mm) for sheet in sheets)
        return self._reaches[k, cover_mm]


def _reach(
    tree: cKDTree, extent: float, step: np.ndarray, number: np.ndarray, k: int, cover_mm: float
) -> int:
    if bool((number == 1).all()):
        return 0
    some = tree.data[np.random.default_rng(0).permutation(tree.n)[:SAMPLED]]
    last = tree.query(some, k=[min(k, tree.n)])[0].max()
    far = max(cover_mm, last + extent)
    return int(np.minimum(np.ceil(far / step), number).max())


class _Grid:
    """The buckets of a sheet.

    Attributes:
        corner: x and y in mm where they begin.
        step: size of a bucket in mm.
        number: of buckets along x and y.
        period: of x in mm, 0: none.
        cells: those of each bucket, [number, most], -1 padded.
    """

    def __init__(self, tree: cKDTree, *, whole: bool) -> None:
        centres = tree.data.reshape(-1, 2)
        self.period = 0.0 if tree.boxsize is None else float(tree.boxsize[0])
        low, high = (centres.min(0), centres.max(0)) if tree.n else (np.zeros(2), np.zeros(2))
        if self.period:
            low[0], high[0] = 0.0, self.period
        size = np.maximum(high - low, 1.0)
        side = np.sqrt(IN_BUCKET * size.prod() / max(tree.n, 1))
        self.number = np.ones(2, int) if whole else np.ceil(size / side).astype(int)
        self.corner, self.step = low, size / self.number
        place = ((centres - low) / self.step).astype(int).clip(max=self.number - 1)
        bucket = place[:, 1] * self.number[0] + place[:, 0]
        order = np.argsort(bucket, kind="stable")
        counts = np.bincount(bucket, minlength=int(self.number.prod()))
        self.cells = np.full((len(counts), max(1, counts.max(initial=0))), -1)
        column = np.arange(tree.n) - (np.cumsum(counts) - counts)[bucket[order]]
        self.cells[bucket[order], column] = order
