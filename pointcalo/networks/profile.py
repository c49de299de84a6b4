"""The profile model: hits and energy of each detector layer, and the shower's own axis.

With the hits N and the excess energy X = E - N threshold of a layer, the model is
``prod_l p(N_l | h_l) p(X_l | N_l, h_l)`` where a GRU makes h_l from the incident particle and all
layers before l; then ``p(axis | h_L)``. N is a discretised mixture of logistics in log(1 + N), X a
mixture of logistics in log(X / (N threshold)), and the axis one for each of its four numbers, given
those before. So what layers have in common, a shower's length and its own direction, is decided
here, and not by a latent that a generator may ignore.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.place import half_energy_radius
from pointcalo.nn.condition import Condition
from pointcalo.nn.mixture import mixture_log_prob, mixture_log_prob_between, mixture_sample
from pointcalo.nn.mlp import mlp
from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident, Showers
from pointcalo.showers.frame import ShowerFrame, axis_xy
from pointcalo.showers.noise import Noise

BELOW_ZERO_HITS = (
    -1e3
)  # lower edge of the bin of N = 0 in log(1 + N): far away, yet finite for gradients
RARE = 0.05  # share of the training showers with an edge within the radius where cells count
FAR_SHARE = 0.999  # of the energy, in the radius beyond which no edge matters
SEVERAL_SIZES = 1.5  # largest over smallest cell of a layer, above which they differ in size
AXIS_STREAM = 20  # and 21
MIN_EXCESS = 1e-4  # of N threshold: keeps the logarithm finite where a cell sits on the threshold


@dataclass(frozen=True)
class Profile:
    """Hits and energy of each detector layer, and the shower's own axis.

    Args:
        counts: number of cells above threshold, ``[S, L]`` int64.
        energy: their energy in MeV, ``[S, L]``; at least counts times threshold.
        axis: the straight line through the hits, weighted with their energies, in the shower's
            frame, where the incident axis is 0: u and v in mm at the mean depth of the energy, and
            their slopes, ``[S, 4]``.
    """

    counts: Tensor
    energy: Tensor
    axis: Tensor

    @classmethod
    def of(cls, showers: Showers, geometry: Geometry, mirror: Tensor | None = None) -> "Profile":
        """The profile of showers, mirrored across their tilt by signs ``[S]``."""
        counts, energy = showers.layer_sums(geometry.num_layers)
        frame = ShowerFrame(showers.incident, geometry.layer_z, mirror)
        uv = frame.to_frame(showers.xy, showers.layer, showers.index)
        slot = showers.index * geometry.num_layers + showers.layer
        moment = uv.new_zeros(energy.numel(), 2).index_add(0, slot, uv * showers.energy[:, None])
        moment = moment.view(*energy.shape, 2)
        total = energy.sum(dim=1, keepdim=True).clamp_min(1e-9)
        depth = _depth(energy, geometry)
        spread = (energy * depth.square()).sum(dim=1, keepdim=True)
        # a length of a tenth of the detector is added, for showers of a layer or two
        spread = spread + total * (0.1 * geometry.layer_z.abs().max()).square()
        slope = (moment * depth[..., None]).sum(dim=1) / spread
        return cls(counts, energy, torch.cat([moment.sum(dim=1) / total, slope], dim=-1))

    def __getitem__(self, index: slice | Tensor) -> "Profile":
        return Profile(self.counts[index], self.energy[index], self.axis[index])

    def centre(self, geometry: Geometry) -> Tensor:
        """Where the own axis crosses each layer, in the shower's frame in mm, ``[S, L, 2]``."""
        place, slope = self.axis[:, None, :2], self.axis[:, None, 2:]
        return place + slope * _depth(self.energy, geometry)[..., None]

    def excess(self, threshold: Tensor) -> Tensor:
        """Energy above counts times threshold in MeV, ``[S, L]``, for thresholds ``[L]``."""
        return (self.energy - self.counts * threshold).clamp_min(0.0)


def _depth(energy: Tensor, geometry: Geometry) -> Tensor:
    """Depths of the layers about the mean depth of the energy, in mm, ``[S, L]``."""
    z = geometry.layer_z
    total = energy.sum(dim=1, keepdim=True).clamp_min(1e-9)
    return z - (energy * z).sum(dim=1, keepdim=True) / total


class ProfileModel(nn.Module):
    """Autoregressive model of the profile.

    Args:
        geometry: the detector.
        width: size of the recurrent state.
        components: logistics in each mixture.
        embedding: learned numbers a detector layer.
        dropout: share of the recurrent state dropped in training.
        conditions: names of the extra columns of incident particles that it depends on.

    Attributes:
        seen_radius: about the axis in each layer, within which nearly all showers that it was
            fitted to had cells, mm, ``[L]``; 0: not known.

    Raises:
        ValueError: a layer without a threshold.
    """

    seen_radius: Tensor
    radius: Tensor
    axis_limits: Tensor

    def __init__(
        self,
        geometry: Geometry,
        *,
        width: int = 96,
        components: int = 6,
        embedding: int = 8,
        dropout: float = 0.0,
        conditions: Sequence[str] = (),
    ) -> None:
        without = (geometry.layer_threshold <= 0).nonzero()[:, 0].tolist()
        if without:
            raise ValueError(
                f"geometry {geometry.name}: layers {without} have threshold 0; generators need one "
                "above 0: give threshold_MeV, about half of what a minimum-ionising particle leaves"
            )
        super().__init__()
        self.geometry = geometry
        self.condition = Condition(conditions)
        self.history = Standardise(4)
        self.summary = Standardise(4)
        self.layer_embedding = nn.Parameter(0.3 * torch.randn(geometry.num_layers, embedding))
        self.several_sizes = has_several_sizes(geometry)
        size = self.condition.size + embedding + 1 + self.several_sizes + 4
        self.gru = nn.GRU(size, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.count_head = mlp([width, width, 3 * components])
        self.energy_head = mlp([width + 2, width, 3 * components])
        self.axis_heads = nn.ModuleList(
            mlp([width + 4 + known, width, 3 * components]) for known in range(4)
        )
        self.axis_numbers = Standardise(4)
        self.register_buffer("log_excess_limits", torch.tensor([-3.0, 3.0]))
        self.register_buffer("radius", torch.tensor(10.0))
        self.register_buffer("axis_limits", torch.tensor([[-5.0] * 4, [5.0] * 4]))
        self.register_buffer("seen_radius", torch.zeros(geometry.num_layers))

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers.

        Raises:
            ValueError: none of them has a hit.
        """
        if showers.num_points == 0:
            raise ValueError(
                f"none of the first {len(showers)} training showers has a hit above threshold in "
                f"geometry {self.geometry.name!r}: look at the file with pointcalo inspect"
            )
        self.condition.fit(showers.incident)
        self.seen_radius.copy_(radius_with_cells(showers, self.geometry))
        self.radius.fill_(half_energy_radius(showers, self.geometry))
        profile = Profile.of(showers, self.geometry)
        self.history.fit(self._history(profile, showers.incident))
        self.summary.fit(self._summary(profile, showers.incident))
        self.axis_numbers.fit(self._axis_numbers(profile))
        values = self._log_excess(profile)[profile.counts > 0]
        axis = self.axis_numbers(self._axis_numbers(profile))
        # half a unit beyond what training showed: an unbounded tail would make energy from nothing
        self.log_excess_limits.copy_(torch.stack([values.min() - 0.5, values.max() + 0.5]))
        self.axis_limits.copy_(torch.stack(torch.aminmax(axis, dim=0)))

    def log_prob(self, showers: Showers, mirror: Tensor | None = None) -> Tensor:
        """Log likelihood of the profiles of showers ``[S]``, mirrored by signs ``[S]``."""
        profile = Profile.of(showers, self.geometry, mirror)
        history = self.history(self._history(profile, showers.incident))
        history = torch.cat([torch.zeros_like(history[:, :1]), history[:, :-1]], dim=1)
        state, _ = self.gru(torch.cat([self._static(showers.incident), history], dim=-1))
        state = self.dropout(state)
        known = torch.cat(
            [state[:, -1], self.summary(self._summary(profile, showers.incident))], -1
        )
        axis = self._axis_log_prob(known, self.axis_numbers(self._axis_numbers(profile)))
        log_prob = self._count_log_prob(self.count_head(state), profile.counts)
        hit = profile.counts > 0
        known = torch.cat([state[hit], _count_features(profile.counts[hit])], dim=-1)
        shower, log_excess = hit.nonzero()[:, 0], self._log_excess(profile)[hit]
        energy = mixture_log_prob(self.energy_head(known), log_excess)
        return axis + log_prob.sum(dim=-1).index_add(0, shower, energy)

    @torch.no_grad()
    def sample(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles of new showers.

        Args:
            incident: the particles, S.
            noise: keys of the S showers; streams 0 to 3 with the layer as counter, 20 and 21.
        """
        static = self._static(incident)
        num_showers, num_layers, _ = static.shape
        shower = torch.arange(num_showers, device=static.device)
        threshold = self.geometry.layer_threshold
        capacity = self.geometry.layer_start.diff()
        counts: list[Tensor] = []
        energy: list[Tensor] = []
        spent = torch.zeros(num_showers, device=static.device)
        state, nowhere = None, torch.zeros(num_showers, 4, device=static.device)
        history = torch.zeros(num_showers, 4, device=static.device)
        for layer in range(num_layers):
            output, state = self.gru(torch.cat([static[:, layer], history], dim=-1)[:, None], state)
            counter = torch.full_like(shower, layer)
            count = mixture_sample(
                self.count_head(output[:, 0]),
                noise.uniform(shower, counter, 0),
                noise.logistic(shower, counter, 1),
            )
            # the cap keeps exp finite; a layer cannot hold more hits than cells
            count = torch.expm1(count.clamp(-1.0, 20.0)).round().to(torch.int64)
            count = count.clamp_min(0).minimum(capacity[layer])
            known = torch.cat([output[:, 0], _count_features(count)], dim=-1)
            log_excess = mixture_sample(
                self.energy_head(known),
                noise.uniform(shower, counter, 2),
                noise.logistic(shower, counter, 3),
            ).clamp(*self.log_excess_limits)
            ratio = (log_excess.exp() - MIN_EXCESS).clamp_min(0.0)
            counts.append(count)
            energy.append(count * threshold[layer] * (1.0 + ratio))
            spent = spent + energy[-1]
            profile = Profile(count[:, None], energy[-1][:, None], nowhere)
            history = self.history(self._history(profile, incident, layer, spent[:, None]))[:, 0]
        profile = Profile(torch.stack(counts, dim=1), torch.stack(energy, dim=1), nowhere)
        known = torch.cat([output[:, 0], self.summary(self._summary(profile, incident))], dim=-1)
        return replace(profile, axis=self._draw_axis(known, noise))

    def _axis_log_prob(self, known: Tensor, numbers: Tensor) -> Tensor:
        """Log density of the axis's four numbers ``[S, 4]``, one given those before, ``[S]``."""
        log_prob = numbers.new_zeros(len(numbers))
        for k, head in enumerate(self.axis_heads):
            parameters = head(torch.cat([known, numbers[:, :k]], dim=-1))
            log_prob = log_prob + mixture_log_prob(parameters, numbers[:, k])
        return log_prob

    def _draw_axis(self, known: Tensor, noise: Noise) -> Tensor:
        """Own axes of showers, ``[S, 4]``."""
        shower = torch.arange(known.shape[0], device=known.device)
        numbers = known.new_zeros(known.shape[0], 0)
        for k, head in enumerate(self.axis_heads):
            counter = torch.full_like(shower, k)
            drawn = mixture_sample(
                head(torch.cat([known, numbers], dim=-1)),
                noise.uniform(shower, counter, AXIS_STREAM),
                noise.logistic(shower, counter, AXIS_STREAM + 1),
            )
            drawn = drawn.clamp(self.axis_limits[0, k], self.axis_limits[1, k])
            numbers = torch.cat([numbers, drawn[:, None]], dim=-1)
        numbers = numbers * self.axis_numbers.deviation + self.axis_numbers.mean
        return torch.sinh(numbers) * self._axis_scale()

    def _axis_numbers(self, profile: Profile) -> Tensor:
        """The axis as numbers near 0, ``[S, 4]``."""
        return torch.asinh(profile.axis / self._axis_scale())

    def _axis_scale(self) -> Tensor:
        """Where numbers begin to grow like logarithms: the radius, and so much over 100 mm; [4]."""
        return self.radius * self.radius.new_tensor([1.0, 1.0, 0.01, 0.01])

    def _summary(self, profile: Profile, incident: Incident) -> Tensor:
        """What is known of the whole shower before its axis, ``[S, 4]``."""
        z, total = self.geometry.layer_z, profile.energy.sum(dim=1).clamp_min(1e-6)
        centre = (profile.energy * z).sum(dim=1) / total
        width = (profile.energy * (z - centre[:, None]).square()).sum(dim=1) / total
        hits = torch.log1p(profile.counts.sum(dim=1).float())
        return torch.stack([torch.log(total / incident.energy), centre, width.sqrt(), hits], dim=-1)

    def _static(self, incident: Incident) -> Tensor:
        """What is known before any hit: particle, layer, place of the axis; ``[S, L, F]``."""
        condition = self.condition(incident)
        num_showers, num_layers = condition.shape[0], len(self.layer_embedding)
        axis = axis_xy(incident, self.geometry.layer_z)
        offset, log_area = axis_cell(self.geometry, axis)
        places = [offset, log_area] if self.several_sizes else [offset]
        return torch.cat(
            [
                condition[:, None].expand(-1, num_layers, -1),
                self.layer_embedding.expand(num_showers, -1, -1),
                torch.stack(places, dim=-1),
            ],
            dim=-1,
        )

    def _history(
        self, profile: Profile, incident: Incident, first: int = 0, spent: Tensor | None = None
    ) -> Tensor:
        """What a step passes on, ``[S, l, 4]`` for l layers from ``first``."""
        spent = profile.energy.cumsum(dim=1) if spent is None else spent
        hit = profile.counts > 0
        last = first + profile.counts.shape[1]
        log_excess = self._log_excess(profile, slice(first, last))
        return torch.stack(
            [
                torch.log1p(profile.counts.float()),
                log_excess * hit,
                torch.log(spent + self.geometry.layer_threshold.mean())
                - incident.energy.log()[:, None],
                torch.log1p(profile.energy / self.geometry.layer_threshold[first:last]),
            ],
            dim=-1,
        )

    def _log_excess(self, profile: Profile, layers: slice = slice(None)) -> Tensor:
        threshold = self.geometry.layer_threshold[layers]
        floor = profile.counts.clamp_min(1) * threshold
        return torch.log(profile.excess(threshold) / floor + MIN_EXCESS)

    @staticmethod
    def _count_log_prob(parameters: Tensor, counts: Tensor) -> Tensor:
        high = torch.log(counts + 1.5)
        low = torch.log(counts + 0.5).masked_fill(counts == 0, BELOW_ZERO_HITS)
        return mixture_log_prob_between(parameters, low, high)


def _count_features(counts: Tensor) -> Tensor:
    return torch.stack([torch.log1p(counts.float()) - 1.5, (counts == 1).float()], dim=-1)


def axis_cell(geometry: Geometry, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Where the axis is in the nearest cell of each layer, and how large that is.

    Args:
        geometry: the detector.
        axis: where the axis crosses each layer in mm, ``[S, L, 2]``.

    Returns:
        Distance to the cell's centre in units of its size (root of the area): about 0 to 0.5 inside
        a regular layer, large where the axis runs beside the detector, capped at 5; and
        log(area / 100 mm2), 0 where the layer has no cell; each ``[S, L]``.
    """
    num_showers, num_layers, _ = axis.shape
    layer = torch.arange(num_layers, device=axis.device).repeat(num_showers)
    cell = geometry.nearest(layer, axis.reshape(-1, 2), 1)[:, 0]
    position = geometry.position(cell.clamp_min(0))[:, :2]
    distance = torch.linalg.vector_norm(position - axis.reshape(-1, 2), dim=-1)
    area = geometry.area(cell.clamp_min(0))
    relative = (distance / area.sqrt()).masked_fill(cell < 0, 5.0).clamp_max(5.0)
    log_area = torch.log(area / 100.0).masked_fill(cell < 0, 0.0)
    shape = (num_showers, num_layers)
    return relative.reshape(shape), log_area.reshape(shape)


def has_several_sizes(geometry: Geometry) -> bool:
    """Whether the cells of some layer differ in area by more than half."""
    for first, last in pairwise(geometry.layer_start.tolist()):
        area = geometry.area(torch.arange(first, last, device=geometry.device))
        if len(area) and float(area.max() / area.min()) > SEVERAL_SIZES:
            return True
    return False


def radius_with_cells(showers: Showers, geometry: Geometry) -> Tensor:
    """Radius about the axis in mm within which 95 % of the showers have cells, ``[L]``.

    At most the one that holds 99.9 % of their energy.
    """
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    layer = torch.arange(geometry.num_layers, device=showers.ptr.device).repeat(len(showers))
    distance = geometry.edge_distance(layer, frame.axis.reshape(-1, 2)).reshape(len(showers), -1)
    radius = distance.sort(dim=0).values[int(RARE * len(showers))]
    uv = frame.to_frame(showers.xy, showers.layer, showers.index)
    away, order = torch.linalg.vector_norm(uv, dim=-1).sort()
    share = showers.energy[order].double().cumsum(0)
    if len(share) == 0:
        return radius.new_zeros(geometry.num_layers)
    farthest = away[int(torch.searchsorted(share, FAR_SHARE * share[-1]))]
    return radius.minimum(farthest)
