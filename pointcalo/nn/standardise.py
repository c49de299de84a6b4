"""Fixed shift and scale of input features, fitted once on training showers."""

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """``(x - mean) / deviation`` per feature; the identity until `fit` is called.

    Args:
        size: number of features F.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from ``[..., F]``; a constant feature keeps deviation 1."""
        flat = features.reshape(-1, features.shape[-1]).double()
        deviation = flat.std(dim=0, correction=0)
        constant = 1e-6 * flat.abs().amax(dim=0).clamp_max(1.0)
        self.mean.copy_(flat.mean(dim=0))
        self.deviation.copy_(torch.where(deviation > constant, deviation, 1.0))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features, same shape ``[..., F]``."""
        return (features - self.mean) / self.deviation
