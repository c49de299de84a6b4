"""What a hadron does in a calorimeter: a track up to its first interaction, cores, a sparse halo.

For showers of photons and electrons the same numbers are those of the conversion and of one core
on the axis. The criteria are in MIPs and layers, so that one list serves every sandwich.
"""

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import (
    CALICE_DENSITY,
    CALICE_LAYER,
    HERE,
    MIP,
    Observable,
)
from pointcalo.validation.values import Values

INTERACTION_MIPS = 3.0
INTERACTION_LAYERS = 3
CORE_MIPS = 5.0
HALO_NEIGHBOURS = 2
SECTION_RATIO = 1.5
"""Of the areas of the cells of adjacent layers, at least, where a section ends."""


def first_interaction(hits: Hits) -> Tensor:
    """Layers before the first of three in a row with more than 3 MIP each, [S]; all where none."""
    above = hits.layers.sum(hits.mips) > INTERACTION_MIPS
    beyond = above.new_zeros(len(above), INTERACTION_LAYERS - 1)
    row = torch.cat([above, beyond], dim=1).unfold(1, INTERACTION_LAYERS, 1).all(2)
    never = row.new_ones(len(row), 1)
    return torch.cat([row, never], dim=1).int().argmax(1)


def interaction_layer(hits: Hits) -> Values:
    """Number of layers before the first interaction; showers without hits have none."""
    number = first_interaction(hits).double()
    return Values.of_showers(torch.where(hits.number > 0, number, torch.nan))


def stub_layer_hits(hits: Hits) -> Values:
    """Hits in each layer before the first interaction, zeros included, all layers alike."""
    return _before_interaction(hits, hits.layers.number)


def stub_layer_energy(hits: Hits) -> Values:
    """Energy in MIP in each lit layer before the first interaction, all layers alike."""
    energy = hits.layers.sum(hits.mips)
    return _before_interaction(hits, torch.where(energy > 0, energy, torch.nan))


def stub_radius(hits: Hits) -> Values:
    """Distance from the axis of each hit before the first interaction."""
    return hits.values(hits.radius, _in_stub(hits).double())


def core_share(hits: Hits) -> Values:
    """Share of the energy in hits of more than 5 MIP."""
    return Values.of_showers(hits.weighted_mean(_in_core(hits)))


def core_radius(hits: Hits) -> Values:
    """Distance from the axis of the centre of energy of the hits of more than 5 MIP."""
    energy = hits.energy * _in_core(hits)
    u, v = (hits.per_shower(energy * place) for place in hits.uv.T)
    return Values.of_showers(torch.hypot(u, v) / hits.per_shower(energy))


def centre_persistence(hits: Hits) -> Values:
    """Correlation about the axis of the centres of energy of adjacent layers.

    sum(w c c') / sqrt(sum(w c^2) sum(w c'^2)) over the pairs of adjacent layers that are both lit,
    with c and c' their centres (u, v) and w the root of the product of their energies.
    """
    centre, energy = hits.layers.centre.nan_to_num(0.0), hits.layers.energy
    weight = (energy[:, :-1] * energy[:, 1:]).sqrt()
    first, second = centre[:, :-1], centre[:, 1:]

    def product(a: Tensor, b: Tensor) -> Tensor:
        return (weight * (a * b).sum(2)).sum(1)

    return Values.of_showers(
        product(first, second) / (product(first, first) * product(second, second)).sqrt()
    )


def halo_share(hits: Hits) -> Values:
    """Share of the hits from the first interaction on with at most two lit cells about them."""
    near = hits.surroundings
    beside = near.number + near.around + (near.following >= 0) + (near.preceding >= 0)
    return Values.of_showers(hits.mean(beside <= HALO_NEIGHBOURS, ~_in_stub(hits)))


def layer_clusters(hits: Hits) -> Values:
    """Clusters of touching hits in each layer, zeros included."""
    cluster = hits.surroundings.flat_cluster
    return Values.of_layers(hits.layers.sum(1 / torch.bincount(cluster)[cluster].double()).round())


def section_share(hits: Hits) -> Values:
    """Share of the energy in each section of the detector; none where it has only one."""
    section = sections(hits)
    number = int(section[-1]) + 1
    share = hits.grouped(section[hits.layer], number).energy / hits.total[:, None]
    return Values.of_layers(share if number > 1 else torch.full_like(share, torch.nan))


def sections(hits: Hits) -> Tensor:
    """Section of each layer, [L] int64: the next one begins where the size of the cells changes."""
    start = hits.geometry.layer_start
    area = hits.geometry.area((start[:-1] + start[1:]) // 2).double()
    jump = area.log().diff().abs() > torch.tensor(SECTION_RATIO).log()
    return torch.cat([jump.new_zeros(1), jump]).long().cumsum(0)


def _before_interaction(hits: Hits, table: Tensor) -> Values:
    """Values [S, L] of the layers before the first interaction of showers with hits, as one."""
    before = torch.arange(hits.num_layers) < first_interaction(hits)[:, None]
    there = before & (hits.number > 0)[:, None]
    return Values.of_layers(torch.where(there, table, torch.nan)).pooled()


def _in_stub(hits: Hits) -> Tensor:
    return hits.layer < first_interaction(hits)[hits.shower]


def _in_core(hits: Hits) -> Tensor:
    return hits.mips > CORE_MIPS


_FIRST = (
    f"the first interaction (the first of three layers in a row with more than 3 MIP each, {MIP})"
)

OBSERVABLES = (
    Observable(
        "interaction_layer",
        "Layers before the first interaction",
        "1",
        f"number of layers before {_FIRST}; all layers where there is none",
        CALICE_LAYER,
        interaction_layer,
    ),
    Observable(
        "stub_layer_hits",
        "Hits per layer before the first interaction",
        "1",
        f"number of hits in a layer before {_FIRST}",
        HERE,
        stub_layer_hits,
    ),
    Observable(
        "stub_layer_energy",
        "Energy per layer before the first interaction",
        "1",
        f"energy in MIP in a lit layer before {_FIRST}",
        HERE,
        stub_layer_energy,
        "log",
        "Energy of a layer [MIP]",
    ),
    Observable(
        "stub_radius",
        "Distance from the axis before the first interaction",
        "mm",
        f"distance from the axis, in the plane of its layer, of a hit before {_FIRST}",
        HERE,
        stub_radius,
    ),
    Observable(
        "core_share",
        "Energy in dense cores",
        "1",
        f"share of the visible energy in hits of more than 5 MIP, {MIP}: grows with the "
        "electromagnetic fraction of a hadron's shower",
        CALICE_DENSITY,
        core_share,
    ),
    Observable(
        "core_radius",
        "Distance of the dense cores from the axis",
        "mm",
        f"distance from the axis of the centre of energy of the hits of more than 5 MIP, {MIP}",
        HERE,
        core_radius,
    ),
    Observable(
        "centre_persistence",
        "Persistence of the centre from layer to layer",
        "1",
        "correlation about the axis of the centres of energy of adjacent lit layers, weighted with "
        "the root of the product of their energies: 1 where a core off the axis goes on straight",
        HERE,
        centre_persistence,
    ),
    Observable(
        "halo_share",
        "Hits of the sparse halo",
        "1",
        f"share of the hits from {_FIRST} on that have at most two lit cells beside them, in their "
        "layer or at and about their position about the axis in the adjacent ones",
        HERE,
        halo_share,
    ),
    Observable(
        "layer_clusters",
        "Clusters per layer",
        "1",
        "number of clusters of touching hits in a detector layer, one distribution a layer",
        HERE,
        layer_clusters,
    ),
    Observable(
        "section_share",
        "Share of each section",
        "1",
        "share of the visible energy in each section of the detector, a new one beginning where "
        "the areas of the cells of adjacent layers differ by more than a factor of 1.5; only where "
        "there are several",
        HERE,
        section_share,
        groups="Section",
    ),
)
