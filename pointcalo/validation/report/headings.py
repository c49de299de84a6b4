"""Under which heading the page shows an observable."""

from pointcalo.validation.observables import (
    OBSERVABLES,
    Observable,
    clustering,
    direction,
    energy,
    profile,
    shape,
    timing,
)

HEADINGS: dict[str, tuple[Observable, ...]] = {
    "Energies and numbers of hits": energy.OBSERVABLES,
    "Profiles and centres": profile.OBSERVABLES,
    "Widths and shapes": shape.OBSERVABLES,
    "Direction": direction.OBSERVABLES,
    "Times": timing.OBSERVABLES,
    "Neighbours and clusters": clustering.OBSERVABLES,
}
"""Observables by heading, in the order of the page."""


def headed() -> dict[str, list[Observable]]:
    """All observables by heading; those that stand under none come last."""
    listed = {observable.name for group in HEADINGS.values() for observable in group}
    others = [observable for observable in OBSERVABLES if observable.name not in listed]
    by_heading = {heading: list(group) for heading, group in HEADINGS.items()}
    return by_heading | ({"Others": others} if others else {})
