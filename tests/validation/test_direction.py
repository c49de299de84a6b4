import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.direction import angle_bias, angle_response, angle_spread
from pointcalo.validation.metrics.estimate import UNDEFINED
from pointcalo.validation.values import Values

NUMBER = 400
TRUTH = torch.linspace(0.1, 0.4, NUMBER)


@pytest.fixture(scope="module")
def sample(place: Callable[..., Showers], toy: Geometry) -> Callable[..., Measurement]:
    """Particles at 0.1 to 0.4 rad with given deviations of the reconstructed angle."""

    def make(deviation: Tensor, angle: Tensor = TRUTH) -> Measurement:
        direction = torch.stack([angle.sin(), torch.zeros(NUMBER), angle.cos()], dim=1)
        incident = Incident(
            torch.full((NUMBER,), 1000.0),
            direction,
            torch.zeros(NUMBER, 3),
            torch.full((NUMBER,), 22),
        )
        values = {"angle_along": Values.of_showers(deviation)}
        return Measurement(toy, incident, values, {}, place([], 1))

    return make


def noise(seed: int) -> Tensor:
    return 0.02 * torch.randn(NUMBER, generator=torch.Generator().manual_seed(seed)).double()


def test_equal_samples_do_not_differ(sample: Callable[..., Measurement]) -> None:
    pair = Pair(sample(noise(1)), sample(noise(1)))
    for metric in (angle_bias, angle_spread, angle_response):
        assert metric(pair).value == pytest.approx(0.0, abs=1e-12)


def test_a_shift_is_a_bias_in_rad(sample: Callable[..., Measurement]) -> None:
    pair = Pair(sample(noise(1)), sample(noise(1) + 0.05))
    assert angle_bias(pair).value == pytest.approx(0.05)
    assert angle_spread(pair).value == pytest.approx(0.0, abs=1e-9)
    assert angle_response(pair).value == pytest.approx(0.0, abs=1e-9)


def test_twice_the_deviations_are_twice_the_spread(sample: Callable[..., Measurement]) -> None:
    estimate = angle_spread(Pair(sample(noise(1)), sample(2 * noise(1))))
    assert estimate.value == pytest.approx(1.0)
    apart = angle_spread(Pair(sample(noise(1)), sample(2 * noise(2))))
    assert abs(apart.value - 1.0) < 3 * apart.uncertainty < 1.0


def test_showers_that_follow_half_the_angle_have_half_the_slope(
    sample: Callable[..., Measurement],
) -> None:
    exact = angle_response(Pair(sample(noise(1)), sample(noise(1) - TRUTH / 2)))
    assert exact.value == pytest.approx(-0.5, abs=1e-6)
    apart = angle_response(Pair(sample(noise(1)), sample(noise(2) - TRUTH / 2)))
    assert abs(apart.value + 0.5) < 3 * apart.uncertainty < 0.15


def test_one_angle_has_no_slope_and_no_angle_nothing(sample: Callable[..., Measurement]) -> None:
    one = sample(noise(1), torch.full((NUMBER,), 0.2))
    assert angle_response(Pair(one, one)).status == UNDEFINED
    none = sample(torch.full((NUMBER,), math.nan))
    for metric in (angle_bias, angle_spread, angle_response):
        assert metric(Pair(sample(noise(1)), none)).status == UNDEFINED
