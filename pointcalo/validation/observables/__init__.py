"""Observables of calorimeter showers: small named functions with unit, definition and source.

All are taken from hits above threshold, in the frame of their shower. An observable gives values
with weights, each belonging to a shower (whose resampling gives the error of a metric) and to a
group: the detector layer, where there is one distribution a layer, else 0.
"""

from pointcalo.validation.observables import (
    clustering,
    direction,
    energy,
    profile,
    shape,
    timing,
)
from pointcalo.validation.observables.observable import Observable

OBSERVABLES: tuple[Observable, ...] = (
    *energy.OBSERVABLES,
    *profile.OBSERVABLES,
    *shape.OBSERVABLES,
    *direction.OBSERVABLES,
    *timing.OBSERVABLES,
    *clustering.OBSERVABLES,
)
"""What is looked at, in the order of the report."""

__all__ = ["OBSERVABLES", "Observable"]
