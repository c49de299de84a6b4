"""How the lit cells of a shower lie to one another, in a layer and through the layers.

They see most: a sample with the right profiles and spectrum fails here when its cells are lit
without regard to their neighbours.
"""

import torch

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import HERE, Observable
from pointcalo.validation.values import Values


def hit_neighbours(hits: Hits) -> Values:
    """Number of lit neighbours of each hit in its layer."""
    return hits.values(hits.surroundings.number.double())


def hit_neighbours_adjacent(hits: Hits) -> Values:
    """Number of lit cells about each hit's position in the next and the previous layer."""
    return hits.values(hits.surroundings.around.double())


def coincidence(hits: Hits) -> Values:
    """Share of hits with a lit cell at their position about the axis in the next layer."""
    return Values.of_showers(hits.mean(hits.surroundings.following >= 0))


def isolated_share(hits: Hits) -> Values:
    """Share of hits without lit neighbour in their layer."""
    return Values.of_showers(hits.mean(hits.surroundings.alone))


def isolated_energy(hits: Hits) -> Values:
    """Share of energy in hits without lit neighbour in their layer."""
    return Values.of_showers(hits.weighted_mean(hits.surroundings.alone))


def isolated_3d_share(hits: Hits) -> Values:
    """Share of hits with nothing lit beside them, in their layer and one layer off."""
    return Values.of_showers(hits.mean(hits.surroundings.lonely))


def isolated_3d_energy(hits: Hits) -> Values:
    """Share of energy in hits with nothing lit beside them, in their layer and one layer off."""
    return Values.of_showers(hits.weighted_mean(hits.surroundings.lonely))


def clusters(hits: Hits) -> Values:
    """Number of connected clusters of hits through the layers."""
    cluster = hits.surroundings.deep_cluster
    number = hits.per_shower(1 / torch.bincount(cluster)[cluster].double()).round()
    return Values.of_showers(torch.where(hits.number > 0, number, torch.nan))


def largest_cluster(hits: Hits) -> Values:
    """Share of the energy in the connected cluster with most energy."""
    cluster = hits.surroundings.deep_cluster
    energy = torch.zeros_like(hits.energy).index_add(0, cluster, hits.energy)
    largest = torch.zeros_like(hits.total).scatter_reduce(0, hits.shower, energy[cluster], "amax")
    return Values.of_showers(largest / hits.total)


def neighbour_correlation(hits: Hits) -> Values:
    """Correlation of a hit's log E with the mean log E of its lit neighbours."""
    some = ~hits.surroundings.alone
    return Values.of_showers(hits.correlation(hits.log_excess, hits.log_excess_beside, some))


_IN_3D = (
    "without lit neighbour in its layer, and with nothing lit at and about its position about the "
    "axis in the layers before and after"
)

OBSERVABLES = (
    Observable(
        "hit_neighbours",
        "Lit neighbours of a hit",
        "1",
        "number of lit cells that touch the cell of a hit in its layer",
        HERE,
        hit_neighbours,
    ),
    Observable(
        "hit_neighbours_adjacent",
        "Lit neighbours of a hit in the adjacent layers",
        "1",
        "number of lit cells that touch the cell at the position of a hit about the incident axis "
        "in the next and in the previous layer",
        HERE,
        hit_neighbours_adjacent,
    ),
    Observable(
        "coincidence",
        "Coincidence with the next layer",
        "1",
        "share of the hits with a lit cell at their position about the axis in the next layer",
        HERE,
        coincidence,
    ),
    Observable(
        "isolated_share",
        "Isolated hits in a layer",
        "1",
        "share of the hits without lit neighbour in their layer",
        HERE,
        isolated_share,
    ),
    Observable(
        "isolated_energy",
        "Energy of isolated hits in a layer",
        "1",
        "share of the visible energy in hits without lit neighbour in their layer",
        HERE,
        isolated_energy,
    ),
    Observable(
        "isolated_3d_share",
        "Isolated hits in space",
        "1",
        f"share of the hits, each {_IN_3D}",
        HERE,
        isolated_3d_share,
    ),
    Observable(
        "isolated_3d_energy",
        "Energy of isolated hits in space",
        "1",
        f"share of the visible energy in hits, each {_IN_3D}",
        HERE,
        isolated_3d_energy,
    ),
    Observable(
        "clusters",
        "Clusters",
        "1",
        "number of clusters of hits connected by touching cells of a layer, or by the same "
        "position about the axis in adjacent layers",
        HERE,
        clusters,
    ),
    Observable(
        "largest_cluster",
        "Energy of the largest cluster",
        "1",
        "share of the visible energy in the cluster, connected in layers and through them, that "
        "has most",
        HERE,
        largest_cluster,
    ),
    Observable(
        "neighbour_correlation",
        "Correlation of neighbouring energies",
        "1",
        "Pearson correlation over the hits with a lit neighbour of the logarithm of the energy "
        "over threshold and its mean over the lit neighbours",
        HERE,
        neighbour_correlation,
    ),
)
