"""Profiles along and across the axis, in the frame of the shower, and their centres."""

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import (
    CALOCHALLENGE,
    CALOCLOUDS,
    HERE,
    Observable,
)
from pointcalo.validation.values import Values

START_SHARE = 0.02
ROUNDING = 1e-9


def longitudinal(hits: Hits) -> Values:
    """Depths of the layers, weighted with the share of each shower's energy in them."""
    share = hits.layers.energy / hits.total[:, None]
    return Values.of_layers(hits.layer_z.expand_as(share), share.nan_to_num(0.0)).pooled()


def radial(hits: Hits) -> Values:
    """Distances from the axis, weighted with the share of the shower's energy."""
    return hits.values(hits.radius, hits.share)


def centre_u(hits: Hits) -> Values:
    """sum(E u) / sum(E)."""
    return Values.of_showers(hits.weighted_mean(hits.uv[:, 0]))


def centre_v(hits: Hits) -> Values:
    """sum(E v) / sum(E)."""
    return Values.of_showers(hits.weighted_mean(hits.uv[:, 1]))


def centre_depth(hits: Hits) -> Values:
    """sum(E z) / sum(E)."""
    return Values.of_showers(hits.weighted_mean(hits.depth))


def shower_start(hits: Hits) -> Values:
    """Depth of the first layer with at least 2 % of the energy."""
    return _depth_of(hits, (hits.layers.energy >= START_SHARE * hits.total[:, None]).int())


def shower_maximum(hits: Hits) -> Values:
    """Depth of the layer with most energy, the first of equal ones."""
    return _depth_of(hits, hits.layers.energy)


def width_depth(hits: Hits) -> Values:
    """sqrt(sum(E (z - <z>)^2) / sum(E)), of at least two hits."""
    return Values.of_showers(hits.spread[:, 2])


def radius_50(hits: Hits) -> Values:
    """Radius that holds 50 % of the energy."""
    return _radius_with(hits, 0.5)


def radius_90(hits: Hits) -> Values:
    """Radius that holds 90 % of the energy."""
    return _radius_with(hits, 0.9)


def _depth_of(hits: Hits, table: Tensor) -> Values:
    """Depth of the layer where a table [S, L] is largest, the first of equal ones."""
    depth = hits.layer_z[table.argmax(1)]
    return Values.of_showers(torch.where(hits.number > 0, depth, torch.nan))


def _radius_with(hits: Hits, part: float) -> Values:
    order = hits.outwards
    inside = hits.share[order].cumsum(0)
    first = hits.ptr[:-1]
    before = torch.cat([inside.new_zeros(1), inside])[first]
    missing = hits.per_shower(inside - before[hits.shower] < part - ROUNDING).long()
    lit = hits.number > 0
    radius = inside.new_full((hits.num_showers,), torch.nan)
    radius[lit] = hits.radius[order[(first + missing)[lit]]]
    return Values.of_showers(radius)


OBSERVABLES = (
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
    Observable(
        "shower_start",
        "Start of the shower",
        "mm",
        "depth of the first layer with at least 2 % of the visible energy",
        HERE,
        shower_start,
    ),
    Observable(
        "shower_maximum",
        "Maximum of the shower",
        "mm",
        "depth of the layer with most energy",
        HERE,
        shower_maximum,
    ),
    Observable(
        "width_depth",
        "Width in depth",
        "mm",
        "energy-weighted standard deviation of the depth, for at least two hits",
        HERE,
        width_depth,
    ),
    Observable(
        "radius_50",
        "Radius of 50 % of the energy",
        "mm",
        "least distance from the incident axis within which half of the visible energy lies",
        HERE,
        radius_50,
    ),
    Observable(
        "radius_90",
        "Radius of 90 % of the energy",
        "mm",
        "least distance from the incident axis within which 90 % of the visible energy lies",
        HERE,
        radius_90,
    ),
)
