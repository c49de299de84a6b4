"""The set generator: points about the axis from noise, whose layers the profile gives."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.candidates import Beyond
from pointcalo.networks.context import LayerContext
from pointcalo.networks.point_set import ENERGY, FEATURES, PointCoordinates, PointSet, of_layer
from pointcalo.networks.profile import Profile
from pointcalo.nn.epic import SLOPE
from pointcalo.nn.exchange import exchanges, layer_width
from pointcalo.projection.distinct import distinct_cells
from pointcalo.showers import Incident, Showers, ptr_from_counts, segment_softmax
from pointcalo.showers.noise import Noise

FIRST_STREAM = 8  # noise streams used: 8 to 11, one a feature


class SetGenerator(nn.Module):
    """Generator of showers as sets of points, given their profile.

    Points start as noise and are moved by blocks in which they exchange through their layer and
    their shower: by means and sums, or by attention to a few tokens of their layer. The energies
    above threshold are shares of what the profile gives a layer, so that no hit falls below
    threshold. `points` is differentiable; calling the generator puts the points on different cells,
    the most energetic first, each on the nearest that is free. Points outside every cell go to the
    nearest one, too, and are counted.

    Args:
        geometry: the detector.
        latent: size Z of the latent vector.
        width: size of the hidden layers.
        blocks: number of exchanges.
        tokens: tokens of a layer that its points attend to; 0: means and sums instead.
        conditions: names of the extra columns of incident particles that it depends on.

    Attributes:
        num_outside: points outside every cell, in all calls.

    Raises:
        ValueError: fewer than 0 tokens, or a width that attention cannot share among its heads.
    """

    num_outside: int = 0

    def __init__(
        self,
        geometry: Geometry,
        *,
        latent: int = 8,
        width: int = 48,
        blocks: int = 2,
        tokens: int = 0,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.latent = latent
        self.coordinates = PointCoordinates(geometry)
        self.conditions = tuple(conditions)
        self.tokens = tokens
        self.context = LayerContext(
            geometry, width=layer_width(width, tokens), latent=latent, conditions=conditions
        )
        self.first = nn.Linear(FEATURES, width)
        self.pool, self.spread = exchanges(width, tokens, pools=blocks, spreads=blocks)
        self.last = nn.Linear(width, FEATURES)

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.coordinates.fit(showers)
        self.context.fit(showers)

    def points(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> PointSet:
        """Points of new showers; arguments as for a call."""
        points, _ = self._points_and_excess(latent, incident, profile, noise)
        return points

    def real(self, showers: Showers) -> PointSet:
        """Showers on cells as a critic sees them."""
        return self.coordinates.encode(showers)

    def imitated(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> PointSet:
        """New showers as a critic sees them; arguments as for a call."""
        return self.points(latent, incident, profile, noise).by_energy()

    @torch.no_grad()
    def forward(
        self,
        latent: Tensor,
        incident: Incident,
        profile: Profile,
        noise: Noise,
        beyond: Beyond | None = None,
    ) -> Showers:
        """Showers on cells with exactly this profile.

        Args:
            latent: ``[S, Z]``.
            incident: S particles.
            profile: hits and energy of each layer.
            noise: keys of the S showers.
            beyond: as for cells; a point may lie on any cell, since `coordinates` keeps it where
                training had some.

        Returns:
            Cells in rising order; the energies of each layer sum to the profile's to float
            precision.

        Raises:
            ValueError: a layer with fewer cells than the profile has hits.
        """
        points, excess = self._points_and_excess(latent, incident, profile, noise)
        xy, time = self.coordinates.decode(points, incident)
        shower, layer = points.shower, points.layer
        self.num_outside += int((self.geometry.cell_at(layer, xy) < 0).sum())
        cell = distinct_cells(self.geometry, shower, layer, xy, priority=excess)
        energy = self.geometry.layer_threshold[layer] + excess
        order = (shower * self.geometry.num_cells + cell).argsort()
        if torch.jit.is_tracing():  # a program finds no cell for points beyond an edge
            order = order[cell[order] >= 0]
        position = self.geometry.position(cell[order])[:, :2]
        return Showers(
            points=torch.cat([position, torch.stack([energy, time], dim=1)[order]], dim=1),
            layer=layer[order],
            ptr=ptr_from_counts(torch.bincount(shower[order], minlength=latent.shape[0])),
            incident=incident,
            cell=cell[order],
        )

    def _points_and_excess(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> tuple[PointSet, Tensor]:
        """Points and their energies above threshold in MeV, ``[P]``."""
        empty = PointSet(latent.new_zeros(0, FEATURES), profile.counts)  # where points belong
        start = _noise_of(empty, noise)
        layers = self.context(incident, profile, latent)
        points = self.first(start) + of_layer(layers, self.first.out_features, empty)
        for pool, spread in zip(self.pool, self.spread, strict=True):
            layers = pool(points, layers, empty.slot_ptr)
            points = spread(points, layers, empty.slot)
        moved = start + self.last(leaky_relu(points, SLOPE))
        share = segment_softmax(moved[:, ENERGY], empty.slot_ptr)
        threshold = self.geometry.layer_threshold
        excess = share * profile.excess(threshold).flatten()[empty.slot]
        energy = self.coordinates.energy_feature(excess / threshold[empty.layer])
        parts = [moved[:, :ENERGY], energy[:, None], moved[:, ENERGY + 1 :]]
        return PointSet(torch.cat(parts, dim=1), profile.counts), excess


def _noise_of(points: PointSet, noise: Noise) -> Tensor:
    """Standard normal numbers of each point, by its number in its shower, ``[P, 4]``."""
    shower = points.shower
    number = torch.arange(shower.shape[0], device=shower.device) - points.ptr[shower]
    streams = range(FIRST_STREAM, FIRST_STREAM + FEATURES)
    return torch.stack([noise.normal(shower, number, stream) for stream in streams], dim=-1)
