"""The encoder of a variational autoencoder: showers on cells to a Gaussian over the latent."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.cell_hits import cells_and_edges
from pointcalo.networks.context import LayerContext
from pointcalo.networks.messages import CellMessages
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.nn.mlp import mlp
from pointcalo.showers import ShowerFrame, Showers, segment_mean, segment_sum

ROUNDS = {"set": 0, "graph": 2}  # times that hits hear of the hits beside them


class ShowerEncoder(nn.Module):
    """Pools the hits of a shower by number and by energy.

    After EPiC pooling (Buhmann et al. 2023, arXiv:2301.08128). As a graph, hits hear of the lit
    cells beside them before (Gilmer et al. 2017, arXiv:1704.01212).

    Args:
        geometry: the detector.
        latent: size Z of the latent.
        width: size of the hidden layers.
        kind: set, or graph.
        conditions: names of the extra columns of incident particles that it depends on.

    Raises:
        ValueError: another kind.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        latent: int,
        width: int = 64,
        kind: str = "set",
        conditions: Sequence[str] = (),
    ) -> None:
        if kind not in ROUNDS:
            raise ValueError(f"model.encoder: got {kind!r}, expected {' or '.join(ROUNDS)}")
        super().__init__()
        self.geometry = geometry
        self.place = Place()
        self.context = LayerContext(geometry, width=width, conditions=conditions)
        self.hit = mlp([PLACE + 1 + width, width, width])
        self.messages = nn.ModuleList(CellMessages(width) for _ in range(ROUNDS[kind]))
        self.head = mlp([2 * width, width, 2 * latent])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.place.fit(showers, self.geometry)
        self.context.fit(showers)

    def forward(self, showers: Showers, mirror: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent, each ``[S, Z]``, for signs ``mirror [S]``."""
        geometry = self.geometry
        profile = Profile.of(showers, geometry, mirror)
        context = self.context(showers.incident, profile)
        frame = ShowerFrame(showers.incident, geometry.layer_z, mirror)
        uv = frame.to_frame(showers.xy, showers.layer, showers.index)
        energy = torch.log(showers.energy / geometry.layer_threshold[showers.layer])
        centre = profile.centre(geometry)[showers.index, showers.layer]
        place = self.place(uv, centre, geometry.area(showers.cell))
        hits = torch.cat([place, energy[:, None], context[showers.index, showers.layer]], dim=-1)
        hidden = torch.relu(self._heard(self.hit(hits), showers))
        total = segment_sum(showers.energy, showers.ptr).clamp_min(1e-6)
        share = showers.energy / total[showers.index]
        pooled = [
            segment_mean(hidden, showers.ptr),
            segment_sum(hidden * share[:, None], showers.ptr),
        ]
        mean, log_variance = self.head(torch.cat(pooled, dim=-1)).chunk(2, dim=-1)
        return mean, log_variance.clamp(-8.0, 4.0)

    def _heard(self, hidden: Tensor, showers: Showers) -> Tensor:
        """Vectors of hits ``[P, W]`` with what those beside them say."""
        if self.messages:
            _, edges, _ = cells_and_edges(showers, self.geometry)
            for messages in self.messages:
                hidden = messages(hidden, None, edges)
        return hidden
