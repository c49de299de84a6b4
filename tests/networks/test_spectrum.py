"""The coordinate of energies: there and back, and spectra that come out as they went in."""

import math

import pytest
import torch

from pointcalo.networks.budget import EPS
from pointcalo.networks.spectrum import KNOTS, LEAST, LOW, STEP, Spectrum

STANDARD = torch.zeros(3)  # the standard logistic


def _energies(number: int) -> torch.Tensor:
    """A peak with a steep lower side at 1, and a tail."""
    seed = torch.Generator().manual_seed(3)
    peak = 1.0 + 0.2 * torch.rand(number // 2, generator=seed)
    tail = -3.0 * torch.log(torch.rand(number - number // 2, generator=seed))
    return torch.cat([peak, tail])


@pytest.fixture
def fitted() -> Spectrum:
    spectrum = Spectrum()
    spectrum.fit(_energies(40000))
    return spectrum


def test_the_training_spectrum_is_the_standard_logistic(fitted: Spectrum) -> None:
    """Drawn from it, the edges of the peak are as sharp as they were."""
    number = 40000
    seed = torch.Generator().manual_seed(4)
    uniform = torch.rand(2, number, generator=seed, dtype=torch.float64).float()
    drawn = fitted.sample(STANDARD.expand(number, 3), uniform[0], torch.logit(uniform[1]))
    edges = torch.tensor([0.0, 0.5, 0.9, 1.0, 1.05, 1.1, 1.2, 1.3, 2.0, 5.0, 50.0])
    made, true = (torch.histogram(x, edges).hist for x in (drawn, _energies(number)))
    assert bool(((made - true).abs() < 4 * (made + true).sqrt()).all()), (made, true)


def test_energies_there_and_back(fitted: Spectrum) -> None:
    value = torch.log(torch.tensor([0.0, 1e-3, 0.7, 1.1, 4.0, 900.0]) + EPS)
    y = fitted._coordinate(value)
    torch.testing.assert_close(fitted._value(y), value, atol=1e-5, rtol=0)
    assert bool((y.diff() > 0).all())
    assert float(y[0]) == pytest.approx(LOW, abs=1e-6)


def test_density_is_that_of_the_coordinate(fitted: Spectrum) -> None:
    """For the mixture that is the training spectrum itself."""
    energy = torch.tensor([0.01, 1.1, 6.0])
    y = fitted._coordinate(torch.log(energy + EPS))
    got = fitted.log_prob(STANDARD.expand(3, 3), energy)
    expected = -y - 2.0 * torch.log1p(torch.exp(-y)) + math.log1p(math.exp(LOW))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_moments_of_narrow_mixtures(fitted: Spectrum) -> None:
    """Two points of the same weight: 2 and 4."""
    y = fitted._coordinate(torch.log(torch.tensor([2.0, 4.0]) + EPS))
    parameters = torch.cat([torch.zeros(2), y, torch.full((2,), -5.0)])
    mean, variance = fitted.moments(parameters)
    assert float(mean) == pytest.approx(3.0, abs=0.02)
    assert float(variance) == pytest.approx(1.0, abs=0.03)


def test_following_moves_values_as_the_mixture_moves(fitted: Spectrum) -> None:
    """As the same random numbers give other samples when the mean is shifted."""
    choice, noise = torch.zeros(5), torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])

    def value(mean: float) -> torch.Tensor:
        energy = fitted.sample(torch.tensor([0.0, mean, -1.0]).expand(5, 3), choice, noise)
        return torch.log(energy + EPS)

    parameters = torch.tensor([0.0, 1.0, -1.0]).repeat(5, 1).requires_grad_()
    followed = fitted.follow(parameters, value(1.0))
    torch.testing.assert_close(followed.detach(), value(1.0), atol=1e-5, rtol=0)
    followed.sum().backward()
    assert parameters.grad is not None
    step = 0.1 * STEP
    slope = (value(1.0 + step) - value(1.0 - step)) / (2 * step)
    torch.testing.assert_close(
        parameters.grad[:, 1], slope, rtol=0.2, atol=0.01
    )  # it bends at knots


@pytest.mark.parametrize("number", [0, 1, LEAST - 1])
def test_few_hits_change_nothing(number: int) -> None:
    spectrum = Spectrum()
    spectrum.fit(torch.ones(number))
    torch.testing.assert_close(spectrum.knots, Spectrum().knots)


def test_one_energy_only() -> None:
    """Then any energy that is drawn is this one, up to the least slope."""
    spectrum = Spectrum()
    spectrum.fit(torch.full((5000,), 2.0))
    assert len(spectrum.knots) == KNOTS
    assert bool((spectrum.knots.diff() > 0).all())
    drawn = spectrum.sample(STANDARD.expand(2, 3), torch.zeros(2), torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(drawn, torch.full((2,), 2.0), atol=2e-3, rtol=0)
    assert math.isclose(float(spectrum.knots[0]), math.log(EPS), rel_tol=1e-6)
