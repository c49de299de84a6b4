"""Cells beyond the edges of a detector, where a shower would go on if there were any."""

from dataclasses import replace
from functools import cached_property
from math import inf

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pointcalo.geometry.composite import Composite, parts_of
from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.parts import build_parts
from pointcalo.geometry.region import Region
from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.table import CellTable
from pointcalo.geometry.touching import TOUCHING, apart

# Cells of the geometry and of its extension have the same centre, but for rounding, in mm.
SAME = 1e-3


def extended(geometry: Geometry, margin_mm: float) -> Region:
    """The geometry whose cells go on beyond every edge, into holes and over dead cells.

    Lattices and rows go on as they are, tables by cells opposite to those at their edge; between
    parts of a layer nothing is added, and around several parts what goes on is a table of cells.
    The added cells are at least as deep as the margin and one cell; there may be more of them.

    Args:
        geometry: the detector.
        margin_mm: how far its cells go on.

    Returns:
        The extension, with -1 as the parent of each cell that was added.
    """
    wider: dict[Segmentation, Segmentation] = {}
    for layer in geometry.layers:
        if layer.segmentation not in wider:
            wider[layer.segmentation] = _continued(layer.segmentation, margin_mm)
    layers = [replace(layer, segmentation=wider[layer.segmentation]) for layer in geometry.layers]
    piece = replace(geometry, layers=layers)
    cell = torch.arange(piece.num_cells, device=geometry.device)
    layer, xy = piece.layer_of(cell), piece.position(cell)[:, :2]
    parent = geometry.cell_at(layer, xy)
    away = (geometry.position(parent.clamp_min(0))[:, :2] - xy).abs().amax(dim=1)
    parent = torch.where(away < SAME, parent, -1)
    return Region(piece, parent, torch.arange(geometry.num_layers, device=geometry.device))


class Edges:
    """Where the cells of a geometry end, as the places beside them that have no cell.

    Args:
        geometry: the detector.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        wider = extended(geometry, 0.0)
        added = (wider.parent_cell < 0).nonzero()[:, 0]
        layer = wider.geometry.layer_of(added).cpu().numpy()
        xy = wider.geometry.position(added)[:, :2].cpu().numpy()
        half = 0.5 * wider.geometry.area(added).sqrt().cpu().numpy()
        kinds: dict[Segmentation, int] = {}
        segmentations = [layer.segmentation for layer in geometry.layers]
        self._kind = np.array([kinds.setdefault(kind, len(kinds)) for kind in segmentations])
        self._of_kind = []
        for first in np.unique(self._kind, return_index=True)[1]:  # layers of one kind are alike
            rows = slice(*np.searchsorted(layer, (first, first + 1)))
            self._of_kind.append((cKDTree(xy[rows]), np.append(half[rows], 0.0)))

    def distance(self, layer: Tensor, xy: Tensor, at_most: float = inf) -> Tensor:
        """Distances [P] in mm; see `Geometry.edge_distance`."""
        points = xy.detach().cpu().double().numpy()
        kinds = self._kind[layer.cpu().numpy()]
        distance = np.full(len(points), np.inf)
        for kind, (tree, half) in enumerate(self._of_kind):
            rows = np.flatnonzero(kinds == kind)
            if tree.n and len(rows):
                bound = at_most + half.max()
                away, nearest = tree.query(points[rows], distance_upper_bound=bound)
                distance[rows] = (away - half[nearest]).clip(min=0.0)
        distance = torch.from_numpy(distance).float().to(xy.device)
        return distance.masked_fill(self.geometry.cell_at(layer, xy) < 0, 0.0)


def _continued(segmentation: Segmentation, margin_mm: float) -> Segmentation:
    """One layer's cells with those that continue them."""
    parts = [part for part in parts_of(segmentation) if build_parts([[part]]).num_cells]
    real = [_Cells(part) for part in parts]
    wide = [
        part.continued(margin_mm + TOUCHING * float(cells.side.max()))
        for part, cells in zip(parts, real, strict=True)
    ]
    if len(parts) < 2:
        return wide[0] if wide else segmentation
    added = [_added(part, n, real, margin_mm) for n, part in enumerate(wide)]
    xy, area = (np.concatenate(columns) for columns in zip(*added, strict=True))
    held = np.concatenate([cells.xy.numpy() for cells in real])
    rows = apart(xy, area, held, np.concatenate([cells.side for cells in real]) ** 2)
    return Composite(parts=(*parts, CellTable(*xy[rows].T, area[rows])))


class _Cells:
    """Centres [N, 2] and sides (roots of the areas) [N] of all cells of a segmentation, in mm."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.parts = build_parts([[segmentation]])
        cell = torch.arange(self.parts.num_cells)
        self.xy = self.parts.position(cell).float()
        self.side = self.parts.area(cell).sqrt().numpy()

    @cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.xy.numpy())

    def nearest(self, xy: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the nearest cell and its side, each [P]."""
        distance, nearest = self.tree.query(xy.numpy())
        return distance, self.side[nearest]

    def hold(self, xy: Tensor) -> Tensor:
        """Whether points [P, 2] lie in a cell."""
        return self.parts.cell_at(torch.zeros(len(xy), dtype=torch.int64), xy) >= 0


def _added(
    wide: Segmentation, number: int, real: list[_Cells], margin_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres and areas of cells that continue a part, where it is the nearest and none is."""
    cells = _Cells(wide)
    own, own_side = real[number].nearest(cells.xy)
    keep = (own > SAME) & (own <= margin_mm + TOUCHING * own_side)
    xy, side = cells.xy[torch.from_numpy(keep)], cells.side[keep]
    own, own_side = own[keep], own_side[keep]
    free = ~real[number].hold(xy).numpy()
    for part in real[:number] + real[number + 1 :]:
        other, other_side = part.nearest(xy)
        free &= (other > 0.5 * (side + other_side)) & ~part.hold(xy).numpy()
        free &= other * own_side >= own * other_side
    return xy.numpy()[free], side[free] ** 2
