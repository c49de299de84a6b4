import math
from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, ShowerFrame, Showers
from pointcalo.simulation import ParametricSimulation, ParticleGun
from pointcalo.units import SPEED_OF_LIGHT


@pytest.fixture(scope="module")
def hgcal() -> ParametricSimulation:
    return ParametricSimulation(Geometry.load("hgcal"))


@pytest.fixture(scope="module")
def photons(hgcal: ParametricSimulation) -> Showers:
    return hgcal.simulate(ParticleGun.at(hgcal.geometry).draw(400, seed=1), seed=1)


def energies(simulation: ParametricSimulation, number: int, **options: object) -> torch.Tensor:
    incident = ParticleGun(theta_deg=10, **options).draw(number, seed=5)
    showers = simulation.simulate(incident, seed=5)
    return showers.layer_sums(simulation.geometry.num_layers)[1]


def test_visible_energy_is_linear(hgcal: ParametricSimulation) -> None:
    response = [energies(hgcal, 150, energy_GeV=E).sum(1).mean() / E for E in (2, 10, 50)]
    assert [float(r / response[1]) for r in response] == pytest.approx([1, 1, 1], abs=0.03)
    # 0.3 mm of silicon in 0.9 X0: about one part in a hundred is seen
    assert 9 < float(response[1]) < 11


def test_resolution_falls_with_the_root_of_the_energy(hgcal: ParametricSimulation) -> None:
    for E in (1, 4, 16):
        total = energies(hgcal, 600, energy_GeV=E).sum(1)
        stochastic = float(total.std() / total.mean()) * math.sqrt(E)
        assert stochastic == pytest.approx(0.22, abs=0.035)


def test_maximum_goes_deeper_with_the_logarithm(hgcal: ParametricSimulation) -> None:
    depth = hgcal.stacks[1].radiation[:, 1]
    maximum = []
    for E in (1, 10, 100):
        profile = energies(hgcal, 200, energy_GeV=E, particle="electron").mean(0).double()
        around = int(profile.argmax())
        near = slice(max(around - 2, 0), around + 3)
        maximum.append(float((profile[near] * depth[near]).sum() / profile[near].sum()))
    first, second = maximum[1] - maximum[0], maximum[2] - maximum[1]
    assert first == pytest.approx(math.log(10), abs=0.8)
    assert second == pytest.approx(math.log(10), abs=0.8)


def test_photons_start_later_than_electrons(hgcal: ParametricSimulation) -> None:
    layers = torch.arange(26)
    centre = {}
    for particle in ("photon", "electron"):
        layer = energies(hgcal, 300, energy_GeV=20, particle=particle)
        centre[particle] = float(((layer * layers).sum(1) / layer.sum(1)).mean())
    assert 0.2 < centre["photon"] - centre["electron"] < 1.2


def test_ninety_percent_lie_within_a_moliere_radius_or_so(hgcal: ParametricSimulation) -> None:
    gun = ParticleGun(energy_GeV=20, theta_deg=0, position=[0, 0])
    showers = hgcal.deposits(gun.draw(100, seed=6), seed=6)
    radius, order = showers.xy.norm(dim=1).sort()
    energy = showers.energy[order].double().cumsum(0)
    r90 = float(radius[int(torch.searchsorted(energy, 0.9 * energy[-1]))])
    moliere = float(hgcal.stacks[1].medium.moliere.mean())
    assert 1.0 < r90 / moliere < 2.0


def test_spectrum_peaks_at_a_mip(photons: Showers) -> None:
    counts = torch.histc(photons.energy, bins=40, min=0.05, max=0.25)
    peak = 0.05 + 0.005 * (int(counts.argmax()) + 0.5)
    # between a straight crossing (0.084 MeV) and one at 35 degrees
    assert 0.08 < peak < 0.11
    valley = counts[:4].mean()
    assert float(counts.max() / valley) > 1.5


def test_projected_rows_are_cells(hgcal: ParametricSimulation, photons: Showers) -> None:
    position = hgcal.geometry.position(photons.cell)
    assert torch.equal(photons.xy, position[:, :2])
    assert bool((photons.energy > 0).all())
    key = photons.index * hgcal.geometry.num_cells + photons.cell
    assert bool((key.diff() > 0).all())


def test_projection_keeps_the_energy_of_the_deposits(hgcal: ParametricSimulation) -> None:
    gun = ParticleGun(energy_GeV=20, theta_deg=10)
    incident = gun.draw(20, seed=7)
    deposits = hgcal.deposits(incident, seed=7).layer_sums(26)[1].double().sum()
    cells = hgcal.simulate(incident, seed=7).layer_sums(26)[1].double().sum()
    assert float(cells / deposits) == pytest.approx(1, abs=2e-3)


def test_showers_follow_their_axis(hgcal: ParametricSimulation) -> None:
    gun = ParticleGun(energy_GeV=50, theta_deg=25, phi_deg=60, position=[30, -20])
    showers = hgcal.deposits(gun.draw(100, seed=8), seed=8)
    frame = ShowerFrame(showers.incident, hgcal.geometry.layer_z)
    uv = frame.to_frame(showers.xy, showers.layer, showers.index)
    near = uv.norm(dim=1) < 40
    for layer in (5, 10, 15):
        chosen = near & (showers.layer == layer)
        weight = showers.energy[chosen] / showers.energy[chosen].sum()
        assert float((weight[:, None] * uv[chosen]).sum(0).norm()) < 0.6


def test_depth_counts_along_the_axis(hgcal: ParametricSimulation) -> None:
    layers = torch.arange(26)
    centre = []
    for theta in (0, 40):
        incident = ParticleGun(energy_GeV=20, theta_deg=theta, particle="electron").draw(
            200, seed=9
        )
        layer = hgcal.simulate(incident, seed=9).layer_sums(26)[1]
        centre.append(float(((layer * layers).sum(1) / layer.sum(1)).mean()) + 0.6)
    assert centre[1] / centre[0] == pytest.approx(math.cos(math.radians(40)), abs=0.04)


@pytest.mark.parametrize("particle", ["photon", "pion+"])
def test_nothing_is_faster_than_light(hgcal: ParametricSimulation, particle: str) -> None:
    gun = ParticleGun(particle=particle, energy_GeV=10, theta_deg=[0, 40], position=[5, 5])
    showers = hgcal.deposits(gun.draw(100, seed=10), seed=10)
    z = hgcal.geometry.layer_z[showers.layer]
    point = torch.cat([showers.xy, z[:, None]], dim=1).double()
    way = (point - showers.incident.position.double()[showers.index]).norm(dim=1)
    late = showers.points[:, 3].double() - way / SPEED_OF_LIGHT
    assert float(late.min()) > -1e-4
    assert 0 < float(late.median()) < 0.1


def test_the_batch_does_not_matter(hgcal: ParametricSimulation) -> None:
    incident = Incident.cat(
        [
            ParticleGun(particle=p, energy_GeV=(1, 20)).draw(6, seed=11)
            for p in ("photon", "electron", "pion-")
        ]
    )
    whole = hgcal.simulate(incident, seed=11)
    small = ParametricSimulation(hgcal.geometry, batch_deposits=500)
    parts = [whole, small.simulate(incident, seed=11)]
    parts.append(Showers.cat([hgcal.simulate(incident[n], seed=11, first=n) for n in range(18)]))
    for part in parts[1:]:
        assert torch.equal(part.cell, whole.cell) and torch.equal(part.ptr, whole.ptr)
        assert torch.allclose(part.points, whole.points, rtol=1e-4)


def test_seeds_and_numbers_differ(hgcal: ParametricSimulation) -> None:
    incident = ParticleGun(energy_GeV=5).draw(1, seed=12)
    first = hgcal.simulate(incident, seed=12)
    again = hgcal.simulate(incident, seed=12)
    assert torch.equal(first.points, again.points)
    assert hgcal.simulate(incident, seed=13).num_points != first.num_points
    assert hgcal.simulate(incident, seed=12, first=1).num_points != first.num_points


def test_a_shallow_calorimeter_leaks() -> None:
    whole = Geometry.load("hgcal")
    front = ParametricSimulation(Geometry("front", whole.layers[:12]))
    back = energies(ParametricSimulation(whole), 100, energy_GeV=50).sum(1).mean()
    share = float(energies(front, 100, energy_GeV=50).sum(1).mean() / back)
    assert 0.4 < share < 0.8


def test_showers_beside_the_cells_are_empty(hgcal: ParametricSimulation) -> None:
    incident = ParticleGun(energy_GeV=5, theta_deg=0, position=[5000, 0]).draw(2, seed=14)
    showers = hgcal.simulate(incident, seed=14)
    assert len(showers) == 2 and showers.num_points == 0


def test_a_particle_that_is_not_simulated(hgcal: ParametricSimulation) -> None:
    incident = ParticleGun(energy_GeV=5).draw(2, seed=1)
    muon = Incident(incident.energy, incident.direction, incident.position, torch.tensor([22, 13]))
    with pytest.raises(ValueError, match="no particle with PDG number 13; expected one of"):
        hgcal.simulate(muon, seed=1)


def test_a_particle_that_flies_away(hgcal: ParametricSimulation) -> None:
    incident = ParticleGun(energy_GeV=5, direction=[0, 0, -1]).draw(1, seed=1)
    with pytest.raises(ValueError, match=r"flies away from the layers of hgcal; .* z > 0"):
        hgcal.simulate(incident, seed=1)


def test_both_sides_of_a_detector() -> None:
    toy = Geometry.load("toy")
    mirrored = [replace(layer, z=-layer.z) for layer in toy.layers]
    both = ParametricSimulation(Geometry("both", [*toy.layers, *mirrored]))
    gun = ParticleGun(energy_GeV=10, theta_deg=0)
    up = gun.draw(4, seed=15)
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
    incident = Incident(up.energy, up.direction * sign[:, None], up.position, up.pdg)
    showers = both.simulate(incident, seed=15)
    above = showers.layer < toy.num_layers
    assert torch.equal(above, sign[showers.index] > 0)
    straight = ParametricSimulation(toy).simulate(up, seed=15)
    assert torch.allclose(showers[0].points, straight[0].points, rtol=1e-4)
    assert torch.equal(showers[1].energy, straight[1].energy)


@pytest.mark.parametrize("particle", ["photon", "pion-"])
@pytest.mark.parametrize("energy_GeV", [1e-3, 0.1, 500.0])
def test_extreme_energies_and_angles_are_finite(particle: str, energy_GeV: float) -> None:
    simulation = ParametricSimulation(Geometry.load("calogan"))
    for theta in (0, 80):
        gun = ParticleGun(particle=particle, energy_GeV=energy_GeV, theta_deg=theta)
        showers = simulation.simulate(gun.draw(20, seed=16), seed=16)  # Showers refuses NaN
        assert float(showers.energy.sum()) <= 20 * energy_GeV * 1e3


def test_energy_behind_the_last_layer() -> None:
    toy = Geometry.load("toy")
    incident = ParticleGun(energy_GeV=50.0, theta_deg=0.0, position=(0, 0)).draw(50, seed=1)
    shares = []
    for layers in (toy.layers, toy.layers[:4], toy.layers[:1]):
        simulation = ParametricSimulation(Geometry("cut", layers))
        deposits = simulation.deposits(incident, seed=1)
        assert simulation.energy == pytest.approx(50 * 50e3)
        shares.append(simulation.behind / simulation.energy)
        again = ParametricSimulation(Geometry("cut", layers), batch_deposits=10_000)
        again.simulate(incident, seed=1)
        assert again.behind == pytest.approx(simulation.behind)
        assert deposits.num_points > 0
    assert 0 < shares[0] < 0.2 < shares[1] < 0.95 < shares[2] < 1
