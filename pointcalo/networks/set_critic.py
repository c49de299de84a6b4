"""The set critic: one number a shower, from its points and the sums of its layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.context import LayerContext
from pointcalo.networks.point_set import FEATURES, PointSet
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import SLOPE, LayersToPoints, PointsToLayers
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers


class SetCritic(nn.Module):
    """Scores showers given as sets of points.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        blocks: times that points hear of their layer and are pooled again.
        conditions: names of the extra columns of incident particles that it depends on.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        width: int = 48,
        blocks: int = 1,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.context = LayerContext(geometry, width=width, conditions=conditions)
        self.first = nn.Linear(FEATURES, width)
        self.pool = nn.ModuleList(PointsToLayers(width) for _ in range(blocks + 1))
        self.spread = nn.ModuleList(LayersToPoints(width) for _ in range(blocks))
        self.head = mlp([2 * width, width, 1])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.context.fit(showers)

    def forward(self, points: PointSet, incident: Incident, profile: Profile) -> Tensor:
        """Scores ``[S]`` of sets of points with this profile."""
        layers = self.context(incident, profile)
        hidden = self.first(points.features) + layers.flatten(0, 1)[points.slot]
        hidden = leaky_relu(hidden, SLOPE)
        layers = self.pool[0](hidden, layers, points.slot_ptr)
        for pool, spread in zip(self.pool[1:], self.spread, strict=True):
            hidden = spread(hidden, layers, points.slot)
            layers = pool(hidden, layers, points.slot_ptr)
        known = leaky_relu(layers, SLOPE)
        return self.head(torch.cat([known.mean(dim=1), known.amax(dim=1)], dim=-1))[:, 0]
