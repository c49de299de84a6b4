"""Two halves of an exchange between points and what their layers hold, put together."""

import torch
from torch import Tensor, nn

from pointcalo.showers import ptr_from_counts

COUNTS = torch.tensor([[2, 0, 3], [1, 4, 0]])  # of two showers in three layers


class Exchange(nn.Module):
    """Points to layers (or their tokens) to points, once."""

    def __init__(self, pool: nn.Module, spread: nn.Module) -> None:
        super().__init__()
        self.pool, self.spread = pool, spread

    def forward(self, points: Tensor, layers: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        layers = self.pool(points, layers, ptr_from_counts(counts.flatten()))
        return self.spread(points, layers, torch.repeat_interleave(counts.flatten())), layers
