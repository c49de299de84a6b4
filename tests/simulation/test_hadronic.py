import math
from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers.noise import Noise
from pointcalo.simulation import ParametricSimulation, ParticleGun
from pointcalo.simulation.hadronic import neutral_fraction, pion_sources


@pytest.fixture(scope="module")
def simulation() -> ParametricSimulation:
    return ParametricSimulation(Geometry.load("hgcal"))


def test_neutral_fraction_by_hand() -> None:
    # Groom: 1 - 100^(0.82 - 1)
    fraction = neutral_fraction(torch.tensor([500.0, 100_000.0]))
    assert fraction.tolist() == pytest.approx([0.0, 1 - 100**-0.18])


def test_pions_start_after_one_interaction_length(simulation: ParametricSimulation) -> None:
    number = 5000
    incident = ParticleGun(particle="pion+", energy_GeV=30, theta_deg=20).draw(number, seed=1)
    stack, deposit = simulation.stacks[1], simulation.energies[1]
    cosine = incident.direction[:, 2].double()
    noise = Noise.for_showers(1, torch.arange(number))
    _, charged = pion_sources(incident, torch.arange(number), cosine, stack, deposit, noise)
    track = charged.count[1::2, :, 0] > 0
    expected = torch.exp(-stack.interaction[:, 1] / math.cos(math.radians(20)))
    assert torch.allclose(track.double().mean(0), expected, atol=0.02)


def test_a_pion_before_its_interaction_is_a_mip(simulation: ParametricSimulation) -> None:
    gun = ParticleGun(particle="pion-", energy_GeV=20, theta_deg=0, position=[0, 0])
    showers = simulation.simulate(gun.draw(2000, seed=2), seed=2)
    straight = (showers.xy.norm(dim=1) < 1) & (showers.layer == 0)
    energy = showers.energy[straight]
    # 0.5 % of the pions interact before the first silicon; the others leave a MIP's loss there
    assert len(energy) > 1900
    assert float(energy.median()) == pytest.approx(0.095, abs=0.008)


def test_pions_are_wider_and_later_than_photons(simulation: ParametricSimulation) -> None:
    spread, late = {}, {}
    for particle in ("photon", "pion+"):
        gun = ParticleGun(particle=particle, energy_GeV=40, theta_deg=0, position=[0, 0])
        showers = simulation.deposits(gun.draw(200, seed=3), seed=3)
        radius = showers.xy.norm(dim=1)
        spread[particle] = float((showers.energy * radius).sum() / showers.energy.sum())
        late[particle] = float((showers.points[:, 3] > 5).float().mean())
    assert spread["pion+"] > 1.25 * spread["photon"]
    assert late["pion+"] > 0.005 > late["photon"]


def test_pion_response_is_below_that_of_electrons_and_wider() -> None:
    base = Geometry.load("ild")
    # a stack deep enough for hadrons: the ILD-like layers three times over, thicker absorbers
    layers = [
        replace(
            layer,
            z=60.0 * n + 50,
            absorber=(("Fe", 40.0),),
            active=("SCINTILLATOR", 5.0),
        )
        for n, layer in enumerate(base.layers)
    ]
    simulation = ParametricSimulation(Geometry("deep", layers))
    energy = {}
    for particle in ("electron", "pion+"):
        gun = ParticleGun(particle=particle, energy_GeV=50, theta_deg=0, position=[0, 0])
        showers = simulation.deposits(gun.draw(300, seed=4), seed=4)
        energy[particle] = showers.layer_sums(30)[1].sum(1)
    mean = {name: float(value.mean()) for name, value in energy.items()}
    assert 0.5 < mean["pion+"] / mean["electron"] < 0.95
    relative = {name: float(value.std()) / mean[name] for name, value in energy.items()}
    assert relative["pion+"] > 1.3 * relative["electron"]
