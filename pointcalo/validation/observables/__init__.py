"""Observables of calorimeter showers: small named functions with unit, definition and source.

All are taken from hits above threshold, in the frame of their shower. An observable gives values
with weights, each belonging to a shower (whose resampling gives the error of a metric) and to a
group: the detector layer, where there is one distribution a layer, or a bin of another quantity,
else 0.
"""

from itertools import chain

from pointcalo.validation.observables import (
    clustering,
    direction,
    energy,
    profile,
    shape,
    timing,
    topology,
)
from pointcalo.validation.observables.observable import Observable

HEADINGS: dict[str, tuple[Observable, ...]] = {
    "Energies and numbers of hits": energy.OBSERVABLES,
    "Profiles and centres": profile.OBSERVABLES,
    "Widths and shapes": shape.OBSERVABLES,
    "Direction": direction.OBSERVABLES,
    "Times": timing.OBSERVABLES,
    "Neighbours and clusters": clustering.OBSERVABLES,
    "Track, cores and halo": topology.OBSERVABLES,
}
"""What is looked at, under its heading in the report."""

OBSERVABLES: tuple[Observable, ...] = tuple(chain.from_iterable(HEADINGS.values()))

__all__ = ["HEADINGS", "OBSERVABLES", "Observable"]
