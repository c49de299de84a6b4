"""Where and when the deposits of a batch of showers are, and how much energy each has."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.showers import Incident, ShowerFrame, Showers, ptr_from_counts
from pointcalo.showers.noise import Noise
from pointcalo.simulation import streams
from pointcalo.simulation.deposits import CORE, TRACK, DepositEnergy
from pointcalo.simulation.sources import CHANNELS, Sources
from pointcalo.simulation.stack import Stack
from pointcalo.units import SPEED_OF_LIGHT

FARTHEST = 20.0  # Moliere radii; r / (1 + r / farthest) is what is left of a radius r
LEVER = 3.4  # X0, median distance from the point where a deposit's particle left the axis
LEVER_SPREAD = 1.1  # of its logarithm
SCATTER = 0.25  # mean extra path per mm from the axis
STRAY_SHARE = 0.07  # of the deposits off the core, by photons that scatter far
STRAY_PATH = 70.0  # mm, their mean extra path
NEUTRON_DELAY = 8.0  # ns, mean of the late deposits of hadronic showers


@dataclass(frozen=True)
class Addresses:
    """Which part of which shower each of D deposits belongs to, all [D] int64.

    Args:
        shower: index in the batch.
        source: index in the sources.
        layer: index in the stack.
        channel: channel of the source.
        place: index of (source, layer, channel), flat.
        number: number of the deposit in its shower.
    """

    shower: Tensor
    source: Tensor
    layer: Tensor
    channel: Tensor
    place: Tensor
    number: Tensor

    @classmethod
    def of(cls, sources: Sources, num_showers: int) -> "Addresses":
        """Write every counted deposit out; sources are sorted by shower."""
        num_layers = sources.count.shape[1]
        place = torch.repeat_interleave(sources.count.flatten())
        source = torch.div(place, CHANNELS * num_layers, rounding_mode="floor")
        layer = torch.div(place, CHANNELS, rounding_mode="floor") - source * num_layers
        shower = sources.shower[source]
        ptr = ptr_from_counts(torch.bincount(shower, minlength=num_showers))
        number = torch.arange(len(shower)) - ptr[shower]
        return cls(shower, source, layer, place % CHANNELS, place, number)

    def uniform(self, noise: Noise, *chosen: int) -> Tensor:
        """A uniform number a deposit and stream, [len(chosen), D] float32."""
        return torch.stack([noise.uniform(self.shower, self.number, s) for s in chosen])


def place_deposits(
    sources: Sources,
    incident: Incident,
    layer_z: Tensor,
    stack: Stack,
    deposit: DepositEnergy,
    noise: Noise,
) -> Showers:
    """Draw energy, place and time of every deposit.

    Args:
        sources: parts of the showers, sorted by shower.
        incident: the S particles.
        layer_z: depth of all layers of the geometry, mm, [L].
        stack: the layers that the particles cross.
        deposit: energies of deposits in these.
        noise: random numbers of the S showers.

    Returns:
        Showers whose points are deposits (no cells).
    """
    at = Addresses.of(sources, len(incident))
    cosine = incident.direction[:, 2].abs()[at.shower]
    kind = sources.kind[at.source, at.channel]
    uniform = at.uniform(noise, streams.SOFT, streams.COSINE, streams.LOSS)
    energy = deposit.draw(kind, at.layer, cosine, uniform)
    along = stack.z.abs().float()[at.layer] / cosine
    uv = _offset(at, sources, stack, along, noise)
    distance = along + uv[:, 0] * (1 - cosine**2).clamp(min=0).sqrt() / cosine
    lever = LEVER * stack.medium.radiation_length.float()[at.layer]
    time = _flight_time(at, distance, uv.norm(dim=1), lever, kind, noise)
    time = time + _neutron_delay(at, sources, noise)
    uv[:, 0] /= cosine  # across the axis to within the layer
    layer = stack.layer[at.layer]
    xy = ShowerFrame(incident, layer_z).from_frame(uv, layer, at.shower)
    return Showers(
        points=torch.cat([xy, torch.stack([energy, time], dim=1)], dim=1),
        layer=layer,
        ptr=ptr_from_counts(torch.bincount(at.shower, minlength=len(incident))),
        incident=incident,
    )


def _offset(at: Addresses, sources: Sources, stack: Stack, along: Tensor, noise: Noise) -> Tensor:
    """Offset from the axis across it (along the tilt, beside it), mm, [D, 2].

    Radii have the density 2 r R^2 / (r^2 + R^2)^2 (hep-ex/0001020, section 4), bent at far radii,
    where the energy falls faster than this power.
    """
    u, v = at.uniform(noise, streams.RADIUS, streams.ANGLE)
    r = sources.scale.float().flatten()[at.place] * (u / (1 - u)).sqrt()
    r = r / (1 + r / (FARTHEST * stack.medium.moliere.float()[at.layer]))
    angle = 2 * math.pi * v
    flown = (along - sources.start.float()[at.source]).clamp(min=0)
    slope = sources.slope.float()[at.source] * flown[:, None]
    return torch.stack([r * angle.cos(), r * angle.sin()], dim=1) + slope


def _flight_time(
    at: Addresses, distance: Tensor, r: Tensor, lever: Tensor, kind: Tensor, noise: Noise
) -> Tensor:
    """Time in ns of deposits at this distance along the axis and r from it, in mm.

    The particle leaves the axis a lever arm (log-normal, this median in mm) before and flies
    straight to the deposit;
    scattering makes the path longer by an exponential number, and a few photons stray further.
    """
    u, v, w = at.uniform(noise, streams.LEVER, streams.SCATTER, streams.STRAY)
    normal = math.sqrt(2) * torch.erfinv(2 * u - 1)
    leave = (distance - lever * (LEVER_SPREAD * normal).exp()).clamp(min=0)
    straight = leave + ((distance - leave) ** 2 + r**2).sqrt()
    stray = _late(w, torch.where((kind == CORE) | (kind == TRACK), 0.0, STRAY_SHARE))
    return (straight - v.log() * SCATTER * r + STRAY_PATH * stray) / SPEED_OF_LIGHT


def _neutron_delay(at: Addresses, sources: Sources, noise: Noise) -> Tensor:
    share = sources.late.float()[at.source]
    return NEUTRON_DELAY * _late(at.uniform(noise, streams.NEUTRON)[0], share)


def _late(uniform: Tensor, share: Tensor) -> Tensor:
    """Exponential number of mean 1 for a share of the deposits, 0 for the others."""
    return torch.where(uniform < share, -(uniform / share.clamp(min=1e-9)).log(), 0.0)
