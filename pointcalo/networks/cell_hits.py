"""Hits on cells as a critic sees them, with gradients towards the generator that made them.

Which cells are lit is a discrete choice, so nothing can be differentiated through it. But how much
a critic's score would change without a hit is, to first order, the slope towards a weight of 1 that
the hit carries; and a cell that is lit with probability p changes the expected score by that much
times the change of p, which is what the slope times the gradient of log p is on average over draws
(the score function with a reward for each hit of its own; Williams 1992,
doi:10.1007/BF00992696). Hence the weight: 1, with the gradient of log p, less its mean over the
layer, whose number of hits is given.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS
from pointcalo.networks.delay import Delay
from pointcalo.networks.edges import Cells, Edges, edges_beside
from pointcalo.showers import ShowerFrame, Showers


@dataclass(frozen=True)
class CellHits:
    """H hits of S showers on L layers.

    Args:
        cells: their cells.
        edges: between hits that lie beside one another.
        uv: place about the axis in mm, ``[H, 2]``.
        area: of the cell in mm2, ``[H]``.
        log_energy: log of the excess over threshold in thresholds plus EPS, ``[H]``.
        delay: see `pointcalo.networks.delay`, ``[H]``.
        weight: 1, with gradients, ``[H]``.
    """

    cells: Cells
    edges: Edges
    uv: Tensor
    area: Tensor
    log_energy: Tensor
    delay: Tensor
    weight: Tensor

    @classmethod
    def of(cls, showers: Showers, geometry: Geometry, delay: Delay) -> "CellHits":
        """Those of showers above threshold, with cells."""
        cells, edges, uv = cells_and_edges(showers, geometry)
        energy = log_energy(showers, geometry)
        weight = torch.ones_like(energy)
        return cls(cells, edges, uv, geometry.area(cells.cell), energy, delay(showers), weight)

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def features(self) -> Tensor:
        """What a score has slopes in: log energy, delay and weight, ``[H, 3]``."""
        return torch.stack([self.log_energy, self.delay, self.weight], dim=-1)

    def with_features(self, features: Tensor) -> "CellHits":
        """The same hits with other features ``[H, 3]``."""
        energy, delay, weight = features.unbind(dim=-1)
        return replace(self, log_energy=energy, delay=delay, weight=weight)


def cells_and_edges(showers: Showers, geometry: Geometry) -> tuple[Cells, Edges, Tensor]:
    """Cells of the hits of showers, the edges between them, and their place about the axis."""
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    cells = Cells.of(geometry, showers.index, showers.cell)
    edges = edges_beside(geometry, frame, cells).among(cells.key(geometry.num_cells))
    position = geometry.position(cells.cell)[:, :2]
    return cells, edges, frame.to_frame(position, cells.layer, cells.shower)


def log_energy(showers: Showers, geometry: Geometry) -> Tensor:
    """Log of the excess of each hit over its threshold, in thresholds, plus EPS, ``[H]``."""
    threshold = geometry.layer_threshold[showers.layer]
    return torch.log((showers.energy - threshold) / threshold + EPS)


def centred(log_p: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """Weights of 1 with the gradient of ``log_p [H]`` less its mean over each segment."""
    zero = log_p.new_zeros(num_segments)
    number = zero.index_add(0, segment, torch.ones_like(log_p)).clamp_min(1.0)
    mean = zero.index_add(0, segment, log_p) / number
    relative = log_p - mean[segment]
    return 1.0 + (relative - relative.detach())
