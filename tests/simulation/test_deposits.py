import pytest
import torch
from scipy import stats

from pointcalo.geometry import Geometry
from pointcalo.simulation.deposits import (
    CORE,
    KINDS,
    SOFT_POWER,
    TAIL,
    TRACK,
    DepositEnergy,
    landau,
    poisson,
)
from pointcalo.simulation.stack import Stack


@pytest.fixture(scope="module")
def silicon() -> DepositEnergy:
    """0.3 mm of silicon in 26 layers."""
    return DepositEnergy(Stack.of(Geometry.load("hgcal"), 1))


def uniforms(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)).clamp(1e-6, 1 - 1e-6)


def test_landau_quantiles() -> None:
    # Koelbig and Schorr, Comput. Phys. Commun. 31 (1984) 97: median 1.3558, mode -0.2228
    table = landau()
    median = float(table.quantile(torch.tensor([0.5], dtype=torch.float64)))
    assert median == pytest.approx(1.3558, abs=0.01)
    probability = torch.arange(1, 999, dtype=torch.float64) / 1000
    density = 1 / table.quantile(probability).diff()
    mode = table.quantile(probability)[int(density.argmax())]
    assert float(mode) == pytest.approx(-0.22, abs=0.1)
    # far out the probability to be above lambda is about 1 / lambda
    far = float(table.quantile(torch.tensor([0.999], dtype=torch.float64)))
    assert far == pytest.approx(1000, rel=0.05)


def test_a_straight_crossing_loses_what_a_mip_loses(silicon: DepositEnergy) -> None:
    number = 200_000
    kind, layer = torch.full((number,), TRACK), torch.zeros(number, dtype=torch.int64)
    energy = silicon.draw(kind, layer, torch.ones(number), uniforms(3, number))
    # PDG: 1.664 MeV cm2/g in 0.03 cm of density 2.329, and the most probable loss of the layer
    assert float(energy.mean()) == pytest.approx(1.664 * 2.329 * 0.03, rel=0.03)
    bins = torch.histc(energy, bins=60, min=0.06, max=0.12)
    peak = 0.06 + 0.001 * (int(bins.argmax()) + 0.5)
    assert peak == pytest.approx(Geometry.load("hgcal").layers[0].mip_MeV, abs=0.003)


def test_a_tilted_crossing_is_longer(silicon: DepositEnergy) -> None:
    number = 50_000
    kind, layer = torch.full((number,), TRACK), torch.zeros(number, dtype=torch.int64)
    u = uniforms(3, number)
    straight = silicon.draw(kind, layer, torch.ones(number), u).median()
    tilted = silicon.draw(kind, layer, torch.full((number,), 0.5), u).median()
    # twice the path, and a little more than twice the most probable loss
    assert 2.0 < float(tilted / straight) < 2.2


@pytest.mark.parametrize("kind", [CORE, TAIL])
def test_mean_energy_is_that_of_the_draws(silicon: DepositEnergy, kind: int) -> None:
    number = 300_000
    layer = torch.full((number,), 3)
    energy = silicon.draw(
        torch.full((number,), kind), layer, torch.ones(number), uniforms(3, number)
    )
    assert float(energy.mean()) == pytest.approx(float(silicon.mean[kind, 3]), rel=0.02)
    assert bool((energy >= 0).all())


def test_shares_are_probabilities() -> None:
    assert bool(((KINDS[:, 0] >= 0) & (KINDS[:, 0] < 1)).all())


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 11.9])
def test_small_poisson_numbers_are_exact_quantiles(mean: float) -> None:
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    expected = stats.poisson.ppf(u.numpy(), mean)
    assert poisson(torch.full_like(u, mean), u).tolist() == expected.tolist()


@pytest.mark.parametrize("mean", [12.5, 40.0, 3000.0])
def test_large_poisson_numbers_are_close_quantiles(mean: float) -> None:
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    got = poisson(torch.full_like(u, mean), u).double()
    expected = torch.from_numpy(stats.poisson.ppf(u.numpy(), mean))
    assert float((got - expected).abs().max()) <= 1
    assert float(got.mean()) == pytest.approx(mean, rel=5e-3)
    assert float(got.var()) == pytest.approx(mean, rel=2e-2)


def test_poisson_keeps_the_shape_and_zero_means() -> None:
    mean = torch.tensor([[0.0, 100.0], [3.0, 0.0]], dtype=torch.float64)
    count = poisson(mean, torch.full_like(mean, 0.5))
    assert count.tolist() == [[0, 100], [3, 0]]


def test_electrons_that_stop_in_a_thicker_gap_have_more_energy(silicon: DepositEnergy) -> None:
    thicker = DepositEnergy(Stack.of(Geometry.load("ild"), 1))  # 0.5 mm instead of 0.3 mm
    assert float(thicker.soft[0] / silicon.soft[0]) == pytest.approx((5 / 3) ** SOFT_POWER)
    soft, first = torch.tensor([0.0, 0.5, 0.7])[:, None], torch.zeros(1, dtype=torch.int64)
    energy = [d.draw(first + CORE, first, torch.ones(1), soft) for d in (silicon, thicker)]
    assert float(energy[1] / energy[0]) == pytest.approx((5 / 3) ** SOFT_POWER)
