"""The latents that an encoder gave last, and new ones drawn like them."""

import torch
from torch import Tensor, nn

from pointcalo.showers.noise import Noise


class LatentMemory(nn.Module):
    """Latents of training showers, and draws from their kernel density estimate.

    What an encoder makes of all showers together is not quite normal; latents that are drawn from
    what it really gave suit the decoder better (Buhmann et al. 2021, arXiv:2102.12491). The kernel
    is a normal one of Silverman's bandwidth in each dimension. Draws are shrunk towards the mean,
    so that the kernel does not widen them: they have mean and variance of the latents held
    (smoothed bootstrap; Silverman 1986, Density Estimation, section 6.4).

    Args:
        latent: size Z of a latent.
        size: latents held; the oldest are forgotten.
    """

    latents: Tensor
    number: Tensor

    def __init__(self, latent: int, size: int = 2000) -> None:
        super().__init__()
        self.register_buffer("latents", torch.zeros(size, latent))
        self.register_buffer("number", torch.tensor(0))

    @torch.no_grad()
    def remember(self, latent: Tensor) -> None:
        """Hold latents ``[S, Z]``."""
        size = len(self.latents)
        kept = latent[-size:].to(self.latents)
        row = (self.number + torch.arange(len(kept), device=kept.device)) % size
        self.latents[row] = kept
        self.number += len(kept)

    def draw(self, noise: Noise, stream: int) -> Tensor:
        """A latent a shower, ``[S, Z]``; normal ones while none is held.

        Args:
            noise: keys of the S showers.
            stream: of the random numbers.
        """
        centres, spread = self.kernels()
        size = len(spread)
        shower = torch.arange(noise.key.shape[0], device=spread.device)
        choice = noise.uniform(shower, torch.full_like(shower, size), stream)
        chosen = centres[(choice * len(centres)).long()]
        return chosen + spread * noise.latent(size, stream)

    def kernels(self) -> tuple[Tensor, Tensor]:
        """Centres ``[N, Z]`` and standard deviations ``[Z]`` of the normal kernels."""
        size = self.latents.shape[1]
        held = self.latents[: int(self.number)]
        if len(held) == 0:
            return self.latents.new_zeros(1, size), self.latents.new_ones(size)
        bandwidth = (4 / ((size + 2) * len(held))) ** (1 / (size + 4))
        shrunk = (1 + bandwidth**2) ** -0.5
        deviation, mean = torch.std_mean(held, dim=0, correction=0)
        return mean + shrunk * (held - mean), shrunk * bandwidth * deviation
