"""Whether showers follow the energy and the angle asked for, over the whole range and at its ends.

A generator that ignores what is asked for, or that stops following it where there was little to
learn from, can still have the right distributions: so means are compared in bins of what was asked
for. The first and the last 5 % of the range are bins of their own.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair

EDGE = 0.05
INNER_BINS = 8
MIN_SHOWERS = 200
"""Ten in each of the bins at the ends."""
CHANCE = 0.05
"""Probability that any bin of alike samples differs by more than is taken off."""

Numbers = NDArray[np.float64]


def conditioning_energy(pair: Pair) -> Estimate:
    """Largest relative deviation of the mean visible energy in any bin of the incident energy.

    In each bin the response (sum of visible over sum of incident energies) over that of the
    reference, less 1; see `largest_beyond_chance`. Catches a generator that ignores the energy,
    that saturates, or whose response bends. Status "too few" below 200 showers.
    """
    sides = (pair.reference, pair.generated)
    energy = [side.incident.energy.double().numpy() for side in sides]
    visible = [
        side.features["response"].numpy() * asked for side, asked in zip(sides, energy, strict=True)
    ]
    first, second = _binned_means(pair, energy, visible, energy)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _stated(pair, second / first - 1)


def conditioning_angle(pair: Pair) -> Estimate:
    """Largest deviation of the mean reconstructed angle in any bin of the incident angle, rad.

    The angle is that of a line through the centres of the front, middle and rear third, in the
    plane of the axis, less the angle asked for; in each bin its mean less that of the reference;
    see `largest_beyond_chance`. Catches a generator that ignores the polar angle or the azimuth,
    whose showers wander off the axis with depth. Status "too few" below 200 showers.
    """
    sides = (pair.reference, pair.generated)
    slope = [side.features["incident_slope"].numpy() for side in sides]
    deviation = [angle_deviation(side) for side in sides]
    known = [np.isfinite(values).astype(float) for values in deviation]
    deviation = [np.nan_to_num(values) for values in deviation]
    first, second = _binned_means(pair, slope, deviation, known)
    return _stated(pair, second - first)


def angle_deviation(side: Measurement) -> Numbers:
    """Reconstructed angle to the normal less the one asked for, in rad, [S]; NaN if undefined.

    A line u = a + b z through the energy-weighted centres of the thirds of the layers, weighted
    with their energy, about the axis asked for, whose tangent is t: atan(t + b) - atan(t).
    """
    energy = side.layers("layer_energy").nan_to_num(0.0)
    third = torch.arange(energy.shape[1]) * 3 // energy.shape[1]
    member = torch.nn.functional.one_hot(third, 3).double()
    weight = energy @ member
    depth = (energy * side.geometry.layer_z.double()) @ member / weight
    u = torch.stack([side.features[f"third_{k}_u_mm"] for k in range(3)], dim=1)
    there = (weight > 0) & u.isfinite()
    weight, depth, u = (torch.where(there, x, 0.0) for x in (weight, depth, u))
    total = weight.sum(1, keepdim=True)
    depth = depth - (weight * depth).sum(1, keepdim=True) / total
    along = (weight * depth * u).sum(1) / (weight * depth**2).sum(1)
    slope = side.features["incident_slope"]
    deviation = torch.atan(slope + along) - torch.atan(slope)
    return torch.where(there.sum(1) > 1, deviation, torch.nan).numpy()


def largest_beyond_chance(deviations: Numbers) -> Numbers:
    """Largest |deviation| over the bins beyond what chance does in any of them, [R + 1].

    From each |deviation| z standard errors are taken off, at most all of it, with z such that
    chance alone exceeds it in any of the B bins with a probability of 5 %: z = 2.8 for B = 10.

    Args:
        deviations: Of each bin, of the samples and then of bootstrap samples, [R + 1, B]; NaN
            where a bin is empty.
    """
    known = np.isfinite(deviations).all(axis=0)
    if not known.any():
        return np.full(len(deviations), np.nan)
    deviations = deviations[:, known]
    z = norm.ppf(1 - CHANCE / (2 * deviations.shape[1]))
    beyond = np.abs(deviations) - z * deviations[1:].std(axis=0, ddof=1)
    return beyond.clip(min=0).max(axis=1)


def _binned_means(
    pair: Pair, asked: list[Numbers], value: list[Numbers], weight: list[Numbers]
) -> list[Numbers]:
    """Sum of values over sum of weights in bins of what was asked for, [R + 1, B] each side."""
    edges = np.unique(np.quantile(asked[0], np.linspace(EDGE, 1 - EDGE, INNER_BINS + 1)))
    means = []
    for side, counts in enumerate(pair.resampling.counts):
        bins = np.searchsorted(edges, asked[side], side="right")
        member = np.eye(len(edges) + 1)[bins]
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = [counts @ (member * x[side][:, None]) for x in (value, weight)]
            means.append(sums[0] / sums[1])
    return means


def _stated(pair: Pair, deviations: Numbers) -> Estimate:
    return pair.resampling.estimate(largest_beyond_chance(deviations)).needing(MIN_SHOWERS)


METRICS = (
    Metric(
        "conditioning_energy",
        "Response over the range of energies",
        "1",
        "largest relative deviation of the mean visible energy in any of 10 bins of the incident "
        "energy, beyond what chance does",
        "this package",
        conditioning_energy,
        group="sanity",
    ),
    Metric(
        "conditioning_angle",
        "Direction over the range of angles",
        "rad",
        "largest deviation of the mean reconstructed angle in any of 10 bins of the incident "
        "angle, beyond what chance does",
        "this package",
        conditioning_angle,
        group="sanity",
    ),
)
