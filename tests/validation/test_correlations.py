from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.correlations import correlation_distance, layer_correlations
from pointcalo.validation.metrics.estimate import UNDEFINED, Estimate
from pointcalo.validation.values import Values

Sample = Callable[[Tensor], Measurement]


@pytest.fixture(scope="module")
def sample(place: Callable[..., Showers], toy: Geometry) -> Sample:
    """A sample of given layer energies [S, L]."""

    def make(layers: Tensor) -> Measurement:
        none = place([], len(layers))
        return Measurement(toy, none.incident, {"layer_energy": Values.of_layers(layers)}, {}, none)

    return make


def correlated(number: int, rho: float, seed: int) -> Tensor:
    """Layers 0 and 1 with correlation rho, layer 2 apart from them, layer 3 always the same."""
    random = torch.Generator().manual_seed(seed)
    first, second, third = torch.randn(3, number, generator=random).double()
    second = rho * first + (1 - rho**2) ** 0.5 * second
    return torch.stack([5 + first, 100 + 7 * second, third, torch.full_like(third, 3.0)], dim=1)


def distance(first: Measurement, second: Measurement) -> Estimate:
    return correlation_distance(Pair(first, second), observable="layer_energy")


def test_matrix_is_that_of_numpy_where_layers_vary(sample: Sample) -> None:
    layers = correlated(300, 0.6, seed=1)
    found = layer_correlations(sample(layers), "layer_energy")
    expected = torch.from_numpy(np.corrcoef(layers[:, :3].numpy().T))
    torch.testing.assert_close(found[:3, :3], expected)
    assert found[3].isnan().all()
    assert found[:, 3].isnan().all()


def test_equal_samples_have_no_distance(sample: Sample) -> None:
    layers = correlated(200, 0.5, seed=1)
    found = distance(sample(layers), sample(3 * layers))  # correlations have no scale
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert found.uncertainty == pytest.approx(0.0, abs=1e-12)


def test_distance_of_known_correlations(sample: Sample) -> None:
    first, second = (correlated(20_000, rho, seed) for rho, seed in ((0.8, 1), (0.2, 2)))
    found = distance(sample(first[:, :2]), sample(second[:, :2]))
    assert found.value == pytest.approx(0.6, abs=0.02)
    three = distance(sample(first), sample(second))  # one of three pairs of layers differs
    assert three.value == pytest.approx(0.6 / 3**0.5, abs=0.02)


def test_a_layer_that_is_constant_in_one_sample_counts_as_uncorrelated(sample: Sample) -> None:
    layers = correlated(500, 0.8, seed=1)[:, :2]
    rho = float(layer_correlations(sample(layers), "layer_energy")[0, 1])
    dead = layers.clone()
    dead[:, 1] = 0.0
    assert distance(sample(layers), sample(dead)).value == pytest.approx(rho)
    assert distance(sample(dead), sample(dead)).status == UNDEFINED


def test_error_is_the_spread_between_samples(sample: Sample) -> None:
    found = [
        distance(*(sample(correlated(300, r, s)[:, :2]) for r, s in ((0.8, k), (0.2, k + 99))))
        for k in range(40)
    ]
    spread = np.std([metric.value for metric in found])
    # The particles are the same on both sides, so that pairs are drawn; the values are apart.
    assert np.mean([metric.uncertainty for metric in found]) == pytest.approx(spread, rel=0.3)
