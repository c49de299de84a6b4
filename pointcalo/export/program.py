"""A generator as one function of tensors, from incident particles to hits on cells."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.models.base import Model
from pointcalo.programs.tables import HITS, PARTICLES, Table
from pointcalo.showers import Incident
from pointcalo.showers.noise import Noise

INPUTS: Table = {
    **PARTICLES,
    "seed": ("int64", [], "", "of the random numbers"),
    "first": ("int64", [], "", "number of the first shower, which chooses its random numbers"),
}


class Program(nn.Module):
    """Profile model, generator and what belongs to them, as `pointcalo sample` uses them.

    Showers near an edge of the detector keep all of their energy, on fewer cells.

    Args:
        model: in evaluation mode.
        conditions: names of the columns of the input of this name.
    """

    inputs, outputs = INPUTS, HITS

    def __init__(self, model: Model, conditions: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(conditions)

    def example(self, incident: Incident, seed: int = 1) -> tuple[Tensor, ...]:
        """The inputs for these particles, the first of them shower 0."""
        return *incident.tensors(self.names), torch.tensor(seed), torch.tensor(0)

    def forward(
        self,
        energy: Tensor,
        direction: Tensor,
        position: Tensor,
        pdg: Tensor,
        conditions: Tensor,
        seed: Tensor,
        first: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs and outputs are those of `INPUTS` and `HITS`."""
        particles = energy, direction, position, pdg, conditions
        incident = Incident.of_tensors(particles, self.names)
        number = first + torch.arange(energy.shape[0], device=energy.device)
        noise = Noise.for_showers(seed, number)
        profile = self.model.profile.sample(incident, noise)
        latent = self.model.draw_latent(noise)
        showers = self.model.generate(latent, incident, profile, noise)
        return showers.ptr, showers.layer, showers.cell, showers.points
