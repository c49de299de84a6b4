"""Hit times as delays behind light along the incident axis; none where a file has no times."""

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import HERE, MIP, Observable
from pointcalo.validation.values import Values

RADIUS_EDGES_MM = (2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
MIP_EDGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SPEARMAN = "Spearman 1904, Am. J. Psychol. 15, 72"
LIGHT = "light that flies along the incident axis and crosses z = 0 at time 0"


def hit_delay(hits: Hits) -> Values:
    """Time less z / (c cos(angle)) of each hit."""
    return hits.values(hits.delay)


def earliest_delay(hits: Hits) -> Values:
    """Least delay of a hit of each shower."""
    least = torch.full((hits.num_showers,), torch.inf, dtype=torch.float64)
    return Values.of_showers(least.scatter_reduce(0, hits.shower, hits.delay, "amin"))


def mean_delay(hits: Hits) -> Values:
    """sum(E delay) / sum(E)."""
    return Values.of_showers(hits.weighted_mean(hits.delay))


def layer_delay(hits: Hits) -> Values:
    """sum(E delay) / sum(E) in each layer with a hit."""
    return Values.of_layers(hits.layers.sum(hits.energy * hits.delay) / hits.layers.energy)


def delay_by_layer(hits: Hits) -> Values:
    """Delay of each hit, one distribution a layer."""
    return hits.grouped_values(hits.delay, hits.layer, hits.num_layers)


def delay_by_radius(hits: Hits) -> Values:
    """Delay of each hit, one distribution for each bin of its distance from the axis."""
    return _binned_delay(hits, hits.radius, RADIUS_EDGES_MM)


def delay_by_energy(hits: Hits) -> Values:
    """Delay of each hit, one distribution for each bin of its energy in MIPs."""
    return _binned_delay(hits, hits.mips, MIP_EDGES)


def delay_radius_correlation(hits: Hits) -> Values:
    """Rank correlation of delay and distance from the axis over the hits of each shower."""
    return Values.of_showers(hits.rank_correlation(hits.delay, hits.radius))


def delay_energy_correlation(hits: Hits) -> Values:
    """Rank correlation of delay and energy over the hits of each shower."""
    return Values.of_showers(hits.rank_correlation(hits.delay, hits.energy))


def _binned_delay(hits: Hits, quantity: Tensor, edges: tuple[float, ...]) -> Values:
    inner = torch.tensor(edges[1:-1], dtype=quantity.dtype)
    group = torch.bucketize(quantity, inner, right=True)
    return hits.grouped_values(hits.delay, group, len(edges) - 1)


OBSERVABLES = (
    Observable(
        "hit_delay",
        "Delay of the hits",
        "ns",
        f"time at which a hit lags behind {LIGHT}, at the depth of its layer",
        HERE,
        hit_delay,
    ),
    Observable(
        "earliest_delay",
        "Delay of the first hit",
        "ns",
        f"least time at which a hit of the shower lags behind {LIGHT}",
        HERE,
        earliest_delay,
    ),
    Observable(
        "mean_delay",
        "Mean delay",
        "ns",
        f"energy-weighted mean time at which the hits of a shower lag behind {LIGHT}",
        HERE,
        mean_delay,
    ),
    Observable(
        "layer_delay",
        "Mean delay per layer",
        "ns",
        f"energy-weighted mean time at which the hits of a layer lag behind {LIGHT}, one "
        "distribution a layer",
        HERE,
        layer_delay,
    ),
    Observable(
        "delay_by_layer",
        "Delay of the hits in each layer",
        "ns",
        f"time at which a hit lags behind {LIGHT}, one distribution a layer",
        HERE,
        delay_by_layer,
        curve="median",
    ),
    Observable(
        "delay_by_radius",
        "Delay of the hits by distance from the axis",
        "ns",
        f"time at which a hit lags behind {LIGHT}, one distribution for each of 8 bins of its "
        "distance from the axis, from 2.5 to 640 mm by factors of 2",
        HERE,
        delay_by_radius,
        groups="Distance from the axis [mm]",
        edges=RADIUS_EDGES_MM,
        curve="median",
    ),
    Observable(
        "delay_by_energy",
        "Delay of the hits by their energy",
        "ns",
        f"time at which a hit lags behind {LIGHT}, one distribution for each of 8 bins of its "
        f"energy, from 0.5 to 128 MIP by factors of 2, {MIP}",
        HERE,
        delay_by_energy,
        groups="Energy [MIP]",
        edges=MIP_EDGES,
        curve="median",
    ),
    Observable(
        "delay_radius_correlation",
        "Correlation of delay and radius",
        "1",
        "rank correlation of delay and distance from the axis over the hits of a shower",
        SPEARMAN,
        delay_radius_correlation,
    ),
    Observable(
        "delay_energy_correlation",
        "Correlation of delay and energy",
        "1",
        "rank correlation of delay and energy over the hits of a shower",
        SPEARMAN,
        delay_energy_correlation,
    ),
)
