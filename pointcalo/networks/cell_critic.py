"""The critic of hits on cells: messages along the cell graph, then sums over layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.context import LayerContext
from pointcalo.networks.messages import CellMessages
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import HITS, SLOPE
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers

OF_HIT = 3  # log energy, its square, delay


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
