"""Sets of points that talk through their layer and their shower, at a cost linear in the points.

The equivariant point cloud layer of Buhmann et al. 2023 (arXiv:2301.08128), with one global vector
for each detector layer instead of one for the whole shower, in two halves: points to layers, and
layers to points.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.nn.mlp import mlp
from pointcalo.showers import segment_mean, segment_sum

HITS = 10.0  # unit of the sums: hits of a layer
SLOPE = 0.1  # of the leaky rectifier below 0: a critic's gradient never dies


class PointsToLayers(nn.Module):
    """Updates the layers' vectors by means and sums of their points, and the mean of all layers.

    Args:
        width: size W of the vectors of points and layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = mlp([4 * width, width, width])

    def forward(self, points: Tensor, layers: Tensor, ptr: Tensor) -> Tensor:
        """New layers ``[S, L, W]`` from points ``[P, W]`` with ``ptr [S L + 1]``."""
        pooled = [segment_mean(points, ptr), segment_sum(points, ptr) / HITS]
        shower = layers.mean(dim=1, keepdim=True).expand_as(layers)
        known = [part.view_as(layers) for part in pooled] + [layers, shower]
        return layers + self.network(torch.cat(known, dim=-1))


class LayersToPoints(nn.Module):
    """Updates the points' vectors by that of their layer.

    Args:
        width: size W of the vectors of points and layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.point = nn.Linear(width, width)
        self.layer = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, points: Tensor, layers: Tensor, slot: Tensor) -> Tensor:
        """New points ``[P, W]`` from layers ``[S, L, W]``; ``slot [P]`` is each point's layer."""
        hidden = self.point(points) + self.layer(layers).flatten(0, 1)[slot]
        return points + self.out(leaky_relu(hidden, SLOPE))
