"""The critic of hits on cells: messages along the cell graph, then sums over layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch_geometric.nn import MessagePassing

from pointcalo.geometry import Geometry
from pointcalo.networks.candidates import KINDS, Edges
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.context import LayerContext
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import HITS, SLOPE
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers

OF_HIT = 3  # log energy, its square, delay


class CellMessages(MessagePassing):
    """Adds to each hit what the hits beside it say, a linear map for each kind of edge.

    Args:
        width: size W of the hits' vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__(aggr="sum", node_dim=0)
        self.width = width
        self.said = nn.Linear(width, KINDS * width)
        self.out = nn.Linear(2 * width, width)

    def forward(self, hidden: Tensor, weight: Tensor, edges: Edges) -> Tensor:
        """New vectors ``[H, W]`` of hits with vectors ``[H, W]`` and weights ``[H]``."""
        said = (self.said(leaky_relu(hidden, SLOPE)) * weight[:, None]).view(-1, KINDS, self.width)
        beside = torch.stack([edges.source, edges.target])
        heard = self.propagate(beside, said=said, kind=edges.kind, size=(len(hidden),) * 2)
        return hidden + self.out(leaky_relu(torch.cat([hidden, heard], dim=-1), SLOPE))

    def message(self, said_j: Tensor, kind: Tensor) -> Tensor:
        """What the source of each edge says along its kind, ``[E, W]``."""
        return said_j.gather(1, kind[:, None, None].expand(-1, 1, self.width))[:, 0]


class CellCritic(nn.Module):
    """Scores showers given as hits on cells.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        rounds: times that hits hear of the hits beside them.
        conditions: names of extra columns of the incident particles that it sees.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        width: int = 48,
        rounds: int = 2,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.place = Place()
        self.context = LayerContext(geometry, width=width, conditions=conditions)
        self.first = nn.Linear(PLACE + OF_HIT, width)
        self.messages = nn.ModuleList(CellMessages(width) for _ in range(rounds))
        self.layer = mlp([2 * width, 2 * width, width])
        self.head = mlp([2 * width, width, 1])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.place.fit(showers, self.geometry)
        self.context.fit(showers)

    def forward(self, hits: CellHits, incident: Incident, profile: Profile) -> Tensor:
        """Scores ``[S]`` of hits with this profile."""
        layers = self.context(incident, profile)
        return self.judged(layers, self.sums(hits, layers))

    def sums(self, hits: CellHits, layers: Tensor) -> Tensor:
        """What is summed of the hits of each layer ``[S, L, W]``, which knows ``layers``."""
        place = self.place(hits.uv, hits.area)
        energy = hits.log_energy[:, None]
        features = torch.cat([place, energy, energy.square() / 8, hits.delay[:, None]], dim=-1)
        hidden = self.first(features) + layers.flatten(0, 1)[hits.cells.segment]
        for messages in self.messages:
            hidden = messages(hidden, hits.weight, hits.edges)
        told = leaky_relu(hidden, SLOPE) * hits.weight[:, None]
        sums = told.new_zeros(len(layers) * layers.shape[1], told.shape[1])  # not in half precision
        return sums.index_add(0, hits.cells.segment, told).view(layers.shape)

    def judged(self, layers: Tensor, sums: Tensor) -> Tensor:
        """Scores ``[S]`` of sums ``[S, L, W]``."""
        known = torch.cat([layers, sums / HITS], dim=-1)
        known = leaky_relu(self.layer(known), SLOPE)
        return self.head(torch.cat([known.mean(dim=1), known.amax(dim=1)], dim=-1))[:, 0]


class DifferenceCritic(CellCritic):
    """Scores the difference of two showers with the same profile, layer by layer.

    The hits of one count with weight 1 and those of the other with -1 in the sums over layers, so
    that nothing is left of the difference of a shower and itself.
    """

    def forward(
        self, hits: CellHits, others: CellHits, incident: Incident, profile: Profile
    ) -> Tensor:
        """Scores ``[S]`` of hits against others."""
        layers = self.context(incident, profile)
        return self.judged(layers, self.sums(hits, layers) - self.sums(others, layers))
