"""Comparisons of showers of one range of incident energies or angles each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from pointcalo.showers import Incident
from pointcalo.units import GeV, degree
from pointcalo.validation.compare import MIN_SHOWERS, Comparison
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Estimate, Metric, Pair
from pointcalo.validation.metrics.binning import equal_bins
from pointcalo.validation.metrics.estimate import TOO_FEW
from pointcalo.validation.samples import Floor

SHOWER_OBSERVABLES = ("response", "hits", "centre_u", "centre_depth")
NAMES = (
    "response_bias",
    "response_spread",
    "hits_bias",
    "hits_spread",
    *(f"wasserstein_{name}" for name in SHOWER_OBSERVABLES),
    *(f"separation_{name}" for name in SHOWER_OBSERVABLES),
)
FEW_ENERGIES = 12
ROUNDING = 1e-7
"""Relative: energies are kept in float32."""


@dataclass(frozen=True, eq=False)
class Slice:
    """Showers of one range of incident energies or angles.

    Attributes:
        kind: "energy" or "angle" (to the layers' normal).
        label: For people, with its unit.
        low: Least energy in MeV, or angle in rad.
        high: What they are below.
        numbers: The showers of the reference in it, [n] int64.
    """

    kind: str
    label: str
    low: float
    high: float
    numbers: Tensor

    def of(self, incident: Incident) -> Tensor:
        """Numbers of the showers of any sample that lie in it, [n] int64."""
        return _within(_quantity(self.kind, incident), self.low, self.high)


@dataclass(frozen=True)
class SliceComparison:
    """A slice of the reference, compared with the same slice of a generated sample.

    Attributes:
        slice: Which showers.
        comparisons: Some metrics by name, with the floor of the same slice; status "too few" where
            a sample has fewer than 20 showers in it.
    """

    slice: Slice
    comparisons: Mapping[str, Comparison]


def energy_slices(incident: Incident, number: int) -> list[Slice]:
    """Up to `number` ranges of incident energy with equal numbers of showers, rising."""
    return _equal_slices("energy", incident, number)


def angle_slices(incident: Incident, number: int) -> list[Slice]:
    """Up to `number` ranges of the angle to the layers' normal with equal numbers, rising."""
    return _equal_slices("angle", incident, number)


def fixed_energies(incident: Incident, energies_GeV: Sequence[float], window: float) -> list[Slice]:
    """Showers of or near certain incident energies.

    Args:
        incident: Incident particles of the reference.
        energies_GeV: The energies.
        window: Largest relative distance from them that counts.

    Raises:
        ValueError: An energy has fewer than 20 showers; says which energies there are.
    """
    slices = []
    for energy_GeV in energies_GeV:
        low, high = _window(energy_GeV, window)
        found = _slice("energy", incident, low, high, f"{energy_GeV:g} GeV")
        if len(found.numbers) < MIN_SHOWERS:
            raise ValueError(
                f"energy_GeV: {energy_GeV:g} has {len(found.numbers)} showers within "
                f"{100 * window:g} %, expected at least {MIN_SHOWERS}; {_energies(incident)}"
            )
        slices.append(found)
    return slices


def near_energies(incident: Incident, energies_GeV: Sequence[float], window: float) -> Tensor:
    """Whether each particle has one of some energies within a relative window, [S] bool."""
    near = torch.zeros(len(incident), dtype=torch.bool)
    for energy_GeV in energies_GeV:
        near[_within(_quantity("energy", incident), *_window(energy_GeV, window))] = True
    return near


def _window(energy_GeV: float, window: float) -> tuple[float, float]:
    """Energies in MeV about one, the ends of the window included."""
    energy = energy_GeV * GeV
    return energy * (1 - window - ROUNDING), energy * (1 + window + ROUNDING)


def compare_slices(
    reference: Measurement,
    generated: Measurement,
    floor: Floor,
    slices: Sequence[Slice],
    *,
    seed: int = 1,
) -> list[SliceComparison]:
    """Means, spreads and a few distances in each slice, with the floor of the same slice.

    Args:
        reference: Showers to compare with, those that the slices were made of.
        generated: The sample to judge.
        floor: Two samples of the reference kind.
        slices: Which showers.
        seed: Of the bootstrap samples.
    """
    metrics = [metric for metric in METRICS if metric.name in NAMES]
    found = []
    for part in slices:
        pair = Pair(reference[part.numbers], generated[part.of(generated.incident)], seed)
        sides = (side[part.of(side.incident)] for side in (floor.reference, floor.other))
        chance = Pair(*sides, seed)
        comparisons = {
            metric.name: Comparison(metric, _compare(metric, pair), _compare(metric, chance))
            for metric in metrics
        }
        found.append(SliceComparison(part, comparisons))
    return found


def _compare(metric: Metric, pair: Pair) -> Estimate:
    if pair.n < MIN_SHOWERS:
        return Estimate.missing(pair.n, TOO_FEW)
    return metric(pair)


def _equal_slices(kind: str, incident: Incident, number: int) -> list[Slice]:
    quantity = _quantity(kind, incident)
    return [
        _slice(kind, incident, low, high, _label(kind, quantity, low, high))
        for low, high in pairwise(equal_bins(quantity, number).tolist())
    ]


def _slice(kind: str, incident: Incident, low: float, high: float, label: str) -> Slice:
    return Slice(kind, label, low, high, _within(_quantity(kind, incident), low, high))


def _within(quantity: Tensor, low: float, high: float) -> Tensor:
    return ((quantity >= low) & (quantity < high)).nonzero()[:, 0]


def _quantity(kind: str, incident: Incident) -> Tensor:
    """Energy in MeV or angle to the normal in rad, [S] float64."""
    if kind == "energy":
        return incident.energy.double()
    direction = incident.direction.double()
    return torch.atan2(direction[:, :2].norm(dim=1), direction[:, 2].abs())


def _label(kind: str, quantity: Tensor, low: float, high: float) -> str:
    """The range in words, or the only value in it."""
    unit, word = (GeV, "GeV") if kind == "energy" else (degree, "degrees")
    ends = [low, high] if quantity[_within(quantity, low, high)].max() > low else [low]
    return "-".join(f"{end / unit:.3g}" for end in ends) + f" {word}"


def _energies(incident: Incident) -> str:
    """Which incident energies there are, for people."""
    energy = (incident.energy.double() / GeV).unique()
    if len(energy) > FEW_ENERGIES:
        return f"the showers have {energy[0]:.4g} to {energy[-1]:.4g} GeV"
    return "the showers have " + ", ".join(f"{e:.4g}" for e in energy.tolist()) + " GeV"
