"""Direction of the shower by principal components, less that of the incident particle."""

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import NEW_ANGLES, Observable
from pointcalo.validation.values import Values

MIN_HITS = 3
MIN_LAYERS = 2
LEAST_GAP = 1e-9
"""Of the two largest eigenvalues, over the largest: below it no axis is the principal one."""


def angle_along(hits: Hits) -> Values:
    """Angle in the plane of tilt and depth, reconstructed less true."""
    axis, truth = principal_axis(hits), true_axis(hits)
    return Values.of_showers(_polar(axis) - _polar(truth))


def angle_across(hits: Hits) -> Values:
    """Angle out of the plane of tilt and depth, in which the incident particle flies."""
    axis = principal_axis(hits)
    return Values.of_showers(torch.atan2(axis[:, 1], axis[:, ::2].norm(dim=1)))


def opening_angle(hits: Hits) -> Values:
    """Angle between the reconstructed and the true direction."""
    return Values.of_showers(angle_between(principal_axis(hits), true_axis(hits)))


def angle_between(first: Tensor, second: Tensor) -> Tensor:
    """Angles [S] in rad between vectors [S, 3] of any length."""
    sine = torch.linalg.cross(first, second).norm(dim=1)
    return torch.atan2(sine, (first * second).sum(1))


def principal_axis(hits: Hits) -> Tensor:
    """Unit vector of the first principal component of the hits, weighted with their energies.

    Components along the tilt, across it and in depth, [S, 3]; it points the way of the incident
    particle. NaN for fewer than 3 hits or 2 layers, and where no axis is the longest.
    """
    # The covariances are those of coordinates about the inclined axis: u = x - z tan(angle).
    truth = true_axis(hits)
    upright = torch.eye(3, dtype=torch.float64).repeat(hits.num_showers, 1, 1)
    upright[:, 0, 2] = truth[:, 0] / truth[:, 2]
    covariance = upright @ hits.covariance.nan_to_num(0.0) @ upright.transpose(1, 2)
    spread, axes = torch.linalg.eigh(covariance)
    axis = axes[:, :, 2]
    axis = torch.where(axis[:, 2:] * truth[:, 2:] < 0, -axis, axis)
    enough = (hits.number >= MIN_HITS) & ((hits.layers.number > 0).sum(1) >= MIN_LAYERS)
    defined = enough & (spread[:, 2] - spread[:, 1] > LEAST_GAP * spread[:, 2])
    return torch.where(defined[:, None], axis, torch.nan)


def true_axis(hits: Hits) -> Tensor:
    """Direction of the incident particle along its tilt, across it and in depth, [S, 3]."""
    direction = hits.incident.direction.double()
    sine = direction[:, :2].norm(dim=1)
    return torch.stack([sine, torch.zeros_like(sine), direction[:, 2]], dim=1)


def _polar(axis: Tensor) -> Tensor:
    return torch.atan2(axis[:, 0], axis[:, 2].abs())


OBSERVABLES = (
    Observable(
        "angle_along",
        "Reconstructed less true angle, along the tilt",
        "rad",
        "angle in the plane of tilt and depth of the energy-weighted principal axis of the hits, "
        "less that of the incident particle: its mean is the bias, its spread the resolution",
        NEW_ANGLES,
        angle_along,
    ),
    Observable(
        "angle_across",
        "Reconstructed less true angle, across the tilt",
        "rad",
        "angle of the energy-weighted principal axis of the hits out of the plane of tilt and "
        "depth, in which the incident particle flies",
        NEW_ANGLES,
        angle_across,
    ),
    Observable(
        "opening_angle",
        "Angle between reconstructed and true direction",
        "rad",
        "angle between the energy-weighted principal axis of the hits and the incident particle",
        NEW_ANGLES,
        opening_angle,
    ),
)
