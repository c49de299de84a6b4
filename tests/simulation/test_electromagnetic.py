import math

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.simulation.electromagnetic import (
    conversion_depth,
    longitudinal,
    pair_share,
    radial,
)
from pointcalo.simulation.sources import first_track
from pointcalo.simulation.stack import Medium, Stack
from pointcalo.units import GeV


def medium(number: int) -> Medium:
    return Stack.of(Geometry.load("ild"), 1).medium[torch.zeros(number, dtype=torch.int64)]


def test_mean_maximum_by_hand() -> None:
    one = medium(1)
    energy = torch.tensor([10 * GeV], dtype=torch.float64)
    profile = longitudinal(energy, one, torch.zeros(1, 2, dtype=torch.float64))
    log_y = math.log(10_000 / float(one.critical_energy))
    T = log_y - 0.812 - 0.69 * (1 - float(one.e_hat)) + 0.084 * (log_y - 3.7)
    alpha = 0.81 + (0.458 + 2.26 / float(one.atomic_number)) * log_y
    alpha -= 0.476 / float(one.sampling_frequency)
    assert float(profile.alpha) == pytest.approx(1.18 * alpha)
    assert float((profile.alpha - 1) / profile.beta) == pytest.approx(T)


def test_the_maximum_grows_with_the_logarithm_of_the_energy() -> None:
    energy = torch.tensor([1, 10, 100], dtype=torch.float64) * GeV
    profile = longitudinal(energy, medium(3), torch.zeros(3, 2, dtype=torch.float64))
    T = (profile.alpha - 1) / profile.beta
    assert T.diff().tolist() == pytest.approx([1.084 * math.log(10)] * 2)


def test_fluctuations_are_correlated() -> None:
    number = 20_000
    normal = torch.randn(number, 2, generator=torch.Generator().manual_seed(2)).double()
    energy = torch.full((number,), 20 * GeV, dtype=torch.float64)
    profile = longitudinal(energy, medium(number), normal)
    log_alpha, log_T = profile.alpha.log(), ((profile.alpha - 1) / profile.beta).log()
    log_y = math.log(20_000 / float(medium(1).critical_energy))
    assert float(log_T.std()) == pytest.approx(1.22 / (-2.5 + 1.25 * log_y), rel=0.03)
    assert float(log_alpha.std()) == pytest.approx(1.22 / (-0.82 + 0.79 * log_y), rel=0.03)
    correlation = float(torch.corrcoef(torch.stack([log_T, log_alpha]))[0, 1])
    assert correlation == pytest.approx(0.784 - 0.023 * log_y, abs=0.02)


def test_integral_is_a_distribution_function() -> None:
    energy = torch.tensor([0.01, 1.0, 1000.0], dtype=torch.float64) * GeV
    profile = longitudinal(energy, medium(3), torch.full((3, 2), 3.0, dtype=torch.float64))
    depth = torch.tensor([-5.0, 0.0, 1.0, 10.0, 1e4], dtype=torch.float64).expand(3, 5)
    share = profile.integral(depth)
    assert bool((share.diff(dim=1) >= 0).all())
    assert share[:, 0].tolist() == [0, 0, 0]
    assert share[:, -1].tolist() == pytest.approx([1, 1, 1])


def test_radial_profile_widens_with_depth() -> None:
    energy = torch.tensor([10 * GeV], dtype=torch.float64)
    tau = torch.linspace(0.3, 2.5, 12, dtype=torch.float64)[None]
    core, tail, share = radial(energy, tau, medium(1))
    assert bool((core.diff() > 0).all())
    assert bool((tail >= core).all())
    assert bool(((share >= 0) & (share <= 1)).all())


def test_photons_convert_after_nine_sevenths() -> None:
    u = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    assert float(conversion_depth(u).mean()) == pytest.approx(9 / 7, rel=1e-3)


def test_pair_share_has_the_density_of_complete_screening() -> None:
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    share = pair_share(u)
    assert float(share.mean()) == pytest.approx(0.5, abs=1e-3)
    # the second moment about 1/2 of (9/7)(1 - 4/3 x (1 - x)) is (9/7)(1/18 + 1/60)
    assert float(((share - 0.5) ** 2).mean()) == pytest.approx(9 / 7 * (1 / 18 + 1 / 60), rel=5e-3)


def test_the_first_electron_crosses_the_gaps_behind_its_start() -> None:
    thin = torch.tensor([[-1.0, -0.999], [0.0, 0.001], [0.4, 0.401], [4.0, 4.001]]).double()
    length = torch.tensor([0.4]).double()
    once = first_track(thin[None], length, torch.ones(4))[0]
    assert once.tolist() == pytest.approx([0, 1, math.exp(-1), math.exp(-10)], abs=2e-3)
    # a layer of ten gaps that is as deep as the track is long, and one that the start cuts in half
    deep = torch.tensor([[0.0, 0.4], [-0.4, 0.4]]).double()
    several = first_track(deep[None], length, torch.full((2,), 10))[0]
    track = 10 * (1 - math.exp(-1))
    assert several.tolist() == pytest.approx([track, track / 2])
