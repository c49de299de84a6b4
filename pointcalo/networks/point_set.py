"""Hits as points of numbers near 0: what networks on sets read and write."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.delay import Delay
from pointcalo.networks.profile import Profile
from pointcalo.nn.standardise import Standardise
from pointcalo.projection.dequantise import dequantise
from pointcalo.showers import TIME, Incident, ShowerFrame, Showers, ptr_from_counts

FEATURES = 4  # u, v, energy, time
U, V, ENERGY = 0, 1, 2
EPS = 0.02  # of the threshold: keeps the logarithm of the excess finite


@dataclass(frozen=True)
class PointSet:
    """Points of S showers, those of a detector layer one after the other.

    Args:
        features: standardised u, v, energy and time, ``[P, 4]``.
        counts: points in each layer, ``[S, L]``.
    """

    features: Tensor
    counts: Tensor

    @cached_property
    def slot_ptr(self) -> Tensor:
        """Which points belong to each layer of each shower, ``[S L + 1]``."""
        return ptr_from_counts(self.counts.flatten())

    @cached_property
    def slot(self) -> Tensor:
        """Layer of shower of each point, ``s L + l``, ``[P]``."""
        return torch.repeat_interleave(self.counts.flatten())

    @property
    def ptr(self) -> Tensor:
        """Which points belong to each shower, ``[S + 1]``."""
        return ptr_from_counts(self.counts.sum(dim=1))

    @property
    def shower(self) -> Tensor:
        """Shower of each point, ``[P]``."""
        return torch.div(self.slot, self.counts.shape[1], rounding_mode="floor")

    @property
    def layer(self) -> Tensor:
        """Detector layer of each point, ``[P]``."""
        return self.slot % self.counts.shape[1]

    def with_features(self, features: Tensor) -> "PointSet":
        """Points in the same layers with other features ``[P, 4]``."""
        return PointSet(features, self.counts)

    def by_energy(self) -> "PointSet":
        """The same points, the most energetic of each layer first."""
        order = self.features[:, ENERGY].argsort(descending=True, stable=True)
        order = order[self.slot[order].argsort(stable=True)]
        return PointSet(self.features[order], self.counts)


def of_layer(layers: Tensor, width: int, points: PointSet) -> Tensor:
    """What each point is told of its layer ``[P, W]``: of ``[S, L, M W]``, the mean of the M."""
    return layers.unflatten(-1, (-1, width)).mean(dim=2).flatten(0, 1)[points.slot]


class PointCoordinates(nn.Module):
    """From hits on cells to features and back.

    Transverse coordinates about the axis become ``asinh(u / radius)``, the energy
    ``log((E - threshold) / threshold + 0.02)``, the time ``asinh`` of the delay against light along
    the axis; all are then standardised.

    Args:
        geometry: the detector.
    """

    radius: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.standardise = Standardise(FEATURES)
        self.register_buffer("radius", torch.tensor(10.0))
        self.delay = Delay(geometry)
        self.register_buffer("low", torch.full((FEATURES,), -3.0))
        self.register_buffer("high", torch.full((FEATURES,), 3.0))

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers on cells."""
        frame = ShowerFrame(showers.incident, self.geometry.layer_z)
        uv = frame.to_frame(showers.xy, showers.layer, showers.index)
        self.radius.fill_(float(uv.norm(dim=-1).median().clamp_min(1e-3)))
        self.delay.fit(showers)
        raw = self._raw(showers)
        self.standardise.fit(raw)
        features = self.standardise(raw)
        self.low.copy_(features.amin(dim=0))
        self.high.copy_(features.amax(dim=0))

    def encode(self, showers: Showers, mirror: Tensor | None = None) -> PointSet:
        """Points anywhere in the cells of the hits, the most energetic of each layer first.

        Args:
            showers: S of them, on cells.
            mirror: signs ``[S]`` that v is multiplied by.
        """
        counts = Profile.of(showers, self.geometry).counts
        slot = showers.index * counts.shape[1] + showers.layer
        features = self.standardise(self._raw(showers, mirror))
        return PointSet(features[slot.argsort(stable=True)], counts).by_energy()

    def energy_feature(self, relative: Tensor) -> Tensor:
        """The standardised feature ``[P]`` of energies (E - threshold) / threshold ``[P]``."""
        mean, deviation = self.standardise.mean[ENERGY], self.standardise.deviation[ENERGY]
        return (torch.log(relative + EPS) - mean) / deviation

    def relative_energy(self, points: PointSet) -> Tensor:
        """Energies (E - threshold) / threshold of points ``[P]``: back from `energy_feature`."""
        mean, deviation = self.standardise.mean[ENERGY], self.standardise.deviation[ENERGY]
        return torch.exp(points.features[:, ENERGY] * deviation + mean) - EPS

    def decode(self, points: PointSet, incident: Incident) -> tuple[Tensor, Tensor]:
        """Places x, y in mm ``[P, 2]`` and times in ns ``[P]``, within what training showed."""
        limited = points.features.clamp(self.low, self.high)
        raw = limited * self.standardise.deviation + self.standardise.mean
        frame = ShowerFrame(incident, self.geometry.layer_z)
        uv = self.radius * torch.sinh(raw[:, : V + 1])
        xy = frame.from_frame(uv, points.layer, points.shower)
        return xy, self.delay.time(raw[:, TIME], incident, points.shower, points.layer)

    def _raw(self, showers: Showers, mirror: Tensor | None = None) -> Tensor:
        frame = ShowerFrame(showers.incident, self.geometry.layer_z)
        xy = dequantise(showers.cell, self.geometry)
        uv = frame.to_frame(xy, showers.layer, showers.index)
        if mirror is not None:
            uv = torch.stack([uv[:, U], uv[:, V] * mirror[showers.index]], dim=-1)
        threshold = self.geometry.layer_threshold[showers.layer]
        relative = ((showers.energy - threshold) / threshold).clamp_min(0.0)
        delay = self.delay(showers)
        parts = [torch.asinh(uv / self.radius), torch.log(relative + EPS)[:, None], delay[:, None]]
        return torch.cat(parts, dim=-1)
