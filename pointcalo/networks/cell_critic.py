"""The critic of hits on cells: messages along the cell graph, then sums over layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.layer_critic import LayerCritic
from pointcalo.networks.messages import CellMessages
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import SLOPE
from pointcalo.showers import Showers

OF_HIT = 3  # log energy, its square, delay


class CellCritic(LayerCritic[CellHits]):
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
        super().__init__(geometry, width=width, conditions=conditions)
        self.geometry = geometry
        self.place = Place()
        self.first = nn.Linear(PLACE + OF_HIT, width)
        self.messages = nn.ModuleList(CellMessages(width) for _ in range(rounds))

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        super().fit(showers)
        self.place.fit(showers, self.geometry)

    def sums(self, hits: CellHits, layers: Tensor, profile: Profile) -> Tensor:
        """What is summed of the hits of each layer ``[S, L, W]``, which knows ``layers``."""
        centre = profile.centre(self.geometry).flatten(0, 1)[hits.cells.segment]
        place = self.place(hits.uv, centre, hits.area)
        energy = hits.log_energy[:, None]
        features = torch.cat([place, energy, energy.square() / 8, hits.delay[:, None]], dim=-1)
        hidden = self.first(features) + layers.flatten(0, 1)[hits.cells.segment]
        for messages in self.messages:
            hidden = messages(hidden, hits.weight, hits.edges)
        told = leaky_relu(hidden, SLOPE) * hits.weight[:, None]
        sums = told.new_zeros(len(layers) * layers.shape[1], told.shape[1])  # not in half precision
        return sums.index_add(0, hits.cells.segment, told).view(layers.shape)
