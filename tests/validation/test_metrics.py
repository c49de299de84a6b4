from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.binning import bin_edges, bin_of
from pointcalo.validation.metrics.distances import separation, wasserstein
from pointcalo.validation.metrics.estimate import UNDEFINED, Estimate, Resampling
from pointcalo.validation.metrics.moments import relative_bias
from pointcalo.validation.values import Values


def values(value: Tensor, weight: Tensor | None = None, group: Tensor | None = None) -> Values:
    weight = torch.ones_like(value) if weight is None else weight
    group = torch.zeros(len(value), dtype=torch.int64) if group is None else group
    return Values(value, weight, torch.arange(len(value)), group, len(value), int(group.max()) + 1)


def draws(first: Values, second: Values, *, paired: bool = False, seed: int = 1) -> Resampling:
    return Resampling((first.num_showers, second.num_showers), paired, seed)


def distance(first: Values, second: Values, **how: Any) -> Estimate:
    return wasserstein(first, second, draws(first, second, **how))


def power(first: Values, second: Values, edges: Tensor) -> Estimate:
    return separation(first, second, edges, draws(first, second))


def bias(first: Values, second: Values, **how: Any) -> Estimate:
    return relative_bias(first, second, draws(first, second, **how))


def normal(number: int, seed: int, mean: float = 0.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return mean + torch.randn(number, generator=random).double()


@pytest.mark.parametrize("shift", [0.0, 0.3, -2.0, 50.0])
def test_a_shift_by_d_has_wasserstein_distance_d(shift: float) -> None:
    sample = normal(500, seed=1)
    metric = distance(values(sample), values(sample + shift), paired=True)
    assert metric.value == pytest.approx(abs(shift), abs=1e-12)
    assert metric.n == 500


def test_wasserstein_of_weighted_samples_equals_scipy() -> None:
    first, second = normal(60, seed=1), normal(40, seed=2, mean=0.5)
    weights = [torch.rand(len(sample)).double() for sample in (first, second)]
    metric = distance(values(first, weights[0]), values(second, weights[1]))
    assert metric.value == pytest.approx(wasserstein_distance(first, second, *weights))


def test_groups_are_compared_one_by_one_and_averaged() -> None:
    sample = normal(200, seed=1)
    group = torch.arange(200) % 2
    moved = torch.where(group == 0, sample + 1.0, sample + 4.0)
    first, second = values(sample, group=group), values(moved, group=group)
    assert distance(first, second).value == pytest.approx(2.5)
    mixed = distance(values(sample), values(moved)).value
    assert mixed == pytest.approx(wasserstein_distance(sample, moved))


def test_error_of_wasserstein_is_the_spread_between_samples() -> None:
    metrics = [
        distance(values(normal(400, seed)), values(normal(400, seed + 99, mean=1.0)))
        for seed in range(40)
    ]
    spread = np.std([metric.value for metric in metrics])
    errors = [metric.uncertainty for metric in metrics]
    assert spread == pytest.approx(2**0.5 / 20, rel=0.3)  # that of the mean of 400 on each side
    assert np.mean(errors) == pytest.approx(spread, rel=0.3)


def test_pairs_share_what_they_have_in_common() -> None:
    common = 10 * normal(400, seed=1)
    first = values(common + 0.1 * normal(400, seed=2))
    second = values(common + 0.1 * normal(400, seed=3, mean=10.0))
    assert distance(first, second, paired=True).uncertainty < 0.02
    assert distance(first, second).uncertainty > 0.5


def test_separation_of_equal_and_disjoint_samples() -> None:
    sample = normal(300, seed=1)
    edges = bin_edges(values(sample), "linear")
    assert power(values(sample), values(sample), edges).value == 0.0
    assert power(values(sample), values(sample + 100), edges).value == pytest.approx(1.0)
    assert power(values(sample), values(sample - 100), edges).value == pytest.approx(1.0)


def test_separation_by_hand() -> None:
    edges = torch.tensor([0.0, 1.0, 2.0]).double()
    first = values(torch.tensor([0.5, 0.5, 0.5, 1.5]).double())
    second = values(torch.tensor([0.5, 1.5, 1.5, 1.5]).double())
    assert power(first, second, edges).value == pytest.approx(0.5 * (0.25 + 0.25))


def test_separation_of_alike_samples_is_what_chance_does() -> None:
    edges = torch.linspace(-2, 2, 21).double()  # 22 bins
    found = [
        power(values(normal(1000, seed)), values(normal(1000, seed + 50)), edges).value
        for seed in range(20)
    ]
    assert np.mean(found) == pytest.approx(21 / 4 * (2 / 1000), rel=0.2)


def test_relative_bias_and_its_error() -> None:
    sample = normal(400, seed=1, mean=10.0)
    metric = bias(values(sample), values(1.02 * sample), paired=True)
    assert metric.value == pytest.approx(0.02)
    assert metric.uncertainty < 1e-12
    apart = bias(values(sample), values(1.02 * sample))
    assert apart.uncertainty == pytest.approx(0.1 * (2 / 400) ** 0.5, rel=0.3)


def test_a_bias_of_nothing_is_undefined() -> None:
    nothing = values(torch.zeros(20).double())
    assert bias(nothing, nothing).status == UNDEFINED


def test_same_seed_gives_same_error() -> None:
    first, second = values(normal(50, seed=1)), values(normal(50, seed=2))
    assert distance(first, second, seed=3) == distance(first, second, seed=3)
    other = distance(first, second, seed=4)
    assert other.uncertainty != distance(first, second, seed=3).uncertainty


def test_what_metrics_share_is_computed_once_for_a_pair(
    place: Callable[..., Showers], measure_toy: Callable[[Showers], Measurement]
) -> None:
    sample = measure_toy(place([(0, 0, 0.0, 0.0, 1.0)]))
    asked = []

    def number(pair: Pair, factor: int) -> int:
        asked.append(factor)
        return factor * pair.n

    pair = Pair(sample, sample)
    assert [pair.once(number, factor) for factor in (2, 3, 2)] == [2, 3, 2]
    assert Pair(sample, sample).once(number, 2) == 2
    assert asked == [2, 3, 2]


def test_a_ratio_to_nothing_is_undefined() -> None:
    first = values(torch.tensor([1.0, 0.0, 0.0, 0.0]).double())
    estimate = bias(first, values(normal(4, seed=1, mean=1.0)))  # some draws leave the 1 out
    assert estimate.status == UNDEFINED
    assert np.isnan(estimate.uncertainty)


def test_few_different_values_get_a_bin_each() -> None:
    edges = bin_edges(values(torch.tensor([1.0, 3.0, 3.0, 4.0]).double()), "linear")
    assert edges.tolist() == [0.0, 2.0, 3.5, 4.5]


def test_many_values_get_equal_bins_over_the_reference() -> None:
    sample = torch.linspace(1, 100, 2000).double()
    linear, log = (bin_edges(values(sample), scale) for scale in ("linear", "log"))
    assert len(linear) == len(log) == 41
    torch.testing.assert_close(linear.diff(), linear.diff().mean().expand(40))
    torch.testing.assert_close(log.log().diff(), log.log().diff().mean().expand(40))
    assert 1.0 < linear[0] < 1.2
    assert bin_of(torch.tensor([0.0, 50.0, 1e9]).double(), linear).tolist() == [0, 20, 41]


def test_zeros_lie_below_logarithmic_bins() -> None:
    sample = torch.cat([torch.zeros(10), torch.linspace(1, 10, 500)]).double()
    edges = bin_edges(values(sample), "log")
    assert edges[0] > 0.99
    assert bin_of(sample[:1], edges).tolist() == [0]
