from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Estimate, Pair
from pointcalo.validation.metrics.binning import equal_bins
from pointcalo.validation.metrics.estimate import Resampling
from pointcalo.validation.metrics.moments import Expectation, relative_spread
from pointcalo.validation.values import Values

BY_NAME = {metric.name: metric for metric in METRICS}
NUMBER = 1000


def normal(number: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(number, generator=random).double()


@pytest.fixture(scope="module")
def sample(toy: Geometry, place: Callable[..., Showers]) -> Callable[..., Measurement]:
    """Showers of 1-100 GeV with made-up responses: E^0.1 and a spread that falls with energy."""
    energy = 1000 * 100 ** torch.linspace(0, 1, NUMBER)
    incident = Incident(
        energy=energy,
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(NUMBER, 1),
        position=torch.zeros(NUMBER, 3),
        pdg=torch.full((NUMBER,), 22),
    )

    def make(seed: int, scale: Tensor | float = 1.0, width: float = 1.0) -> Measurement:
        relative = energy.double() / 1000
        noise = width * 0.2 * normal(NUMBER, seed) / relative.sqrt()
        response = 0.01 * relative**0.1 * (1 + noise) * scale
        hits = 5 * relative**0.8 * (1 + noise) * scale
        values = {"response": Values.of_showers(response), "hits": Values.of_showers(hits)}
        return Measurement(toy, incident, values, {}, place([], 1))

    return make


def found(name: str, first: Measurement, second: Measurement) -> Estimate:
    return BY_NAME[name](Pair(first, second))


@pytest.mark.parametrize(
    "name",
    ["response_bias", "response_spread", "hits_bias", "hits_spread", "linearity", "resolution"],
)
def test_equal_samples_have_no_deviation(name: str, sample: Callable[..., Measurement]) -> None:
    estimate = found(name, sample(1), sample(1))
    assert estimate == replace(estimate, value=pytest.approx(0, abs=1e-12), status="ok")


def test_a_scale_is_a_bias_and_a_spread(sample: Callable[..., Measurement]) -> None:
    first, second = sample(1), sample(1, scale=1.03)
    for name in ("response_bias", "response_spread", "hits_bias", "hits_spread", "linearity"):
        assert found(name, first, second).value == pytest.approx(0.03), name
    assert found("resolution", first, second).value == pytest.approx(0.0, abs=1e-12)


def test_a_wider_response_is_found(sample: Callable[..., Measurement]) -> None:
    first, second = sample(1), sample(2, width=1.5)
    for name in ("response_spread", "hits_spread"):
        estimate = found(name, first, second)
        assert abs(estimate.value - 0.5) < 3 * estimate.uncertainty < 0.3
    assert found("resolution", first, second).value > 0.3
    assert abs(found("response_bias", first, second).value) < 0.03


def test_a_response_off_at_high_energy_is_not_linear(sample: Callable[..., Measurement]) -> None:
    scale = torch.ones(NUMBER)
    scale[-NUMBER // 10 :] = 0.95
    estimate = found("linearity", sample(1), sample(1, scale))
    assert estimate.value == pytest.approx(-0.05)
    assert abs(found("response_bias", sample(1), sample(1, scale)).value) < 0.01


def test_error_of_a_spread_is_that_of_normal_samples() -> None:
    first, second = (Values.of_showers(normal(500, seed)) for seed in (1, 2))
    estimate = relative_spread(first, second, Resampling((500, 500)))
    assert estimate.uncertainty == pytest.approx((2 / (2 * 500)) ** 0.5, rel=0.25)


def test_expectation_is_exact_for_what_it_can_describe() -> None:
    energy = 1000 * 100 ** torch.linspace(0, 1, 50)
    logarithm = energy.double().log()
    mean = energy * (0.01 + 0.002 * logarithm - 1e-4 * logarithm**3 / 10)
    torch.testing.assert_close(Expectation(energy, mean)(energy), mean)


@pytest.mark.parametrize("energies", [[5000.0], [5000.0, 20_000.0]])
def test_expectation_of_few_energies_is_their_mean(energies: list[float]) -> None:
    energy = torch.tensor(energies).repeat_interleave(4)
    quantity = 0.02 * energy.double() + torch.tensor([-1.0, 1.0] * (len(energy) // 2))
    expected = Expectation(energy, quantity)(torch.tensor([1.0, *energies, 1e6]))
    ends = torch.tensor([1.0, *energies, 1e6]).double() * 0.02
    torch.testing.assert_close(expected, ends)


def test_equal_bins_hold_equal_numbers() -> None:
    sample = normal(1000, seed=1)
    edges = equal_bins(sample, 4)
    assert torch.bucketize(sample, edges[1:-1], right=True).bincount().tolist() == [250] * 4
    one = equal_bins(torch.ones(5), 3)
    assert one.tolist() == [1.0, pytest.approx(1.0)] and one[1] > 1.0
    few = torch.tensor([1.0, 5.0, 5.0, 9.0])
    edges = equal_bins(few, 4)
    assert torch.bucketize(few, edges, right=True).tolist() == [1, 2, 2, 3]
