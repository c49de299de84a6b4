import math

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from pointcalo.validation.metrics.distances import (
    cumulative_distances,
    kolmogorov_smirnov,
    separation,
    spread,
    wasserstein,
)
from pointcalo.validation.metrics.estimate import UNDEFINED, Estimate, Resampling
from pointcalo.validation.values import Values


def values(value: Tensor, weight: Tensor | None = None, group: Tensor | None = None) -> Values:
    weight = torch.ones_like(value) if weight is None else weight
    group = torch.zeros(len(value), dtype=torch.int64) if group is None else group
    return Values(value, weight, torch.arange(len(value)), group, len(value), 3)


def normal(number: int, seed: int, mean: float = 0.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return mean + torch.randn(number, generator=random).double()


def draws(first: Values, second: Values) -> Resampling:
    return Resampling((first.num_showers, second.num_showers))


def smirnov(first: Values, second: Values) -> Estimate:
    return kolmogorov_smirnov(first, second, draws(first, second))


def test_smirnov_equals_scipy_with_and_without_ties() -> None:
    first, second = normal(300, seed=1), normal(200, seed=2, mean=0.3)
    for scale in (1e9, 3.0):  # the second leaves about 20 different values
        a, b = ((scale * sample).round() for sample in (first, second))
        assert smirnov(values(a), values(b)).value == pytest.approx(ks_2samp(a, b).statistic)


def test_smirnov_of_weighted_samples_by_the_definition() -> None:
    first, second = (normal(40, seed).mul(4).round() for seed in (1, 2))
    weights = [torch.rand(40).double() for _ in range(2)]
    apart = [
        abs(
            float(weights[0][first <= x].sum() / weights[0].sum())
            - float(weights[1][second <= x].sum() / weights[1].sum())
        )
        for x in torch.cat([first, second])
    ]
    found = smirnov(values(first, weights[0]), values(second, weights[1]))
    assert found.value == pytest.approx(max(apart))


def test_smirnov_of_equal_and_of_disjoint_samples() -> None:
    sample = normal(100, seed=1)
    assert smirnov(values(sample), values(sample)).value == pytest.approx(0.0, abs=1e-12)
    far = smirnov(values(sample), values(sample + 100))
    assert far.value == pytest.approx(1.0)
    assert far.uncertainty == pytest.approx(0.0, abs=1e-12)


def test_error_of_smirnov_is_the_spread_between_samples() -> None:
    found = [
        smirnov(values(normal(300, seed)), values(normal(300, seed + 99, mean=1.0)))
        for seed in range(40)
    ]
    apart = np.std([metric.value for metric in found])
    assert np.mean([metric.uncertainty for metric in found]) == pytest.approx(apart, rel=0.3)


def test_both_distances_at_once_are_the_single_ones() -> None:
    first, second = values(normal(90, seed=1)), values(normal(80, seed=2))
    both = cumulative_distances(first, second, draws(first, second))
    assert both == (wasserstein(first, second, draws(first, second)), smirnov(first, second))


def test_a_group_that_one_sample_lacks_is_as_far_as_can_be() -> None:
    sample = normal(100, seed=1)
    layer = torch.arange(100) % 2  # the third group has no values on either side
    first = values(sample, group=layer)
    second = values(torch.cat([sample[layer == 0] + 1.0, sample[layer == 0]]))
    resampling = draws(first, second)
    edges = torch.linspace(-3, 3, 11).double()
    one = values(sample[layer == 0])
    alone = smirnov(one, second).value
    assert smirnov(first, second).value == pytest.approx((alone + 1.0) / 2)
    power = separation(one, second, edges, draws(one, second)).value
    assert separation(first, second, edges, resampling).value == pytest.approx(
        (power + 1.0) / 2, abs=0.02
    )
    assert wasserstein(first, second, resampling).value == pytest.approx(0.5)


def test_no_values_at_all_are_undefined() -> None:
    nothing = values(torch.full((30,), math.nan))[torch.arange(30)]
    empty = Values.of_showers(nothing.value)
    some = Values.of_showers(normal(30, seed=1))
    for first, second in ((empty, empty), (some, empty)):
        assert wasserstein(first, second, draws(first, second)).status == UNDEFINED
    assert smirnov(empty, empty).status == UNDEFINED
    assert smirnov(some, empty).value == 1.0


def test_distances_come_with_the_spread_of_the_reference() -> None:
    sample = torch.tensor([1.0, 3.0, 11.0, 13.0]).double()
    assert spread(values(sample, group=torch.tensor([0, 0, 1, 1]))) == pytest.approx(1.0)
    first = values(sample, torch.tensor([3.0, 1.0, 0.0, 0.0]).double())
    found = wasserstein(first, values(sample), draws(first, first))
    assert found.scale == pytest.approx(math.sqrt(0.75))


def test_separation_is_that_of_the_calochallenge_where_all_lies_inside() -> None:
    first, second = normal(500, seed=1), normal(400, seed=2, mean=0.5)
    edges = torch.cat([torch.linspace(-6, 0, 13), torch.linspace(0.3, 6, 9)]).double()
    a, b = (np.histogram(s, edges, density=True)[0] * np.diff(edges) for s in (first, second))
    expected = 0.5 * ((a - b) ** 2 / (a + b + 1e-16)).sum()
    one, two = values(first), values(second)
    assert separation(one, two, edges, draws(one, two)).value == pytest.approx(expected)
