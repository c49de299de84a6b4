"""Rotations and mirrors that map the cells of a detector onto its cells."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pointcalo.geometry.geometry import Geometry

STEPS = 12  # steps of 30 degrees: the symmetries of hexagons and of squares, however they lie
SAME = 0.01  # cells have the same place within this share of their side
SAMPLE = 4096  # cells that are looked at before all of them


class Symmetries:
    """The symmetries of a detector, a group of K elements, the identity first.

    Each maps the cells of every layer onto cells of that layer: centre to centre, equal areas.
    Outlines, holes and dead cells count: where they are not symmetric, neither is the detector.

    Args:
        geometry: the detector; its cells are looked up, not their formula.

    Attributes:
        matrix: rotations and mirrors [K, 2, 2], float32.
        centre: the point [2] in mm that stays where it is, the mean of all centres.

    >>> from pointcalo.geometry import Geometry
    >>> len(Geometry.load("toy").symmetries)
    12
    """

    def __init__(self, geometry: "Geometry") -> None:
        self.geometry = geometry
        self.matrix = _candidates().to(geometry.device)
        cell = _cells_that_differ(geometry)
        if len(cell) == 0:
            self.centre, self.matrix = self.matrix.new_zeros(2), self.matrix[:1]
            return
        self.centre = geometry.mean_position(cell)[:, :2].double().mean(dim=0).float()
        some = cell[:: max(1, len(cell) // SAMPLE)].contiguous()
        for looked_at in (some, cell):  # a wrong one rarely outlives the sample
            held = [n for n in range(len(self)) if self._holds(n, looked_at)]
            self.matrix = self.matrix[held]

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def inverse(self) -> Tensor:
        """Number of the inverse of each symmetry, [K] int64."""
        product = self.matrix[:, None] @ self.matrix[None]
        unit = torch.eye(2, device=product.device)
        return (product - unit).abs().amax(dim=(2, 3)).argmin(dim=1)

    def turned(self, number: Tensor, vector: Tensor) -> Tensor:
        """Directions [P, 2] under the symmetries of numbers [P]."""
        return (self.matrix[number] @ vector[:, :, None])[:, :, 0]

    def moved(self, number: Tensor, xy: Tensor) -> Tensor:
        """Points [P, 2] in mm under the symmetries of numbers [P]."""
        return self.turned(number, xy - self.centre) + self.centre

    def cell(self, number: Tensor, cell: Tensor) -> Tensor:
        """Cells [P] that cells [P] are mapped to by the symmetries of numbers [P]."""
        xy = self.geometry.position(cell)[:, :2]
        return self.geometry.cell_at(self.geometry.layer_of(cell), self.moved(number, xy))

    def _holds(self, number: int, cell: Tensor) -> bool:
        """Whether some cells go to different cells of the same area, centre to centre."""
        every = torch.full_like(cell, number)
        image = self.cell(every, cell)
        hit = torch.zeros(self.geometry.num_cells + 1, dtype=torch.bool, device=cell.device)
        hit[image] = True  # no cell, -1, is the last
        if bool(hit[-1]) or int(hit.sum()) < len(cell):
            return False
        # The mean position: a full ring stays where it is.
        before, after = (self.geometry.mean_position(c)[:, :2] for c in (cell, image))
        area, side = self.geometry.area(cell), self.geometry.area(cell).sqrt()
        away = torch.linalg.vector_norm(self.moved(every, before) - after, dim=1)
        grown = (self.geometry.area(image) - area).abs()
        return bool((away <= SAME * side).all() and (grown <= SAME * area).all())


def _cells_that_differ(geometry: "Geometry") -> Tensor:
    """The cells of one layer of each segmentation, [N] int64."""
    layers = {layer.segmentation: number for number, layer in enumerate(geometry.layers)}
    first = geometry.layer_start.tolist()
    cells = [torch.arange(first[number], first[number + 1]) for number in layers.values()]
    return torch.cat(cells).to(geometry.device)


def _candidates() -> Tensor:
    """Rotations by 30 degrees and mirrors [24, 2, 2], the identity first."""
    angle = torch.arange(STEPS, dtype=torch.float64) * (2.0 * math.pi / STEPS)
    cosine, sine = angle.cos(), angle.sin()
    rotation = torch.stack([cosine, -sine, sine, cosine], dim=1).reshape(-1, 2, 2)
    mirror = rotation @ torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    both = torch.cat([rotation, mirror])
    return torch.where(both.abs() < 1e-12, 0.0, both).float()
