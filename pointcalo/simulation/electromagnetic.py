"""Electromagnetic sub-showers after Grindhammer and Peters (hep-ex/0001020).

A sub-shower is what one electron or positron makes from a given depth on. Its energy per depth is
a gamma distribution whose (ln T, ln alpha) fluctuate together; its energy per radius r (in Moliere
radii, across the axis) is a core and a tail,

    f(t) = beta (beta t)^(alpha-1) exp(-beta t) / Gamma(alpha),   beta = (alpha - 1) / T
    f(r) = p 2 r R_C^2 / (r^2 + R_C^2)^2 + (1 - p) 2 r R_T^2 / (r^2 + R_T^2)^2

with t in radiation lengths, y = E / E_c, and the sampling corrections of the paper's appendix in
F_S (radiation length over the thickness of one sampling layer) and e_hat (signal of an electron
over that of a minimum-ionising particle). Two of these corrections are left out, those in 1 / F_S
of T and of R_T: they were fitted on thicker active layers, and with them showers in thin silicon
are half a radiation length too short and too narrow before the maximum. The means of T and alpha
and their widths have a factor of ours each, set on Geant4 (docs/simulation.md).
Below about 0.3 GeV the fits are not defined; the bounds named here keep them finite.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.simulation.stack import Medium
from pointcalo.units import GeV

SMALLEST_MAXIMUM = 0.4  # X0; keeps sub-showers of some MeV finite
SMALLEST_SHAPE = 1.15
LARGEST_SPREAD = 0.5
SMALLEST_RADIUS = 0.02  # Moliere radii
NARROWER = 1.18  # factor of the mean of alpha: thin gaps see a shorter shower than all its energy
DEEPER = 0.084  # X0 by which T grows faster with ln y, from ln y = 3.7 on
DEEPER_FROM = 3.7
MORE_VARIED = 1.22  # factor of the widths of ln T and ln alpha
LARGEST_TAU = 5.0  # of the radial profile, whose tail grows exponentially


@dataclass(frozen=True)
class Profile:
    """Gamma distribution of the energy along the axis, one a sub-shower.

    Args:
        alpha: shape, [C].
        beta: scale, 1 / X0, [C].
        scaled_depth: tau of the radial profile per radiation length, [C].
    """

    alpha: Tensor
    beta: Tensor
    scaled_depth: Tensor

    def integral(self, depth: Tensor) -> Tensor:
        """Share of the energy before a depth in X0 from the start; [C, ...] to [C, ...]."""
        shape = (-1,) + (1,) * (depth.dim() - 1)
        scaled = (self.beta.reshape(shape) * depth).clamp(min=0)
        return torch.special.gammainc(self.alpha.reshape(shape).expand_as(scaled), scaled)


def longitudinal(energy: Tensor, medium: Medium, normal: Tensor) -> Profile:
    """Draw the longitudinal profile of each sub-shower.

    Args:
        energy: MeV, [C].
        medium: the material about the start of each sub-shower, C of them.
        normal: two standard normal numbers a sub-shower, [C, 2].

    Source: hep-ex/0001020, appendix A.1.2 (homogeneous) and A.2.2 (sampling).
    """
    log_y = (energy / medium.critical_energy).clamp(min=1).log()
    layer = 1 / medium.sampling_frequency
    homogeneous_T = log_y - 0.812
    homogeneous_alpha = 0.81 + (0.458 + 2.26 / medium.atomic_number) * log_y
    mean_T = homogeneous_T - 0.69 * (1 - medium.e_hat) + DEEPER * (log_y - DEEPER_FROM)
    mean_alpha = NARROWER * (homogeneous_alpha - 0.476 * layer)
    mean_T = mean_T.clamp(min=SMALLEST_MAXIMUM)
    mean_alpha = mean_alpha.clamp(min=SMALLEST_SHAPE)
    sigma_T = MORE_VARIED * _spread(-2.5 + 1.25 * log_y)
    sigma_alpha = MORE_VARIED * _spread(-0.82 + 0.79 * log_y)
    correlation = 0.784 - 0.023 * log_y
    plus = ((1 + correlation) / 2).sqrt() * normal[:, 0]
    minus = ((1 - correlation) / 2).sqrt() * normal[:, 1]
    T = (mean_T * (sigma_T * (plus + minus)).exp()).clamp(min=SMALLEST_MAXIMUM)
    alpha = (mean_alpha * (sigma_alpha * (plus - minus)).exp()).clamp(min=SMALLEST_SHAPE)
    beta = (alpha - 1) / T
    return Profile(alpha, beta, beta / alpha * mean_alpha / (mean_alpha - 1))


def _spread(inverse: Tensor) -> Tensor:
    return 1 / inverse.clamp(min=1 / LARGEST_SPREAD)


def radial(energy: Tensor, tau: Tensor, medium: Medium) -> tuple[Tensor, Tensor, Tensor]:
    """Radial profile at the scaled depth tau.

    Args:
        energy: MeV, [C].
        tau: depth over that of the mean maximum, [C, L].
        medium: the material about the start of each sub-shower, C of them.

    Returns:
        (R_C, R_T, p), each [C, L]: core and tail radius in Moliere radii, share of the core.

    Source: hep-ex/0001020, appendix A.1.3 (homogeneous) and A.2.3 (sampling).
    """
    tau = tau.clamp(max=LARGEST_TAU)
    log_E = (energy / GeV).clamp(min=0.1).log()[:, None]
    Z = medium.atomic_number[:, None]
    layer = 1 / medium.sampling_frequency[:, None]
    lost = 1 - medium.e_hat[:, None]
    core = 0.0251 + 0.00319 * log_E + (0.1162 - 0.000381 * Z) * tau
    core = core - 0.0203 * lost + 0.0397 * layer * (-tau).exp()
    tail = (-2.59 * (tau - 0.645)).exp() + ((0.3585 + 0.0421 * log_E) * (tau - 0.645)).exp()
    tail = (0.659 - 0.00309 * Z) * tail - 0.14 * lost
    x = (0.401 + 0.00187 * Z - tau) / (1.313 - 0.0686 * log_E)
    share = (2.632 - 0.00094 * Z) * (x - x.exp()).exp()
    share = share + lost * (0.348 - 0.642 * layer * (-((tau - 1) ** 2)).exp())
    core = core.clamp(min=SMALLEST_RADIUS)
    return core, torch.maximum(tail, core), share.clamp(0, 1)


def conversion_depth(uniform: Tensor) -> Tensor:
    """Depth in X0 at which photons convert: exponential with mean 9/7 (pair production)."""
    return -9 / 7 * uniform.log()


def pair_share(uniform: Tensor) -> Tensor:
    """Share of the photon's energy that the electron of the pair takes.

    Inverse of the density (9/7)(1 - 4/3 x (1 - x)), complete screening (Tsai 1974), written as
    6/7 of a uniform number and 1/7 of a density 3 (1 - 2x)^2.
    """
    rest = (uniform * 7 - 6) * 2 - 1
    edge = (1 - rest.sign() * rest.abs() ** (1 / 3)) / 2
    return torch.where(uniform < 6 / 7, uniform * (7 / 6), edge).clamp(1e-3, 1 - 1e-3)
