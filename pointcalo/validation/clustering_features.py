"""Clustering features: how the lit cells of a shower lie to one another.

A generator with the right profiles and spectrum still fails here when it lights cells without
regard to their neighbours, so these features belong to every classifier of the package.
"""

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.surroundings import Surroundings

MAX_COUNTED = 5
EXCESS_ZONES = (1.0, 3.0, 10.0, float("inf"))


def clustering_features(hits: Hits, pitch_mm: float) -> dict[str, Tensor]:
    """Clustering features by name, [S] each; NaN where a shower does not define one."""
    near = hits.surroundings
    return {
        **_counts(hits, near),
        **_zones(hits, near, pitch_mm),
        **_energies(hits, near),
        **_adjacent(hits, near),
        **_clusters(hits, near),
    }


def _counts(hits: Hits, near: Surroundings) -> dict[str, Tensor]:
    """Distribution of the number of lit neighbours."""
    number, alone, lonely = near.number, near.alone, near.lonely
    out = {
        "neighbours_mean": hits.mean(number),
        "neighbours_square": hits.mean(number.double() ** 2),
        "neighbours_energy_weighted": hits.weighted_mean(number),
        "neighbours_log_weighted": hits.mean(number * hits.log_excess),
        "isolated_energy": hits.weighted_mean(alone),
        "isolated_number": hits.per_shower(alone.double()),
        "isolated_3d_number": hits.per_shower(lonely.double()),
        "isolated_3d_share": hits.mean(lonely),
    }
    for k in range(MAX_COUNTED):
        out[f"neighbours_{k}"] = hits.mean(number == k)
    return out


def _zones(hits: Hits, near: Surroundings, pitch_mm: float) -> dict[str, Tensor]:
    """Lit neighbours and isolated cells by radius, depth and energy of the hit."""
    number = near.number
    thirds = torch.linspace(0, hits.num_layers, 4).tolist()
    zones = {
        "radius": (hits.radius / pitch_mm, (0.0, 2.0, 5.0, 10.0, float("inf"))),
        "depth": (hits.layer, thirds),
        "excess": (hits.excess, EXCESS_ZONES),
    }
    out = {}
    for name, (value, edges) in zones.items():
        for k, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            here = (value >= low) & (value < high)
            out[f"neighbours_{name}_{k}"] = hits.mean(number, here)
            out[f"isolated_{name}_{k}"] = hits.mean(number == 0, here)
    return out


def _energies(hits: Hits, near: Surroundings) -> dict[str, Tensor]:
    """Energies of neighbouring cells: products, correlation, local maxima."""
    lit = near.same >= 0
    energy = torch.where(lit, hits.energy[near.same], 0.0)
    log, log_beside = hits.log_excess, hits.log_excess_beside
    some = ~near.alone
    maximum = (hits.energy[:, None] > energy).all(1)
    return {
        "neighbour_product": hits.per_shower(hits.energy * energy.sum(1))
        / hits.per_shower(hits.energy**2),
        "neighbour_correlation": hits.correlation(log, log_beside, some),
        "neighbour_difference": hits.mean((log - log_beside).abs(), some),
        "neighbour_sum": hits.mean(torch.where(lit, hits.excess[near.same], 0.0).sum(1).log1p()),
        "maxima_number": hits.per_shower((maximum & some).double()),
        "maxima_share": hits.mean(maximum & some),
    }


def _adjacent(hits: Hits, near: Surroundings) -> dict[str, Tensor]:
    """Coincidences of cells at the same position in adjacent detector layers."""
    log = hits.log_excess
    after, before = near.following >= 0, near.preceding >= 0
    out = {
        "coincidence": hits.mean(after),
        "coincidence_energy": hits.weighted_mean(after),
        "coincidence_both": hits.mean(after & before),
        "coincidence_neither": hits.mean(~after & ~before),
        "coincidence_second": hits.mean(near.second >= 0),
        "coincidence_skipped": hits.mean((near.second >= 0) & ~after),
        "coincidence_correlation": hits.correlation(log, log[near.following], after),
        "coincidence_difference": hits.mean((log - log[near.following]).abs(), after),
        "coincidence_product": hits.per_shower(after * hits.energy * hits.energy[near.following])
        / hits.per_shower(hits.energy**2),
        "around_mean": hits.mean(near.around),
        "around_square": hits.mean(near.around.double() ** 2),
        "around_energy_weighted": hits.weighted_mean(near.around),
    }
    for k, (low, high) in enumerate(zip(EXCESS_ZONES[:-1], EXCESS_ZONES[1:], strict=True)):
        here = (hits.excess >= low) & (hits.excess < high)
        out[f"coincidence_excess_{k}"] = hits.mean(after, here)
    return out


def _clusters(hits: Hits, near: Surroundings) -> dict[str, Tensor]:
    """Connected clusters of lit cells, in each layer and through the layers."""
    return {
        **_cluster_sizes(hits, near.flat_cluster, "flat"),
        **_cluster_sizes(hits, near.deep_cluster, "deep"),
    }


def _cluster_sizes(hits: Hits, label: Tensor, name: str) -> dict[str, Tensor]:
    size = torch.bincount(label)[label].double()
    largest = torch.zeros(hits.num_showers, dtype=torch.float64)
    largest.scatter_reduce_(0, hits.shower, size, "amax")
    number = hits.per_shower(1 / size)
    return {
        f"clusters_{name}_number": number,
        f"clusters_{name}_per_hit": number / hits.number,
        f"clusters_{name}_largest": largest / hits.number,
        f"clusters_{name}_pairs": hits.mean(size == 2),
    }
