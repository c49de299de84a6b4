import math

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import axis_xy
from pointcalo.showers.particles import pdg_number
from pointcalo.simulation import ParticleGun, central_half_width


def test_energies_are_log_uniform() -> None:
    energy = ParticleGun(energy_GeV=(1, 100)).draw(4000, seed=1).energy
    assert float(energy.min()) >= 1000 and float(energy.max()) <= 100_000
    # a log-uniform number in [1, 100] has the median 10 and ln(100) / sqrt(12) as spread of its log
    assert float(energy.median()) == pytest.approx(10_000, rel=0.1)
    assert float(energy.log().std()) == pytest.approx(math.log(100) / math.sqrt(12), rel=0.03)


def test_the_default_angles_are_those_of_the_hgcal_endcap() -> None:
    incident = ParticleGun().draw(4000, seed=2)
    z = incident.direction[:, 2].double()
    assert math.degrees(math.acos(float(z.max()))) == pytest.approx(5.70, abs=0.05)
    assert math.degrees(math.acos(float(z.min()))) == pytest.approx(25.16, abs=0.2)
    eta = torch.atanh(z)
    assert float(eta.mean()) == pytest.approx(2.25, abs=0.03)
    assert float(eta.std()) == pytest.approx(1.5 / math.sqrt(12), rel=0.05)
    mean = incident.direction[:, :2].mean(0)
    assert float(mean.abs().max()) < 0.02


def test_entries_fill_the_central_cell() -> None:
    gun = ParticleGun.at(Geometry.load("hgcal"))
    assert gun.half_width == pytest.approx(5.8, abs=1e-4)
    position = gun.draw(2000, seed=3).position
    assert float(position[:, :2].abs().max()) <= 5.8
    assert position[:, :2].std(dim=0).tolist() == pytest.approx(
        [11.6 / math.sqrt(12)] * 2, rel=0.05
    )
    assert bool((position[:, 2] == 0).all())


def test_half_width_of_squares() -> None:
    assert central_half_width(Geometry.load("ild")) == pytest.approx(2.5, abs=1e-4)


def test_fixed_values() -> None:
    gun = ParticleGun(particle="pion-", energy_GeV=50, direction=[0, 3, 4], position=[1, -2])
    incident = gun.draw(2, seed=4)
    assert incident.energy.tolist() == [50_000.0, 50_000.0]
    assert incident.direction[1].tolist() == pytest.approx([0, 0.6, 0.8])
    assert incident.position[0].tolist() == [1, -2, 0]
    assert incident.pdg.tolist() == [-211, -211]


def test_polar_angle_in_degrees() -> None:
    direction = ParticleGun(theta_deg=[10, 20], phi_deg=90).draw(500, seed=5).direction
    theta = torch.rad2deg(torch.acos(direction[:, 2].double()))
    assert 10 <= float(theta.min()) < 10.2 and 19.8 < float(theta.max()) <= 20.001
    assert float(direction[:, 0].abs().max()) < 1e-6
    assert bool((direction[:, 1] > 0).all())
    normal = ParticleGun(theta_deg=0).draw(3, seed=5).direction
    assert normal.tolist() == [[0.0, 0.0, 1.0]] * 3


def test_a_shower_has_its_particle_however_many_are_drawn() -> None:
    gun = ParticleGun(half_width=5.0)
    whole, part = gun.draw(20, seed=6), gun.draw(5, seed=6, first=10)
    assert torch.equal(whole.energy[10:15], part.energy)
    assert torch.equal(whole.direction[10:15], part.direction)
    assert torch.equal(whole.position[10:15], part.position)
    assert not torch.equal(whole.energy[:5], gun.draw(5, seed=7).energy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"particle": "kaon"}, "unknown particle 'kaon'; expected photon, electron"),
        ({"energy_GeV": 0}, "energy_GeV: got 0; expected numbers above 0"),
        ({"energy_GeV": [10, 1]}, r"energy_GeV: got \[10, 1\]; expected a number or \[low, high\]"),
        ({"energy_GeV": math.nan}, "energy_GeV: got nan"),
        ({"direction": [0, 1]}, "direction: got .* expected 3 finite numbers"),
        ({"direction": [1, 0, 0]}, "direction: got z = 0"),
        ({"theta_deg": [0, 90]}, "theta_deg: .* below 90"),
        ({"eta": [-1, 2]}, "eta: .* above 0"),
        ({"eta": 2, "theta_deg": 10}, "got more than one of direction, eta and theta_deg"),
        ({"position": [1]}, "position: got .* expected 2 finite numbers"),
        ({"phi_deg": "all"}, "phi_deg: got all"),
    ],
)
def test_errors(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ParticleGun(**options)


def test_zero_showers() -> None:
    with pytest.raises(ValueError, match="showers: got 0; expected at least 1"):
        ParticleGun().draw(0, seed=1)


def test_pdg_numbers() -> None:
    assert [pdg_number(p) for p in ("photon", "electron", "positron")] == [22, 11, -11]


def test_particles_of_an_endcap_start_at_the_interaction_point() -> None:
    full = Geometry.load("hgcal_full")
    incident = ParticleGun.at(full, eta=2.0).draw(50, seed=1)
    assert (incident.position == 0.0).all()
    axis = axis_xy(incident, full.layer_z[:47])
    layer = torch.arange(47).repeat(50)
    assert (full.cell_at(layer, axis.reshape(-1, 2)) >= 0).float().mean() > 0.98
