"""Energies and numbers of hits: of the shower, of each layer, of each cell."""

import math

import torch

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import (
    CALOCHALLENGE,
    CALOCLOUDS,
    HERE,
    Observable,
)
from pointcalo.validation.values import Values

NEAR_PITCHES = 5.0


def response(hits: Hits) -> Values:
    """E_visible / E_incident."""
    return Values.of_showers(hits.total / hits.incident.energy.double())


def number_of_hits(hits: Hits) -> Values:
    """Number of hits of each shower."""
    return Values.of_showers(hits.number)


def layer_energy(hits: Hits) -> Values:
    """Energy in each layer, 0 included."""
    return Values.of_layers(hits.layers.energy)


def layer_hits(hits: Hits) -> Values:
    """Number of hits in each layer, 0 included."""
    return Values.of_layers(hits.layers.number)


def cell_energy(hits: Hits) -> Values:
    """Energies of the hits."""
    return hits.values(hits.energy)


def visible_energy(hits: Hits) -> Values:
    """Sum of the energies of the hits; showers without hits have none."""
    return Values.of_showers(torch.where(hits.number > 0, hits.total, torch.nan))


def energy_per_hit(hits: Hits) -> Values:
    """E_visible / number of hits."""
    return Values.of_showers(hits.total / hits.number)


def hottest_energy(hits: Hits) -> Values:
    """Largest energy of a hit; showers without hits have none."""
    hottest = hits.layers.hottest.amax(1)
    return Values.of_showers(torch.where(hits.number > 0, hottest, torch.nan))


def hottest_share(hits: Hits) -> Values:
    """Largest energy of a hit / E_visible."""
    return Values.of_showers(hits.layers.hottest.amax(1) / hits.total)


def lit_layers(hits: Hits) -> Values:
    """Number of layers with a hit."""
    return Values.of_showers((hits.layers.number > 0).sum(1).double())


def sparsity(hits: Hits) -> Values:
    """Number of hits / number of cells of the detector."""
    return Values.of_showers(hits.number / hits.geometry.num_cells)


def occupancy(hits: Hits) -> Values:
    """Hits nearer than 5 pitches to the axis / cells that lie so near, 25 pi in each layer.

    The pitch is the root of the area of the hit's own cell, so that the cells need not be counted.
    """
    pitch = hits.geometry.area(hits.cell).double().sqrt()
    near = hits.per_shower(hits.radius < NEAR_PITCHES * pitch)
    return Values.of_showers(near / (math.pi * NEAR_PITCHES**2 * hits.num_layers))


OBSERVABLES = (
    Observable(
        "visible_energy",
        "Visible energy",
        "MeV",
        "sum of the energies of the hits of a shower, which has at least one",
        CALOCLOUDS,
        visible_energy,
        "log",
    ),
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
        "energy_per_hit",
        "Energy per hit",
        "MeV",
        "visible energy of a shower over its number of hits",
        HERE,
        energy_per_hit,
    ),
    Observable(
        "hottest_energy",
        "Energy of the hottest cell",
        "MeV",
        "largest energy of a hit of the shower",
        HERE,
        hottest_energy,
        "log",
    ),
    Observable(
        "hottest_share",
        "Share of the hottest cell",
        "1",
        "largest energy of a hit over the visible energy",
        HERE,
        hottest_share,
    ),
    Observable("lit_layers", "Lit layers", "1", "number of layers with a hit", HERE, lit_layers),
    Observable(
        "sparsity",
        "Lit share of the detector",
        "1",
        "number of hits over number of cells of the geometry",
        CALOCHALLENGE,
        sparsity,
    ),
    Observable(
        "occupancy",
        "Lit share near the axis",
        "1",
        "share of the cells of all layers nearer to the incident axis than 5 pitches, the pitch "
        "being the root of the cell's area, that are lit",
        HERE,
        occupancy,
    ),
)
