"""The second look at the energies of generated hits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS, Budget
from pointcalo.networks.context import LayerContext
from pointcalo.networks.energy_turns import rescale
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.nn.mlp import mlp
from pointcalo.showers import ENERGY, ShowerFrame, Showers

LIMIT = 1.0  # largest change of the logarithm of a hit's excess over threshold


class PostProcessor(nn.Module):
    """Changes the energies of hits on cells, one by one, and none until it is trained.

    The excess over threshold is multiplied by a factor that follows from the hit's energy, place
    and layer, and then scaled, so that every layer keeps its sum and no hit falls below threshold.
    After Buhmann et al. 2020, arXiv:2005.05334.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        conditions: names of extra columns of the incident particles that it depends on.
    """

    def __init__(
        self, geometry: Geometry, *, width: int = 32, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.place = Place()
        self.context = LayerContext(geometry, width=width, conditions=conditions)
        self.hit = mlp([PLACE + 2 + width, width, width, 1])
        nn.init.zeros_(self.hit[-1].weight)
        nn.init.zeros_(self.hit[-1].bias)

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.place.fit(showers, self.geometry)
        self.context.fit(showers)

    def forward(self, showers: Showers, profile: Profile) -> Tensor:
        """Excess energies in MeV ``[H]`` that hits with this profile should have."""
        geometry = self.geometry
        frame = ShowerFrame(showers.incident, geometry.layer_z)
        uv = frame.to_frame(showers.xy, showers.layer, showers.index)
        threshold = geometry.layer_threshold[showers.layer]
        excess = (showers.energy - threshold).clamp_min(0.0)
        energy = torch.log(excess / threshold + EPS)[:, None]
        segment = showers.index * geometry.num_layers + showers.layer
        layers = self.context(showers.incident, profile).flatten(0, 1)[segment]
        place = self.place(
            uv, profile.centre(geometry).flatten(0, 1)[segment], geometry.area(showers.cell)
        )
        change = self.hit(torch.cat([place, energy, energy.square() / 8, layers], dim=-1))[:, 0]
        factor = torch.exp(LIMIT * torch.tanh(change.float()))
        return rescale(excess * factor, segment, Budget(geometry, profile))

    @torch.no_grad()
    def applied(self, showers: Showers, profile: Profile) -> Showers:
        """The same showers, with this profile, with other energies."""
        threshold = self.geometry.layer_threshold[showers.layer]
        energy = threshold + self(showers, profile)
        x_y, time = showers.points[:, :ENERGY], showers.points[:, ENERGY + 1 :]
        return showers.replace(points=torch.cat([x_y, energy[:, None], time], dim=1))
