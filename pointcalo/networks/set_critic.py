"""The set critic: one number a shower, from its points and the sums of its layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.context import LayerContext
from pointcalo.networks.point_set import FEATURES, PointSet, of_layer
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import SLOPE
from pointcalo.nn.exchange import exchanges, layer_width
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers


class SetCritic(nn.Module):
    """Scores showers given as sets of points.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        blocks: times that points hear of their layer and are pooled again.
        tokens: tokens of a layer that its points attend to; 0: means and sums instead.
        conditions: names of the extra columns of incident particles that it depends on.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        width: int = 48,
        blocks: int = 1,
        tokens: int = 0,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__()
        known = layer_width(width, tokens)
        self.context = LayerContext(geometry, width=known, conditions=conditions)
        self.first = nn.Linear(FEATURES, width)
        self.pool, self.spread = exchanges(width, tokens, pools=blocks + 1, spreads=blocks)
        self.head = mlp([2 * known, width, 1])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.context.fit(showers)

    def forward(self, points: PointSet, incident: Incident, profile: Profile) -> Tensor:
        """Scores ``[S]`` of sets of points with this profile."""
        layers = self.context(incident, profile)
        told = of_layer(layers, self.first.out_features, points)
        hidden = leaky_relu(self.first(points.features) + told, SLOPE)
        layers = self.pool[0](hidden, layers, points.slot_ptr)
        for pool, spread in zip(self.pool[1:], self.spread, strict=True):
            hidden = spread(hidden, layers, points.slot)
            layers = pool(hidden, layers, points.slot_ptr)
        known = leaky_relu(layers, SLOPE)
        return self.head(torch.cat([known.mean(dim=1), known.amax(dim=1)], dim=-1))[:, 0]
