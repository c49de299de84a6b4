"""Hit times as delays behind light along the incident axis; none where a file has no times."""

import torch

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import HERE, Observable
from pointcalo.validation.values import Values

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
)
