"""Showers as graphs: a row of features for each lit cell, links to the lit cells about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array
from torch import Tensor

from pointcalo.showers import ptr_from_counts, rows_of
from pointcalo.validation.features import median_pitch_mm
from pointcalo.validation.hits import Hits, hits_of
from pointcalo.validation.measurement import Measurement

MIRRORED = 0
"""Column of the features that changes sign when a shower is reflected across its tilt: v."""

MIN_MEV = 0.02
"""Added to energies before the logarithm, so that empty layers have one."""


@dataclass(frozen=True, eq=False)
class CellGraphs:
    """Hits of S showers as nodes.

    Attributes:
        features: Of each hit, [P, F] float32.
        layer: Detector layer of each hit, [P].
        share: Share of its shower's energy, [P] float32.
        ptr: Hits of shower s are rows ptr[s]:ptr[s + 1], [S + 1].
        condition: Of each shower, what its incident particle is, [S, C] float32.
        links: Sums over the lit neighbours in the same layer, and over the hit at the same place
            about the axis in the layer before and in the next: sparse matrices [P, P] of ones.
    """

    features: Tensor
    layer: Tensor
    share: Tensor
    ptr: Tensor
    condition: Tensor
    links: tuple[csr_array, ...]

    def __len__(self) -> int:
        return len(self.condition)

    def __getitem__(self, showers: Tensor) -> CellGraphs:
        """The showers numbered, [n] int64, in that order."""
        rows = rows_of(self.ptr, showers)
        chosen = rows.numpy()
        return CellGraphs(
            self.features[rows],
            self.layer[rows],
            self.share[rows],
            ptr_from_counts(self.ptr.diff()[showers]),
            self.condition[showers],
            tuple(link[chosen][:, chosen] for link in self.links),
        )

    def mirrored(self, sign: Tensor) -> CellGraphs:
        """Showers reflected across their tilt where `sign` [S] is -1."""
        features = self.features.clone()
        features[:, MIRRORED] *= torch.repeat_interleave(sign, self.ptr.diff())
        return self.with_columns(features, self.condition)

    def with_columns(self, features: Tensor, condition: Tensor) -> CellGraphs:
        """The same graphs with other features [P, F] and conditions [S, C]."""
        return CellGraphs(features, self.layer, self.share, self.ptr, condition, self.links)

    @staticmethod
    def cat(first: CellGraphs, second: CellGraphs) -> CellGraphs:
        """Both, one after the other."""
        return CellGraphs(
            torch.cat([first.features, second.features]),
            torch.cat([first.layer, second.layer]),
            torch.cat([first.share, second.share]),
            torch.cat([first.ptr, first.ptr[-1] + second.ptr[1:]]),
            torch.cat([first.condition, second.condition]),
            tuple(
                block_diag(pair, format="csr")
                for pair in zip(first.links, second.links, strict=True)
            ),
        )


def graphs_of(measurement: Measurement, number: int) -> CellGraphs:
    """The first showers of a sample, of those that were kept.

    Features are those of the hit (position about the axis in cells, depth, energy over threshold),
    of what lies beside it (lit neighbours, energies there and in adjacent layers), of its layer
    and the adjacent ones (energy, hits), of its shower (energy) and of the incident particle.
    Hit times are not among them.

    Args:
        measurement: The sample.
        number: How many showers.
    """
    hits = hits_of(measurement.showers[:number], measurement.geometry)
    slope = measurement.features["incident_slope"][:number]  # the frame takes out the azimuth
    condition = torch.stack([hits.incident.energy.double().log(), slope], dim=1)
    columns = [
        *_position(hits, median_pitch_mm(hits.geometry)),
        *_energy(hits),
        *_beside(hits),
        *_of_layers(hits),
        *condition[hits.shower].unbind(1),
    ]
    near = hits.surroundings
    return CellGraphs(
        torch.stack(columns, dim=1).float(),
        hits.layer,
        hits.share.float(),
        hits.ptr,
        condition.float(),
        tuple(
            _link(partner)
            for partner in (near.same, near.preceding[:, None], near.following[:, None])
        ),
    )


def _position(hits: Hits, pitch_mm: float) -> list[Tensor]:
    u, v = (hits.uv / pitch_mm).unbind(1)
    radius = hits.radius / pitch_mm
    depth = hits.layer / hits.num_layers
    return [v.asinh(), u.asinh(), radius.log1p(), (-radius).exp(), depth]


def _energy(hits: Hits) -> list[Tensor]:
    above = (hits.excess - 1).clamp(min=1e-3)
    return [
        hits.log_excess,
        above.log(),
        hits.excess.clamp(max=20),
        hits.total[hits.shower].log(),
    ]


def _beside(hits: Hits) -> list[Tensor]:
    near = hits.surroundings

    def excess(partner: Tensor) -> Tensor:
        return torch.where(partner >= 0, hits.excess[partner], 0.0)

    same = excess(near.same)
    sums = [same.sum(1), same.amax(1)]
    single = [excess(p) for p in (near.following, near.preceding, near.second)]
    return [near.number.double(), near.around.double().log1p(), *(e.log1p() for e in sums + single)]


def _of_layers(hits: Hits) -> list[Tensor]:
    """Energy of the hit's layer, of the one before and of the next, and hits of its own."""
    layers = hits.layers
    energy = torch.nn.functional.pad((layers.energy + MIN_MEV).log(), (1, 1))
    columns = [energy[hits.shower, hits.layer + step] for step in (0, 1, 2)]
    return [*columns, layers.number[hits.shower, hits.layer].log()]


def _link(partner: Tensor) -> csr_array:
    """Matrix of ones from hits to their partners, [P, D] with -1 for none."""
    lit = partner >= 0
    ptr = ptr_from_counts(lit.sum(1)).numpy()
    source: NDArray[np.int64] = partner[lit].numpy()
    ones = np.ones(len(source), dtype=np.float32)
    return csr_array((ones, source, ptr), shape=(len(partner),) * 2)
