"""What the cells of a detector layer share: profile, incident particle and latent."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.place import half_energy_radius
from pointcalo.networks.profile import Profile, axis_cell, has_several_sizes
from pointcalo.nn.condition import Condition
from pointcalo.nn.mlp import mlp
from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident, Showers, axis_xy

REACH = 2  # layers on either side whose profile a layer sees
FEATURES = 2 * (2 * REACH + 1) + 11


class LayerContext(nn.Module):
    """A vector for every detector layer of every shower, ``[S, L, W]``.

    Args:
        geometry: the detector.
        width: size W.
        latent: size Z of the latent vector that goes in.
        conditions: names of the extra columns of incident particles that it depends on.
    """

    radius: Tensor

    def __init__(
        self, geometry: Geometry, *, width: int, latent: int = 0, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.condition = Condition(conditions)
        self.several_sizes = has_several_sizes(geometry)
        features = FEATURES + self.several_sizes
        self.standardise = Standardise(features)
        self.register_buffer("radius", torch.tensor(10.0))
        self.network = mlp([features + self.condition.size + latent, 2 * width, width])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.condition.fit(showers.incident)
        self.radius.fill_(half_energy_radius(showers, self.geometry))
        profile = Profile.of(showers, self.geometry)
        self.standardise.fit(self._features(showers.incident, profile))

    def forward(self, incident: Incident, profile: Profile, latent: Tensor | None = None) -> Tensor:
        """Context of each layer.

        Args:
            incident: S particles.
            profile: their hits and energies.
            latent: ``[S, Z]``; None where Z is 0.

        Returns:
            ``[S, L, W]``.
        """
        layers = self.standardise(self._features(incident, profile))
        shared = [self.condition(incident)] + ([] if latent is None else [latent])
        shared = torch.cat(shared, dim=-1)[:, None].expand(-1, layers.shape[1], -1)
        return self.network(torch.cat([layers, shared], dim=-1))

    def _features(self, incident: Incident, profile: Profile) -> Tensor:
        geometry = self.geometry
        threshold, z = geometry.layer_threshold, geometry.layer_z
        counts = profile.counts.float()
        excess = profile.excess(threshold)
        hits, energy = torch.log1p(counts), torch.log1p(excess / threshold)
        slope = torch.asinh(profile.axis[:, None, 2:] * 1e3 / self.radius)
        own = torch.asinh(10.0 * profile.centre(geometry) / self.radius)
        depth = z.abs().max().clamp_min(1.0)
        total = profile.energy.sum(dim=1, keepdim=True).clamp_min(1e-6)
        centre = (profile.energy * z).sum(dim=1, keepdim=True) / total
        mean = torch.log(excess / (profile.counts.clamp_min(1) * threshold) + 1e-2)
        layer = torch.arange(len(z), device=z.device).expand_as(counts)
        offset, log_area = axis_cell(geometry, axis_xy(incident, z))
        parts = [
            *_neighbouring(hits),
            *_neighbouring(energy),
            *own.unbind(dim=-1),
            *slope.expand(-1, len(z), -1).unbind(dim=-1),
            mean * (counts > 0),
            (z - centre) / depth,
            (centre / depth).expand_as(counts),
            torch.log1p(counts.sum(dim=1, keepdim=True)).expand_as(counts),
            torch.log(total).expand_as(counts),
            layer / len(z),
            offset,
            *([log_area] if self.several_sizes else []),
        ]
        return torch.stack(parts, dim=-1)


def _neighbouring(values: Tensor) -> list[Tensor]:
    """``values [S, L]`` of the layers from -REACH to +REACH, zero beyond the detector."""
    padded = nn.functional.pad(values, (REACH, REACH))
    return [padded[:, i : i + values.shape[1]] for i in range(2 * REACH + 1)]
