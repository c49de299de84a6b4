"""Parts of showers that leave deposits: what each leaves in each layer and how wide."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pointcalo.showers.noise import Noise
from pointcalo.simulation import streams
from pointcalo.simulation.deposits import CORE, TAIL, TRACK, DepositEnergy, poisson
from pointcalo.simulation.electromagnetic import longitudinal, radial
from pointcalo.simulation.stack import Stack

CHANNELS = 4  # groups of deposits that a part leaves in a layer, each with its kind and width
WIDER = 1.35
"""Radii in thin active layers over those of all the energy (set on three Geant4 stacks): the slow
particles that a gap counts stray further than the energy lost in the absorber, the more so the
thinner it is; this is the ratio in 0.4 mm of silicon."""
BACK_RADIUS = 2.0  # Moliere radii, of the energy that comes back towards the face
FIRST_TRACK = 0.4
"""X0, how far an electron goes as a single track: it ionises before the profile rises. At most as
far as its energy goes at one critical energy per X0."""


@dataclass(frozen=True)
class Sources:
    """C parts of showers, in K layers, each with W = CHANNELS groups of deposits.

    Args:
        shower: index of the shower in the batch, [C] int64.
        kind: rows of KINDS, [C, W] int64.
        count: number of deposits, [C, K, W] int64.
        scale: scale of their distances from the axis, mm, [C, K, W].
        start: distance along the axis where the part starts, mm, [C].
        slope: tangent of its angle to the axis, along the tilt and across, [C, 2].
        late: share of deposits by slow neutrons, [C].
        behind: energy beyond the last layer, MeV, [C].
    """

    shower: Tensor
    kind: Tensor
    count: Tensor
    scale: Tensor
    start: Tensor
    slope: Tensor
    late: Tensor
    behind: Tensor

    def __getitem__(self, index: Tensor) -> "Sources":
        return Sources(*(getattr(self, field.name)[index] for field in fields(self)))

    @staticmethod
    def cat(parts: list["Sources"]) -> "Sources":
        """Join, sorted by shower (the order of the parts of a shower is kept)."""
        names = [field.name for field in fields(Sources)]
        joined = Sources(*(torch.cat([getattr(p, name) for p in parts]) for name in names))
        return joined[torch.sort(joined.shower, stable=True).indices]


@dataclass(frozen=True)
class SubShowers:
    """C electromagnetic sub-showers.

    Args:
        shower: index of the shower in the batch, [C] int64.
        number: number of the sub-shower in its shower, [C] int64.
        energy: MeV, [C] float64.
        depth: where it starts, X0 along the axis, [C] float64.
        slope: tangent of its angle to the axis, [C, 2] float64.
    """

    shower: Tensor
    number: Tensor
    energy: Tensor
    depth: Tensor
    slope: Tensor


def electromagnetic_sources(
    sub: SubShowers, cosine: Tensor, stack: Stack, deposit: DepositEnergy, noise: Noise
) -> Sources:
    """Deposits of electromagnetic sub-showers.

    Args:
        sub: C sub-showers.
        cosine: of the axis of each shower to the layers' normal, [S] float64, > 0.
        stack: K layers.
        deposit: mean energies of deposits in these layers.
        noise: random numbers of the S showers.
    """
    along = cosine[sub.shower]
    place = stack.at(sub.depth * along)
    medium = stack.medium[place]
    normal = [noise.normal(sub.shower, sub.number, s) for s in (streams.MAXIMUM, streams.SHAPE)]
    profile = longitudinal(sub.energy, medium, torch.stack(normal, dim=1).double())
    edges = stack.radiation / along[:, None, None] - sub.depth[:, None, None]
    inside = profile.integral(edges)
    loss = sub.energy[:, None] * inside.diff(dim=-1)[..., 0]
    visible = loss * stack.visible_radiation * stack.medium.response
    tau = profile.scaled_depth[:, None] * edges.mean(dim=-1).clamp(min=0)
    core, tail, share = radial(sub.energy, tau, medium)
    parts = [visible * share, visible * (1 - share), visible @ stack.backscatter]
    kind = torch.tensor([CORE, TAIL, TAIL, TRACK])
    expected = torch.stack(parts, dim=-1) / deposit.mean[kind[:-1]].T
    length = (sub.energy / medium.critical_energy).clamp(max=FIRST_TRACK)
    track = first_track(edges, length, stack.gaps)
    expected = torch.cat([expected, track[..., None]], dim=-1)
    scale = torch.stack([core, tail, torch.full_like(core, BACK_RADIUS), core], dim=-1)
    moliere = stack.medium.moliere[:, None]
    return Sources(
        shower=sub.shower,
        kind=kind.expand(len(sub.shower), CHANNELS),
        count=draw_counts(expected, sub.shower, sub.number, noise, streams.COUNT),
        scale=scale * moliere * WIDER / deposit.soft.sqrt()[:, None],
        start=stack.distance(sub.depth * along) / along,
        slope=sub.slope,
        late=torch.zeros_like(sub.energy),
        behind=sub.energy * (1 - inside[:, -1, 1]),
    )


def first_track(edges: Tensor, length: Tensor, gaps: Tensor) -> Tensor:
    """Mean number of gaps that the electrons cross before they shower, [C, K].

    Args:
        edges: begin and end of each layer from the start of the electron on, X0, [C, K, 2].
        length: mean length of the track, X0, [C].
        gaps: in each layer, [K].
    """
    left = (-edges.clamp(min=0) / length[:, None, None]).exp()
    return -length[:, None] * gaps * left.diff(dim=-1)[..., 0] / edges.diff(dim=-1)[..., 0]


def draw_counts(
    expected: Tensor, shower: Tensor, number: Tensor, noise: Noise, stream: int
) -> Tensor:
    """Poisson numbers of deposits, [C, K, W] like `expected`."""
    size = expected.shape[1] * expected.shape[2]
    counter = number[:, None] * size + torch.arange(size)
    uniform = noise.uniform(shower.repeat_interleave(size), counter.flatten(), stream)
    return poisson(expected, uniform.double().reshape(expected.shape))


def single_channel(values: Tensor) -> Tensor:
    """Values [C, K] of the first channel, zero in the others, [C, K, W]."""
    return torch.nn.functional.pad(values[..., None], (0, CHANNELS - 1))
