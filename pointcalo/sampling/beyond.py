"""Showers near an edge: generated as if the detector went on, without what falls beyond it."""

from collections.abc import Callable
from functools import cached_property, partial

import torch
from torch import Tensor

from pointcalo.geometry import Region
from pointcalo.models.base import Model
from pointcalo.networks.candidates import Beyond
from pointcalo.networks.profile import Profile
from pointcalo.showers import Incident, Showers, axis_xy
from pointcalo.showers.noise import Noise

# A shower is near an edge at less than this part of the radius that counts: an axis at the radius
# itself, as in the middle of a round detector, is not, whatever the rounding.
NEAR = 0.98


class BeyondEdges:
    """A model on the extension of its detector.

    Args:
        model: as trained.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.geometry = model.profile.geometry
        self.radius = model.profile.seen_radius
        self.known = bool((self.radius > 0).any())

    def near(self, incident: Incident) -> Tensor:
        """Which showers have an edge within the radius in which training had cells, bool [S]."""
        if not self.known:
            return torch.zeros(len(incident), dtype=torch.bool, device=incident.energy.device)
        radius = NEAR * self.radius
        edge_distance = partial(self.geometry.edge_distance, at_most=float(radius.max()))
        return (self._by_layer(incident, edge_distance) < radius).any(dim=1)

    def profile(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles of S showers as if the detector went on."""
        return self._extension.profile.sample(incident, noise)

    def generate(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> Showers:
        """Showers on the cells that there are; what the profile has beyond them is missing.

        Args:
            latent: [S, Z].
            incident: S particles.
            profile: from `profile`.
            noise: keys of the S showers.
        """
        passed = self._passes_by(incident)
        counts, energy = (v.masked_fill(passed, 0) for v in (profile.counts, profile.energy))
        parent = self._extended.parent_cell
        showers = self._extension.generate(
            latent,
            incident,
            Profile(counts, energy, profile.axis),
            noise,
            Beyond(parent, self.radius),
        )
        showers = showers.keep(parent[showers.cell] >= 0)
        cell = parent[showers.cell]
        xy = self.geometry.position(cell)[:, :2]
        return showers.replace(points=torch.cat([xy, showers.points[:, 2:]], dim=1), cell=cell)

    def _passes_by(self, incident: Incident) -> Tensor:
        """Layers whose cells are all farther from the axis than showers reach, bool [S, L]."""

        def distance(layer: Tensor, xy: Tensor) -> Tensor:
            cell = self.geometry.nearest(layer, xy, 1)[:, 0]
            known = cell.clamp_min(0)
            away = (self.geometry.position(known)[:, :2] - xy).norm(dim=1)
            away = away - 0.5 * self.geometry.area(known).sqrt()
            return away.masked_fill(cell < 0, torch.inf)

        return self._by_layer(incident, distance) > self.radius

    def _by_layer(self, incident: Incident, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Values [S, L] of the places where the axes cross the layers."""
        axis = axis_xy(incident, self.geometry.layer_z)
        layer = torch.arange(self.geometry.num_layers, device=axis.device).repeat(len(axis))
        return value(layer, axis.reshape(-1, 2)).reshape(axis.shape[:2])

    @cached_property
    def _extended(self) -> Region:
        # An axis may lie beside the cells by the radius, and its shower goes on as far.
        return self.geometry.extended(2.0 * float(self.radius.max()))

    @cached_property
    def _extension(self) -> Model:
        return self.model.on(self._extended.geometry)
