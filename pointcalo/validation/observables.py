"""Observables of calorimeter showers: small named functions with unit, definition and source.

All are taken from hits above threshold, in the frame of their shower. An observable gives values
with weights, each belonging to a shower (whose resampling gives the error of a metric) and to a
group: the detector layer, where there is one distribution a layer, else 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.validation.hits import Groups, Hits

CALOCHALLENGE = "CaloChallenge, Krause et al. 2024, arXiv:2410.21611"
CALOCLOUDS = "CaloClouds, Buhmann et al. 2023, arXiv:2305.04847"


@dataclass(frozen=True)
class Values:
    """Values of an observable in one sample, K of them.

    Attributes:
        value: [K] float64, finite.
        weight: [K] float64, not negative.
        shower: Shower of each value, [K].
        group: Group of each value, 0..num_groups-1, [K].
        num_showers: S.
        num_groups: G.
    """

    value: Tensor
    weight: Tensor
    shower: Tensor
    group: Tensor
    num_showers: int
    num_groups: int = 1


@dataclass(frozen=True)
class Observable:
    """A named quantity of showers.

    Attributes:
        name: For files: lower case.
        title: For people.
        unit: Of its values; "1" where they have none.
        definition: One sentence.
        source: Where the definition is from.
        measure: Function of the hits of a sample.
        scale: "linear" or "log": how its values are binned and drawn.
        axis: What its values are, where the title does not say it.
    """

    name: str
    title: str
    unit: str
    definition: str
    source: str
    measure: Callable[[Hits], Values]
    scale: str = "linear"
    axis: str = ""

    def __call__(self, hits: Hits) -> Values:
        """Values of the observable in a sample."""
        return self.measure(hits)


def _of_showers(values: Tensor) -> Values:
    """One value [S] a shower; showers that define none (NaN) are left out."""
    shower = values.isfinite().nonzero()[:, 0]
    value = values[shower]
    return Values(value, torch.ones_like(value), shower, torch.zeros_like(shower), len(values))


def _of_layers(values: Tensor) -> Values:
    """One value a shower and layer [S, L], a distribution for each layer."""
    shower, group = (index.flatten() for index in _grid(values))
    flat = values.flatten()
    return Values(flat, torch.ones_like(flat), shower, group, *values.shape)


def _of_hits(hits: Hits, values: Tensor, weight: Tensor) -> Values:
    """One value [P] a hit."""
    return Values(values, weight, hits.shower, torch.zeros_like(hits.shower), hits.num_showers)


def _grid(values: Tensor) -> tuple[Tensor, ...]:
    sizes = (torch.arange(size) for size in values.shape)
    return torch.meshgrid(*sizes, indexing="ij")


def _share(hits: Hits) -> Tensor:
    """Share of its shower's energy that each hit has, [P]."""
    return hits.energy / hits.per_shower(hits.energy)[hits.shower]


def response(hits: Hits) -> Values:
    """E_visible / E_incident."""
    return _of_showers(hits.per_shower(hits.energy) / hits.incident.energy.double())


def number_of_hits(hits: Hits) -> Values:
    """Number of hits of each shower."""
    return _of_showers(hits.per_shower(torch.ones_like(hits.energy)))


def layer_energy(hits: Hits) -> Values:
    """Energy in each layer, 0 included."""
    return _of_layers(Groups(hits, hits.layer, hits.num_layers).energy)


def layer_hits(hits: Hits) -> Values:
    """Number of hits in each layer, 0 included."""
    layer = Groups(hits, hits.layer, hits.num_layers)
    return _of_layers(layer.sum(torch.ones_like(hits.energy)))


def longitudinal(hits: Hits) -> Values:
    """Depths of the layers, weighted with the share of each shower's energy in them."""
    energy = Groups(hits, hits.layer, hits.num_layers).energy
    share = (energy / energy.sum(1, keepdim=True)).nan_to_num(0.0)
    shower, layer = (index.flatten() for index in _grid(energy))
    depth = hits.layer_z[layer]
    return Values(depth, share.flatten(), shower, torch.zeros_like(shower), hits.num_showers)


def radial(hits: Hits) -> Values:
    """Distances from the axis, weighted with the share of the shower's energy."""
    return _of_hits(hits, hits.radius, _share(hits))


def cell_energy(hits: Hits) -> Values:
    """Energies of the hits."""
    return _of_hits(hits, hits.energy, torch.ones_like(hits.energy))


def centre_u(hits: Hits) -> Values:
    """sum(E u) / sum(E)."""
    return _of_showers(hits.per_shower(_share(hits) * hits.uv[:, 0]) / _lit(hits))


def centre_v(hits: Hits) -> Values:
    """sum(E v) / sum(E)."""
    return _of_showers(hits.per_shower(_share(hits) * hits.uv[:, 1]) / _lit(hits))


def centre_depth(hits: Hits) -> Values:
    """sum(E z) / sum(E)."""
    return _of_showers(hits.per_shower(_share(hits) * hits.layer_z[hits.layer]) / _lit(hits))


def _lit(hits: Hits) -> Tensor:
    """1 for a shower with hits, NaN for one without, [S]."""
    energy = hits.per_shower(hits.energy)
    return torch.where(energy > 0, 1.0, torch.nan)


OBSERVABLES = (
    Observable(
        "response",
        "Response",
        "1",
        "visible energy (sum over the hits) over the energy of the incident particle",
        CALOCHALLENGE,
        response,
    ),
    Observable(
        "hits", "Number of hits", "1", "number of hits of a shower", CALOCLOUDS, number_of_hits
    ),
    Observable(
        "layer_energy",
        "Energy per layer",
        "MeV",
        "visible energy in a detector layer, one distribution a layer; metrics are means over them",
        CALOCHALLENGE,
        layer_energy,
        "log",
    ),
    Observable(
        "layer_hits",
        "Hits per layer",
        "1",
        "number of hits in a detector layer, one distribution a layer; metrics are means over them",
        CALOCLOUDS,
        layer_hits,
    ),
    Observable(
        "longitudinal",
        "Longitudinal profile",
        "mm",
        "depth of a detector layer, weighted with its share of the shower's energy",
        CALOCLOUDS,
        longitudinal,
        axis="Depth",
    ),
    Observable(
        "radial",
        "Radial profile",
        "mm",
        "distance of a hit from the incident axis in the plane of its layer, weighted with its "
        "share of the shower's energy",
        CALOCLOUDS,
        radial,
        axis="Distance from the axis",
    ),
    Observable(
        "cell_energy",
        "Cell energy spectrum",
        "MeV",
        "energy of a hit",
        CALOCLOUDS,
        cell_energy,
        "log",
        "Energy of a hit",
    ),
    Observable(
        "centre_u",
        "Centre of energy along the tilt",
        "mm",
        "energy-weighted mean of u, the transverse distance from the incident axis along its tilt",
        CALOCHALLENGE,
        centre_u,
    ),
    Observable(
        "centre_v",
        "Centre of energy across the tilt",
        "mm",
        "energy-weighted mean of v, the transverse distance from the incident axis across its tilt",
        CALOCHALLENGE,
        centre_v,
    ),
    Observable(
        "centre_depth",
        "Centre of energy in depth",
        "mm",
        "energy-weighted mean depth of the layers",
        CALOCLOUDS,
        centre_depth,
    ),
)
"""What `compare` looks at, in the order of the report."""
