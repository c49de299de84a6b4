"""The profile model: number of hits and energy of each detector layer, layer after layer.

With the hits N and the excess energy X = E - N threshold of a layer, the model is
``prod_l p(N_l | h_l) p(X_l | N_l, h_l)`` where a GRU makes h_l from the incident particle and all
layers before l. N is a discretised mixture of logistics in log(1 + N); X a mixture of logistics in
log(X / (N threshold)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
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
MIN_EXCESS = 1e-4  # of N threshold: keeps the logarithm finite where a cell sits on the threshold


@dataclass(frozen=True)
class Profile:
    """Hits and energy of each detector layer.

    Args:
        counts: number of cells above threshold, ``[S, L]`` int64.
        energy: their energy in MeV, ``[S, L]``; at least counts times threshold.
    """

    counts: Tensor
    energy: Tensor

    @classmethod
    def of(cls, showers: Showers, geometry: Geometry) -> "Profile":
        """The profile of showers."""
        return cls(*showers.layer_sums(geometry.num_layers))

    def __getitem__(self, index: slice | Tensor) -> "Profile":
        return Profile(self.counts[index], self.energy[index])

    def excess(self, threshold: Tensor) -> Tensor:
        """Energy above counts times threshold in MeV, ``[S, L]``, for thresholds ``[L]``."""
        return (self.energy - self.counts * threshold).clamp_min(0.0)


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
        self.layer_embedding = nn.Parameter(0.3 * torch.randn(geometry.num_layers, embedding))
        self.several_sizes = has_several_sizes(geometry)
        size = self.condition.size + embedding + 1 + self.several_sizes + 4
        self.gru = nn.GRU(size, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.count_head = mlp([width, width, 3 * components])
        self.energy_head = mlp([width + 2, width, 3 * components])
        self.register_buffer("log_excess_limits", torch.tensor([-3.0, 3.0]))
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
        profile = Profile.of(showers, self.geometry)
        self.history.fit(self._history(profile, showers.incident))
        values = self._log_excess(profile)[profile.counts > 0]
        # half a unit beyond what training showed: an unbounded tail would make energy from nothing
        self.log_excess_limits.copy_(torch.stack([values.min() - 0.5, values.max() + 0.5]))

    def log_prob(self, showers: Showers) -> Tensor:
        """Log likelihood of the profiles of showers, ``[S]``."""
        profile = Profile.of(showers, self.geometry)
        history = self.history(self._history(profile, showers.incident))
        history = torch.cat([torch.zeros_like(history[:, :1]), history[:, :-1]], dim=1)
        state, _ = self.gru(torch.cat([self._static(showers.incident), history], dim=-1))
        state = self.dropout(state)
        log_prob = self._count_log_prob(self.count_head(state), profile.counts)
        hit = profile.counts > 0
        parameters = self.energy_head(
            torch.cat([state[hit], _count_features(profile.counts[hit])], dim=-1)
        )
        energy = mixture_log_prob(parameters, self._log_excess(profile)[hit])
        return log_prob.sum(dim=-1).index_add(0, hit.nonzero()[:, 0], energy)

    @torch.no_grad()
    def sample(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles of new showers.

        Args:
            incident: the particles, S.
            noise: keys of the S showers; streams 0 to 3 with the layer as counter.
        """
        static = self._static(incident)
        num_showers, num_layers, _ = static.shape
        shower = torch.arange(num_showers, device=static.device)
        threshold = self.geometry.layer_threshold
        capacity = self.geometry.layer_start.diff()
        counts = torch.zeros(num_showers, num_layers, dtype=torch.int64, device=static.device)
        energy = torch.zeros(num_showers, num_layers, device=static.device)
        spent = torch.zeros(num_showers, device=static.device)
        state = None
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
            parameters = self.energy_head(torch.cat([output[:, 0], _count_features(count)], dim=-1))
            ratio = mixture_sample(
                parameters, noise.uniform(shower, counter, 2), noise.logistic(shower, counter, 3)
            )
            low, high = self.log_excess_limits
            ratio = (ratio.clamp(low, high).exp() - MIN_EXCESS).clamp_min(0.0)
            counts[:, layer] = count
            energy[:, layer] = count * threshold[layer] * (1.0 + ratio)
            spent = spent + energy[:, layer]
            profile = Profile(count[:, None], energy[:, layer : layer + 1])
            history = self.history(self._history(profile, incident, layer, spent[:, None]))[:, 0]
        return Profile(counts, energy)

    def _static(self, incident: Incident) -> Tensor:
        """What is known before any hit: particle, layer, place of the axis; ``[S, L, F]``."""
        condition = self.condition(incident)
        num_showers, num_layers = len(condition), len(self.layer_embedding)
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
