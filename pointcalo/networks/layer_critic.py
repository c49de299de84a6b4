"""What critics share that sum over the hits of each layer, and critics of differences."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.context import LayerContext
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import HITS, SLOPE
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers

Sample = TypeVar("Sample")


class LayerCritic(nn.Module, ABC, Generic[Sample]):
    """Scores showers by sums over the hits of each layer; a subclass says what is summed.

    Args:
        geometry: the detector.
        width: size W of the hidden layers.
        conditions: names of extra columns of the incident particles that it sees.
    """

    def __init__(self, geometry: Geometry, *, width: int, conditions: Sequence[str] = ()) -> None:
        super().__init__()
        self.context = LayerContext(geometry, width=width, conditions=conditions)
        self.layer = mlp([2 * width, 2 * width, width])
        self.head = mlp([2 * width, width, 1])

    @abstractmethod
    def sums(self, hits: Sample, layers: Tensor, profile: Profile) -> Tensor:
        """What is summed of the hits of each layer ``[S, L, W]``, which knows ``layers``."""

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.context.fit(showers)

    def forward(self, hits: Sample, incident: Incident, profile: Profile) -> Tensor:
        """Scores ``[S]`` of hits with this profile."""
        layers = self.context(incident, profile)
        return self.judged(layers, self.sums(hits, layers, profile))

    def apart(self, hits: Sample, others: Sample, incident: Incident, profile: Profile) -> Tensor:
        """Scores ``[S]`` of the difference of two showers with the same profile.

        The hits of one count with weight 1 and those of the other with -1 in the sums, so that
        nothing is left of the difference of a shower and itself.
        """
        layers = self.context(incident, profile)
        apart = self.sums(hits, layers, profile) - self.sums(others, layers, profile)
        return self.judged(layers, apart)

    def judged(self, layers: Tensor, sums: Tensor) -> Tensor:
        """Scores ``[S]`` of sums ``[S, L, W]``."""
        known = torch.cat([layers, sums / HITS], dim=-1)
        known = leaky_relu(self.layer(known), SLOPE)
        return self.head(torch.cat([known.mean(dim=1), known.amax(dim=1)], dim=-1))[:, 0]
