"""The critic of points that are summed over layers, one by one: of differences of sets."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.layer_critic import LayerCritic
from pointcalo.networks.point_set import FEATURES, PointSet, of_layer
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import SLOPE
from pointcalo.showers import segment_sum


class PointCritic(LayerCritic[PointSet]):
    """Scores showers given as sets of points, of which it hears sums over each layer alone.

    `SetCritic` sees more, but what it makes of a set is no sum, so that it has no differences.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        conditions: names of extra columns of the incident particles that it sees.
    """

    def __init__(
        self, geometry: Geometry, *, width: int = 48, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__(geometry, width=width, conditions=conditions)
        self.first = nn.Linear(FEATURES, width)
        self.second = nn.Linear(width, width)

    def sums(self, hits: PointSet, layers: Tensor, profile: Profile) -> Tensor:
        """What is summed of the points of each layer ``[S, L, W]``, which knows ``layers``."""
        told = of_layer(layers, self.first.out_features, hits)
        hidden = leaky_relu(self.first(hits.features) + told, SLOPE)
        hidden = leaky_relu(self.second(hidden), SLOPE)
        return segment_sum(hidden, hits.slot_ptr).view(layers.shape)
