"""Pion showers: track, first interaction, electromagnetic and hadronic part.

After Grindhammer, Rudowicz and Peters, NIM A290 (1990) 469, in this order:

- the first inelastic interaction comes after an exponential depth of mean lambda_I; before it the
  pion leaves the track of a minimum-ionising particle;
- a fluctuating share of the energy goes to neutral pions, of mean
  f = 1 - (E / E_0)^(k - 1), E_0 = 1 GeV, k = 0.82 (Groom, NIM A572 (2007) 633), partly at the first
  interaction, partly deeper; they start electromagnetic showers at a small angle to the axis;
- the rest is a gamma distribution in interaction lengths, a = 0.62 + 0.32 ln E,
  b = 0.91 - 0.02 ln E, E in GeV (Bock, Hansl-Kozanecka and Shah, NIM 186 (1981) 533), wider than an
  electromagnetic shower and more so deeper, with a late share from neutrons.

The lateral width, the fluctuation of f, the response and the late share are plain choices named
below; no hadronic sample was at hand to set them.
"""

import math

import torch
from torch import Tensor

from pointcalo.showers import Incident
from pointcalo.showers.noise import Noise
from pointcalo.simulation import streams
from pointcalo.simulation.deposits import HADRONIC, TRACK, DepositEnergy
from pointcalo.simulation.electromagnetic import conversion_depth
from pointcalo.simulation.sources import (
    CHANNELS,
    Sources,
    SubShowers,
    draw_counts,
    single_channel,
)
from pointcalo.simulation.stack import Stack
from pointcalo.units import GeV

NEUTRAL_SCALE_GEV = 1.0
NEUTRAL_POWER = 0.82
NEUTRAL_SPREAD = 0.8  # of the logit of the electromagnetic share
HADRON_TO_MIP = 0.6  # visible energy of the hadronic part over that of MIPs
WIDTH_START, WIDTH_GROWTH, WIDTH_LARGEST = 0.06, 0.10, 0.4  # interaction lengths
LATE_SHARE = 0.1
KICK_GEV = 0.35  # mean transverse momentum of a neutral pion
LATER_DEPTH = 0.7  # interaction lengths, mean depth of the later neutral pions
NEUTRALS = 3  # neutral-pion systems a shower: the first at the first interaction


def pion_sources(
    incident: Incident,
    shower: Tensor,
    cosine: Tensor,
    stack: Stack,
    deposit: DepositEnergy,
    noise: Noise,
) -> tuple[SubShowers, Sources]:
    """Sub-showers of the electromagnetic part, and the hadronic part with the track.

    Args:
        incident: all S particles of the batch.
        shower: which of them are pions, [N] int64.
        cosine: of the axes to the layers' normal, [S] float64.
        stack: K layers.
        deposit: mean energies of deposits in these layers.
        noise: random numbers of the S showers.
    """
    zero = torch.zeros_like(shower)
    energy = incident.energy.double()[shower]
    start = -noise.uniform(shower, zero, streams.START).double().log()
    logit = torch.logit(neutral_fraction(energy).clamp(0.02, 0.98))
    spread = NEUTRAL_SPREAD * noise.normal(shower, zero, streams.NEUTRAL_SHARE).double()
    neutral = torch.sigmoid(logit + spread)
    sub = _neutral_pions(shower, energy * neutral, start, cosine, stack, noise)
    parts = [
        _hadronic(shower, energy, 1 - neutral, start, cosine, stack, deposit, noise),
        _track(shower, energy, start, cosine, stack),
    ]
    return sub, Sources.cat(parts)


def neutral_fraction(energy: Tensor) -> Tensor:
    """Mean share of the energy (MeV) that goes to neutral pions."""
    ratio = energy / (NEUTRAL_SCALE_GEV * GeV)
    return 1 - ratio.clamp(min=1) ** (NEUTRAL_POWER - 1)


def _neutral_pions(
    shower: Tensor, energy: Tensor, start: Tensor, cosine: Tensor, stack: Stack, noise: Noise
) -> SubShowers:
    """Photons of the neutral pions: NEUTRALS systems of two each."""
    size = 2 * NEUTRALS
    owner = shower.repeat_interleave(size)
    number = torch.arange(size).repeat(len(shower))
    system = torch.div(number, 2, rounding_mode="floor")

    def uniform(counter: Tensor, stream: int) -> Tensor:
        return noise.uniform(owner, counter, stream).double()

    weight = -uniform(number, streams.PHOTON_SHARE).log().reshape(len(shower), size)
    share = (weight / weight.sum(1, keepdim=True)).flatten()
    later = torch.where(system > 0, -uniform(system, streams.LATER_DEPTH).log() * LATER_DEPTH, 0.0)
    depth = _interaction_to_radiation(start.repeat_interleave(size) + later, cosine[owner], stack)
    photon = energy.repeat_interleave(size) * share
    kick = KICK_GEV * GeV / photon.clamp(min=KICK_GEV * GeV)
    tangent = (-uniform(number, streams.KICK).log() * kick).clamp(max=0.5)
    angle = 2 * math.pi * uniform(number, streams.KICK_ANGLE)
    return SubShowers(
        shower=owner,
        number=number,
        energy=photon,
        depth=depth + conversion_depth(uniform(number, streams.CONVERSION)),
        slope=torch.stack([tangent * angle.cos(), tangent * angle.sin()], dim=1),
    )


def _interaction_to_radiation(depth: Tensor, cosine: Tensor, stack: Stack) -> Tensor:
    """Depth along the axis in interaction lengths to radiation lengths."""
    return stack.radiation_depth(depth * cosine) / cosine


def _hadronic(
    shower: Tensor,
    energy: Tensor,
    share: Tensor,
    start: Tensor,
    cosine: Tensor,
    stack: Stack,
    deposit: DepositEnergy,
    noise: Noise,
) -> Sources:
    """The charged and nuclear part: gamma distribution in interaction lengths."""
    along = cosine[shower][:, None, None]
    log_E = (energy / GeV).clamp(min=1).log()[:, None, None]
    edges = stack.interaction / along - start[:, None, None]
    scaled = (0.91 - 0.02 * log_E) * edges.clamp(min=0)
    integral = torch.special.gammainc((0.62 + 0.32 * log_E).expand_as(scaled), scaled)
    loss = (energy * share)[:, None] * integral.diff(dim=-1)[..., 0]
    expected = loss * stack.visible_interaction * HADRON_TO_MIP / deposit.mean[HADRONIC]
    width = WIDTH_START + WIDTH_GROWTH * edges.mean(dim=-1).clamp(min=0)
    scale = width.clamp(max=WIDTH_LARGEST) * stack.medium.interaction_length
    return Sources(
        shower=shower,
        kind=torch.tensor(HADRONIC).expand(len(shower), CHANNELS),
        count=draw_counts(
            single_channel(expected), shower, torch.zeros_like(shower), noise, streams.HADRONIC
        ),
        scale=single_channel(scale),
        start=torch.zeros_like(energy),
        slope=energy.new_zeros(len(shower), 2),
        late=torch.full_like(energy, LATE_SHARE),
        behind=energy * share * (1 - integral[:, -1, 1]),
    )


def _track(shower: Tensor, energy: Tensor, start: Tensor, cosine: Tensor, stack: Stack) -> Sources:
    """One crossing of every gap before the first interaction, or until the energy is lost."""
    along = cosine[shower][:, None]
    medium = stack.medium
    loss = stack.radiation[:, 1] * medium.radiation_length * medium.loss_per_mm
    before = (stack.interaction[:, 1] / along < start[:, None]) & (loss / along < energy[:, None])
    count = single_channel(torch.where(before, stack.gaps, 0))
    return Sources(
        shower=shower,
        kind=torch.tensor(TRACK).expand(len(shower), CHANNELS),
        count=count,
        scale=torch.zeros_like(count, dtype=torch.float64),
        start=torch.zeros_like(start),
        slope=start.new_zeros(len(shower), 2),
        late=torch.zeros_like(start),
        behind=torch.zeros_like(start),
    )
