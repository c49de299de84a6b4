"""Cells in pseudorapidity and azimuth on a cylinder, unrolled into the local plane."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pointcalo.geometry.rows import FULL_TURN, Row, RowSegmentation, RowSheets, rows_around
from pointcalo.geometry.segmentation import number, set_numbers


@dataclass(frozen=True, kw_only=True)
class EtaPhi(RowSegmentation):
    """Bands in eta on a cylinder of radius r, cut into equal bins of phi.

    Local x = r (phi - phi_0), y = r (sinh eta - sinh eta_0).

    Args:
        radius_mm: radius r of the cylinder.
        rows: [eta from, eta to, number of bands, bins of phi] each.
        phi: lowest and highest phi in rad.
        eta_0: eta of the local origin.
        phi_0: phi of the local origin.
    """

    kind: ClassVar[str] = "eta_phi"
    radius_mm: float
    phi: tuple[float, float] = (-math.pi, math.pi)
    eta_0: float = 0.0
    phi_0: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("radius_mm", self.radius_mm, positive=True)
        set_numbers(self, radius_mm=self.radius_mm, eta_0=self.eta_0, phi_0=self.phi_0)

    def rows_beyond(self, margin_mm: float) -> tuple[tuple[Row, ...], ...]:
        """Bands as wide in eta as the first and the last."""
        eta = margin_mm / self.radius_mm  # a step in eta is this long at least
        return rows_around(self.rows, eta, eta)

    def angle_of(self, length_mm: float) -> float:
        """A length along the bands in rad."""
        return length_mm / self.radius_mm


class EtaPhiSheets(RowSheets):
    """All eta-phi segmentations of a geometry."""

    def __init__(self, segmentations: Sequence[EtaPhi]) -> None:
        self.radius = torch.tensor([s.radius_mm for s in segmentations], dtype=torch.float64)
        self.phi_origin = torch.tensor([s.phi_0 for s in segmentations], dtype=torch.float64)
        super().__init__(segmentations)

    def edges_mm(self, segmentation: EtaPhi) -> np.ndarray:
        """Local y of the edges in eta."""
        edges = np.sinh(segmentation.edges) - math.sinh(segmentation.eta_0)
        return segmentation.radius_mm * edges

    def coordinates(self, sheet: Tensor | None, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(y, phi) of points."""
        x, y = xy.unbind(-1)
        return y, x / self.of_sheet(self.radius, sheet) + self.of_sheet(self.phi_origin, sheet)

    def point(self, row: Tensor, angle: Tensor) -> Tensor:
        """Points in the middle of the band along y."""
        sheet = self.row_sheet[row]
        x = self.radius[sheet] * (angle - self.phi_origin[sheet])
        return torch.stack((x, 0.5 * (self.low[row] + self.high[row])), dim=-1)

    def area_of(self, row: Tensor, width: Tensor) -> Tensor:
        """Area on the cylinder."""
        return (self.high[row] - self.low[row]) * self.radius[self.row_sheet[row]] * width

    def tree_coordinates(self, number: int, xy: np.ndarray) -> np.ndarray:
        """Points with x folded into one turn where the layer is a full cylinder."""
        box = self.tree_box(number)
        if box is None:
            return xy
        # np.mod of a tiny negative number is the period itself.
        folded = np.mod(xy[:, 0], box[0])
        return np.stack((np.where(folded < box[0], folded, 0.0), xy[:, 1]), axis=1)

    def tree_box(self, number: int) -> np.ndarray | None:
        """The circumference along x where the layer is a full cylinder."""
        if not bool(self.ring[number]):
            return None
        return np.array([FULL_TURN * float(self.radius[number]), 0.0])
