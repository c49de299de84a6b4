"""What cells and hits see of the hits beside them."""

import torch
from torch import Tensor

from pointcalo.networks.edges import KINDS, Edges
from pointcalo.networks.place import Place

SEEN = 4 * KINDS  # features of a hit
SEEN_BY_CELLS = 2 * KINDS  # features of a cell


def seen_by_cells(counts: Tensor, uv: Tensor, place: Place) -> Tensor:
    """What a cell sees of the hits already beside it, ``[C, 12]``: their numbers ``[C, 6]``.

    Once more weighted with the logarithm of the radius: a neighbour says little in the core, where
    most cells are lit, and nearly all far away.
    """
    radius = torch.linalg.vector_norm(uv, dim=-1, keepdim=True) / place.radius
    return torch.cat([counts, counts * torch.log1p(radius) / 2], dim=-1)


class Seen:
    """Sums over the lit neighbours of each hit, by kind of edge.

    Args:
        edges: between hits.
        num_hits: H.
    """

    def __init__(self, edges: Edges, num_hits: int) -> None:
        self.edges, self.num_hits = edges, num_hits
        self.present = edges.count(num_hits)
        self.known = torch.zeros_like(self.present)
        self.log_energy = torch.zeros_like(self.present)
        self.energy = torch.zeros_like(self.present)

    def learn(self, edges: Edges, relative: Tensor) -> None:
        """Add the energies of the edges' sources, excess over threshold in thresholds ``[H]``."""
        energy = relative[edges.source]
        slot = edges.target * KINDS + edges.kind
        self.known.view(-1).index_add_(0, slot, torch.ones_like(energy))
        self.log_energy.view(-1).index_add_(0, slot, torch.log1p(energy))
        self.energy.view(-1).index_add_(0, slot, energy)

    def features(self, rows: Tensor | slice) -> Tensor:
        """Of these hits ``[R]``: ``[R, 24]``."""
        parts = [self.present, self.known, self.log_energy]
        parts = [*(part[rows] for part in parts), torch.log1p(self.energy[rows])]
        return torch.cat(parts, dim=-1)
