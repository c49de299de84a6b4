"""A generator as one function of tensors, from incident particles to hits on cells."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.models.base import Model
from pointcalo.programs.tables import Table
from pointcalo.showers import Incident
from pointcalo.showers.noise import Noise

INPUTS: Table = {
    "energy": ("float32", ["S"], "MeV", "kinetic energy of the incident particles"),
    "direction": ("float32", ["S", 3], "", "unit vectors of their momenta"),
    "position": ("float32", ["S", 3], "mm", "where their axes cross the face z = 0"),
    "pdg": ("int64", ["S"], "", "their numbers of the Particle Data Group"),
    "conditions": ("float32", ["S", "C"], "see conditions", "extra numbers of theirs"),
    "seed": ("int64", [], "", "of the random numbers"),
    "first": ("int64", [], "", "number of the first shower, which chooses its random numbers"),
}
OUTPUTS: Table = {
    "ptr": ("int64", ["S + 1"], "", "hits of shower s are ptr[s] to ptr[s + 1]"),
    "layer": ("int64", ["P"], "", "detector layer of each hit"),
    "cell": ("int64", ["P"], "", "its cell, numbered as in the geometry file"),
    "points": ("float32", ["P", 4], "mm, mm, MeV, ns", "x and y of the cell, energy, time"),
}


class Program(nn.Module):
    """Profile model, generator and what belongs to them, as `pointcalo sample` uses them.

    Showers near an edge of the detector keep all of their energy, on fewer cells.

    Args:
        model: in evaluation mode.
        conditions: names of the columns of the input of this name.
    """

    inputs, outputs = INPUTS, OUTPUTS

    def __init__(self, model: Model, conditions: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(conditions)

    def example(self, incident: Incident, seed: int = 1) -> tuple[Tensor, ...]:
        """The inputs for these particles, the first of them shower 0."""
        columns = [incident.column(name) for name in self.names]
        conditions = torch.stack(columns, 1) if columns else torch.zeros(len(incident), 0)
        particles = incident.energy, incident.direction, incident.position, incident.pdg
        return *particles, conditions, torch.tensor(seed), torch.tensor(0)

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
        """Inputs and outputs are those of `INPUTS` and `OUTPUTS`."""
        extra = dict(zip(self.names, conditions.unbind(dim=1), strict=True))
        incident = Incident(energy, direction, position, pdg, extra)
        number = first + torch.arange(energy.shape[0], device=energy.device)
        noise = Noise.for_showers(seed, number)
        profile = self.model.profile.sample(incident, noise)
        latent = self.model.draw_latent(noise)
        showers = self.model.generate(latent, incident, profile, noise)
        return showers.ptr, showers.layer, showers.cell, showers.points
