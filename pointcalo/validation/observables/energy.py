"""Energies and numbers of hits: of the shower, of each layer, of each cell."""

import torch

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import CALOCHALLENGE, CALOCLOUDS, Observable
from pointcalo.validation.values import Values


def response(hits: Hits) -> Values:
    """E_visible / E_incident."""
    return Values.of_showers(hits.total / hits.incident.energy.double())


def number_of_hits(hits: Hits) -> Values:
    """Number of hits of each shower."""
    return Values.of_showers(hits.per_shower(torch.ones_like(hits.energy)))


def layer_energy(hits: Hits) -> Values:
    """Energy in each layer, 0 included."""
    return Values.of_layers(hits.layers.energy)


def layer_hits(hits: Hits) -> Values:
    """Number of hits in each layer, 0 included."""
    return Values.of_layers(hits.layers.number)


def cell_energy(hits: Hits) -> Values:
    """Energies of the hits."""
    return hits.values(hits.energy)


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
        "cell_energy",
        "Cell energy spectrum",
        "MeV",
        "energy of a hit",
        CALOCLOUDS,
        cell_energy,
        "log",
        "Energy of a hit",
    ),
)
