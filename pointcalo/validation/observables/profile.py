"""Profiles along and across the axis, in the frame of the shower, and their centres."""

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import CALOCHALLENGE, CALOCLOUDS, Observable
from pointcalo.validation.values import Values


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
)
