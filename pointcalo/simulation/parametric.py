"""Parametric simulation of showers: particles in, showers on the cells of a geometry out.

A fast stand-in for a full simulation, made of published parametrisations; docs/simulation.md has
the formulas, their sources and how far the showers are from Geant4's. Shower n of a seed is the
same whatever batch it is simulated in.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import pointcalo
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import SIMULATION, Noise
from pointcalo.simulation import streams
from pointcalo.simulation.base import Simulation
from pointcalo.simulation.checks import check_incident
from pointcalo.simulation.deposits import DepositEnergy
from pointcalo.simulation.electromagnetic import conversion_depth, pair_share
from pointcalo.simulation.hadronic import pion_sources
from pointcalo.simulation.placement import place_deposits
from pointcalo.simulation.sources import Sources, SubShowers, electromagnetic_sources
from pointcalo.simulation.stack import Stack

PHOTON = 22
LIGHT = (PHOTON, 11, -11)
PIONS = (211, -211)


class ParametricSimulation(Simulation):
    """Simulates photons, electrons, positrons and charged pions in the materials of a geometry.

    Args:
        geometry: the detector.
        batch_deposits: showers are computed together up to about so many deposits (memory).

    Attributes:
        energy: of the particles simulated so far, MeV.
        behind: energy of their showers beyond the last layer, MeV.

    >>> from pointcalo.simulation import ParticleGun
    >>> simulation = ParametricSimulation(Geometry.load("toy"))
    >>> showers = simulation.simulate(ParticleGun(energy_GeV=10.0).draw(3, seed=1), seed=1)
    >>> len(showers), bool((showers.energy > 0).all())
    (3, True)
    """

    def __init__(self, geometry: Geometry, batch_deposits: int = 500_000) -> None:
        super().__init__(geometry)
        self.batch_deposits = batch_deposits
        self.stacks = {side: Stack.of(geometry, side) for side in (1, -1)}
        self.energies = {s: DepositEnergy(k) for s, k in self.stacks.items() if k is not None}
        self.energy = self.behind = 0.0

    @property
    def attributes(self) -> dict[str, Any]:
        """What a file of these showers says of them."""
        return {"source": f"pointcalo {pointcalo.__version__}, parametric simulation"}

    def stream(self, incident: Incident, seed: int, first: int = 0) -> Iterator[Showers]:
        """Deposits, as many showers at once as memory allows."""
        self._check(incident)
        for part in self._parts(incident):
            yield self.deposits(incident[part], seed, first + part.start)

    def deposits(self, incident: Incident, seed: int, first: int = 0) -> Showers:
        """The deposits of all showers, computed together; arguments and errors as `stream`."""
        self._check(incident)
        noise = Noise.for_showers(seed, torch.arange(first, first + len(incident)), SIMULATION)
        up = incident.direction[:, 2] > 0
        sides = [(s, (up == (s > 0)).nonzero().flatten()) for s in self.energies]
        sides = [(side, chosen) for side, chosen in sides if len(chosen)]
        parts = [self._one_side(incident[chosen], noise[chosen], side) for side, chosen in sides]
        if len(parts) == 1:
            return parts[0]
        return Showers.cat(parts)[torch.argsort(torch.cat([chosen for _, chosen in sides]))]

    def _parts(self, incident: Incident) -> list[slice]:
        per_MeV = max(self.energies[s].per_MeV for s in self.energies)
        batch = (incident.energy.double().cumsum(0) * per_MeV / self.batch_deposits).long()
        cuts = [0, *(batch.diff().nonzero().flatten() + 1).tolist(), len(incident)]
        return [slice(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]

    def _check(self, incident: Incident) -> None:
        known = torch.isin(incident.pdg, torch.tensor(LIGHT + PIONS))
        if not bool(known.all()):
            raise ValueError(
                f"the parametric simulation has no particle with PDG number "
                f"{int(incident.pdg[~known][0])}; expected one of {LIGHT + PIONS}"
            )
        check_incident(incident, self.geometry, "parametric")

    def _one_side(self, incident: Incident, noise: Noise, side: int) -> Showers:
        stack, deposit = self.stacks[side], self.energies[side]
        cosine = incident.direction[:, 2].double().abs()
        light = torch.isin(incident.pdg, torch.tensor(LIGHT)).nonzero().flatten()
        pion = torch.isin(incident.pdg, torch.tensor(PIONS)).nonzero().flatten()
        sub = _sub_showers(incident, light, noise)
        parts = [electromagnetic_sources(sub, cosine, stack, deposit, noise)]
        if len(pion):
            sub, charged = pion_sources(incident, pion, cosine, stack, deposit, noise)
            parts += [charged, electromagnetic_sources(sub, cosine, stack, deposit, noise)]
        sources = Sources.cat(parts)
        self.energy += float(incident.energy.sum(dtype=torch.float64))
        self.behind += float(sources.behind.sum())
        return place_deposits(sources, incident, self.geometry.layer_z, stack, deposit, noise)


def _sub_showers(incident: Incident, chosen: Tensor, noise: Noise) -> SubShowers:
    """An electron is one sub-shower from the face on; a photon converts to two."""
    photon = incident.pdg[chosen] == PHOTON
    zero = torch.zeros_like(chosen)
    share = pair_share(noise.uniform(chosen, zero, streams.PAIR).double())
    share = torch.where(photon, share, 1.0)
    depth = conversion_depth(noise.uniform(chosen, zero, streams.CONVERSION).double())
    depth = torch.where(photon, depth, 0.0)
    energy = incident.energy.double()[chosen]
    second = photon.nonzero().flatten()
    owner = torch.cat([chosen, chosen[second]])
    return SubShowers(
        shower=owner,
        number=torch.cat([zero, torch.ones_like(second)]),
        energy=torch.cat([energy * share, (energy * (1 - share))[second]]),
        depth=torch.cat([depth, depth[second]]),
        slope=torch.zeros(len(owner), 2, dtype=torch.float64),
    )
