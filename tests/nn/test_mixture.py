"""Mixtures of logistics against numerical integrals and their own samples."""

import math

import pytest
import torch

from pointcalo.nn.mixture import (
    mixture_follow,
    mixture_log_prob,
    mixture_log_prob_between,
    mixture_points,
    mixture_sample,
)

PARAMETERS = torch.tensor([0.3, -0.2, 1.0, -2.0, 0.5, 3.0, -1.0, -0.3, 0.2])  # three components


def test_density_integrates_to_one() -> None:
    grid = torch.linspace(-40, 40, 80001, dtype=torch.float64)
    density = mixture_log_prob(PARAMETERS.double(), grid).exp()
    assert abs(torch.trapezoid(density, grid) - 1) < 1e-6


def test_one_component_is_the_logistic_density() -> None:
    value = torch.tensor([1.3])
    x = (value - 0.4) / 2.0
    expected = torch.exp(-x) / (2.0 * (1 + torch.exp(-x)) ** 2)
    got = mixture_log_prob(torch.tensor([0.0, 0.4, 0.6931472]), value).exp()
    torch.testing.assert_close(got, expected)


def test_interval_is_the_integral_of_the_density() -> None:
    low, high = torch.tensor([-1.0]).double(), torch.tensor([2.5]).double()
    grid = torch.linspace(-1.0, 2.5, 35001, dtype=torch.float64)
    integral = torch.trapezoid(mixture_log_prob(PARAMETERS.double(), grid).exp(), grid)
    got = mixture_log_prob_between(PARAMETERS.double(), low, high).exp()[0]
    assert abs(got - integral) < 1e-7


def test_bins_of_counts_sum_to_one_and_have_finite_gradients() -> None:
    edges = torch.cat([torch.tensor([-1e3]), torch.log(torch.arange(0, 4000) + 1.5)])
    parameters = PARAMETERS.clone().requires_grad_()
    log_prob = mixture_log_prob_between(parameters, edges[:-1], edges[1:])
    log_prob[:10].sum().backward()
    assert abs(log_prob.exp().sum() - 1) < 0.05  # what lies above 4000 is missing
    assert parameters.grad is not None and parameters.grad.isfinite().all()


def test_cut_density_integrates_to_one_above_the_cut() -> None:
    grid = torch.linspace(-0.5, 60, 120_001, dtype=torch.float64)
    density = mixture_log_prob(PARAMETERS.double(), grid, low=-0.5).exp()
    assert abs(torch.trapezoid(density, grid) - 1) < 1e-6


def test_cut_samples_follow_the_cut_density() -> None:
    generator = torch.Generator().manual_seed(1)
    choice = torch.rand(200_000, generator=generator)
    noise = torch.logit(torch.rand(200_000, generator=generator))
    samples = mixture_sample(PARAMETERS, choice, noise, low=-0.5).double()
    assert float(samples.min()) >= -0.5
    grid = torch.linspace(-0.5, 60, 120_001, dtype=torch.float64)
    density = mixture_log_prob(PARAMETERS.double(), grid, low=-0.5).exp()
    expected = torch.cumulative_trapezoid(density, grid)
    got = torch.searchsorted(samples.sort().values, grid[1:]) / len(samples)
    assert (got - expected).abs().max() < 0.005


def test_samples_follow_the_density() -> None:
    generator = torch.Generator().manual_seed(1)
    choice = torch.rand(200_000, generator=generator)
    noise = torch.logit(torch.rand(200_000, generator=generator))
    samples = mixture_sample(PARAMETERS, choice, noise).sort().values.double()
    grid = torch.linspace(-6, 8, 15, dtype=torch.float64)
    lowest = torch.full_like(grid, -1e3)
    expected = mixture_log_prob_between(PARAMETERS.double(), lowest, grid).exp()
    got = torch.searchsorted(samples, grid) / len(samples)
    assert (got - expected).abs().max() < 0.005


@pytest.mark.parametrize("low", [None, -1.0])
def test_a_sample_follows_its_parameters(low: float | None) -> None:
    # The exact derivative: the mean of samples moves as the mean of the mixture does.
    torch.manual_seed(1)
    parameters = torch.tensor([0.3, -0.2, -0.5, 0.8, -1.0, -0.7]).double().requires_grad_()
    number = 200_000
    expanded = parameters.expand(number, 6)
    choice = torch.rand(number).double()
    noise = torch.logit(torch.rand(number).double())
    sample = mixture_sample(expanded.detach(), choice, noise, low)
    mixture_follow(expanded, sample, low).mean().backward()
    step = 1e-3
    grid = torch.linspace(-25 if low is None else low, 25, 200_001).double()

    def mean(changed: torch.Tensor) -> torch.Tensor:
        density = mixture_log_prob(changed.expand(len(grid), 6), grid, low).exp()
        return torch.trapezoid(density * grid, grid)

    with torch.no_grad():
        for k in range(6):
            moved = torch.zeros(6).double().index_fill(0, torch.tensor(k), step)
            slope = (mean(parameters + moved) - mean(parameters - moved)) / (2 * step)
            assert float(parameters.grad[k]) == pytest.approx(float(slope), abs=0.01)


def test_points_stand_for_the_mixture() -> None:
    """A cut logistic and a narrow one of a third of the weight: mean, by integration."""
    parameters = torch.tensor([math.log(2.0), 0.0, 1.0, 5.0, 0.0, -5.0])
    point, weight = mixture_points(parameters, low=0.5)
    assert float(weight.sum()) == pytest.approx(1.0)
    value = torch.linspace(0.5, 40.0, 400001)
    density = torch.exp(mixture_log_prob(parameters, value, low=0.5))
    median = value[(density.cumsum(0) * 39.5 / 400000 > 1 / 3).nonzero()[0]]
    assert float(point[1]) == pytest.approx(float(median), abs=0.01)
    assert float((weight * point).sum()) == pytest.approx(
        float((density * value).sum() * 39.5 / 400000), abs=0.1
    )
