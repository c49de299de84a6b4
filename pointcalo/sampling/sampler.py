"""From incident particles to showers on cells, in batches bounded by their hits."""

from collections.abc import Iterator

import torch

from pointcalo.models.base import Model
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

PROFILE_BATCH = 1000  # showers whose profiles are drawn together: a profile is small
LATENT_STREAM = 4  # beside the profile's 0 to 3


class Sampler:
    """Draws showers from a trained model.

    Shower n of a seed is the same whatever the batch it is drawn in (to rounding of matrix
    kernels).

    Args:
        model: with ``profile`` and ``generator``, in evaluation mode, on its device.
        max_points: hits of a batch, which bounds the memory; a single larger shower still makes a
            batch. max_showers: showers of a batch.
    """

    def __init__(
        self,
        model: Model,
        *,
        max_points: int = 50_000,
        max_showers: int = 1000,
    ) -> None:
        self.model = model.eval()
        self.max_points = max_points
        self.max_showers = max_showers

    @torch.no_grad()
    def sample(self, incident: Incident, seed: int, first: int = 0) -> Iterator[Showers]:
        """Showers of these particles, in order.

        Args:
            incident: S particles, on the model's device.
            seed: of the run.
            first: number of the first shower, which chooses its random stream.
        """
        for start in range(0, len(incident), PROFILE_BATCH):
            chunk = incident[start : start + PROFILE_BATCH]
            device = chunk.energy.device
            number = torch.arange(len(chunk), device=device) + first + start
            noise = Noise.for_showers(seed, number)
            profile = self.model.profile.sample(chunk, noise)
            latent = noise.latent(self.model.generator.latent, stream=LATENT_STREAM)
            for batch in self._batches(profile.counts.sum(dim=1).tolist()):
                yield self.model.generator(
                    latent[batch], chunk[batch], profile[batch], noise[batch]
                )

    def _batches(self, hits: list[int]) -> Iterator[slice]:
        start, points = 0, 0
        for number, count in enumerate(hits):
            full = points + count > self.max_points or number - start == self.max_showers
            if full and number > start:
                yield slice(start, number)
                start, points = number, 0
            points += count
        if start < len(hits):
            yield slice(start, len(hits))
