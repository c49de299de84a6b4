"""Distances and neighbourhoods in feature space, against jetnet 0.2.5 and prdc 0.2.

The numbers of both are those of this script (numpy below 2, jetnet with its dependencies):

    import numpy as np
    from jetnet.evaluation import fpd, gen_metrics, kpd
    from prdc import compute_prdc

    first, second = clouds(20_000)  # as below
    print(fpd(first, second, 10_000, 20_000, normalise=False))
    print(kpd(first, second, normalise=False))
    first, second = clouds(400)
    moments = [m for x in (first, second) for m in (x.mean(0), np.cov(x, rowvar=False))]
    print(gen_metrics._calculate_frechet_distance(*moments))
    print(gen_metrics._mmd_poly_quadratic_unbiased(first, second, degree=4))
    print(compute_prdc(first, second, nearest_k=5))
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Pair
from pointcalo.validation.metrics import neighbourhoods as neighbours
from pointcalo.validation.metrics.estimate import OK, TOO_FEW
from pointcalo.validation.metrics.feature_space import STANDARD_FEATURES, standardised
from pointcalo.validation.metrics.neighbourhoods import neighbourhoods
from pointcalo.validation.metrics.physics_distances import (
    extrapolated_frechet,
    frechet_distance,
    kernel_distance,
    median_kernel_distance,
)

Cloud = NDArray[np.float64]
JETNET_FPD, JETNET_FPD_ERROR = 0.3303358931956475, 0.0021854844139989524
JETNET_KPD, JETNET_KPD_ERROR = 0.8147638816257512, 0.03840079201429197
JETNET_FRECHET = 0.38347318585914714
JETNET_KERNEL = 0.8509172089528834
PRDC = {"precision": 0.97, "recall": 0.9425, "density": 0.972, "coverage": 0.9325}
METRIC = {metric.name: metric for metric in METRICS}


def clouds(number: int, shift: float = 0.5) -> tuple[Cloud, Cloud]:
    random = np.random.default_rng(1)
    first = random.normal(size=(number, 4))
    second = random.normal(size=(number, 4)) * [1, 1.2, 0.8, 1] + [shift, 0, 0, 0]
    return first, second


def four_means(first: Cloud, second: Cloud) -> dict[str, float]:
    each = neighbourhoods(first, second)
    return {name: float(getattr(each, name).mean()) for name in PRDC}


def importable(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, exc_type=Exception)


def test_recorded_numbers_of_other_implementations() -> None:
    first, second = clouds(400)
    assert frechet_distance(first, second) == pytest.approx(JETNET_FRECHET, rel=1e-9)
    assert kernel_distance(first, second) == pytest.approx(JETNET_KERNEL, rel=1e-9)
    assert four_means(first, second) == pytest.approx(PRDC, abs=1e-12)


def test_values_on_large_samples_agree_with_jetnet() -> None:
    first, second = clouds(20_000)
    fpd = extrapolated_frechet(first, second, paired=False, seed=1)
    assert abs(fpd.value - JETNET_FPD) < 3 * JETNET_FPD_ERROR
    kpd = median_kernel_distance(first, second, paired=False, seed=1)
    assert abs(kpd.value - JETNET_KPD) < 3 * JETNET_KPD_ERROR


def test_same_as_jetnet_where_it_is_installed() -> None:
    jetnet = importable("jetnet.evaluation.gen_metrics")
    first, second = clouds(300, shift=0.2)
    moments = [m for x in (first, second) for m in (x.mean(0), np.cov(x, rowvar=False))]
    expected = jetnet._calculate_frechet_distance(*moments)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)
    expected = jetnet._mmd_poly_quadratic_unbiased(first, second, degree=4)
    assert kernel_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_same_as_prdc_where_it_is_installed() -> None:
    prdc = importable("prdc")
    first, second = clouds(500, shift=1.0)
    expected = prdc.compute_prdc(first, second[:400], nearest_k=5)
    assert four_means(first, second[:400]) == pytest.approx(expected, abs=1e-12)


def test_frechet_distance_of_a_shift_and_a_scale_is_known() -> None:
    cloud = clouds(300)[0]
    assert frechet_distance(cloud, cloud) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(cloud, cloud + np.array([0.3, 0, 0.4, 0])) == pytest.approx(
        0.25, abs=1e-6
    )
    variance = cloud.var(axis=0, ddof=1).sum()
    apart = (cloud.mean(axis=0) ** 2).sum()
    assert frechet_distance(cloud, 3 * cloud) == pytest.approx(4 * (variance + apart), abs=1e-6)


def test_extrapolation_takes_off_what_the_number_of_showers_does() -> None:
    found, raw, errors = [], [], []
    for seed in range(10):
        random = np.random.default_rng(seed)
        first, second = random.normal(size=(400, 20)), random.normal(size=(400, 20))
        second[:, 0] += 0.5
        estimate = extrapolated_frechet(first, second, paired=False, seed=1)
        found.append(estimate.value)
        errors.append(estimate.uncertainty)
        raw.append(frechet_distance(first, second))
    assert np.mean(found) == pytest.approx(0.25, abs=0.05)
    assert np.mean(raw) > 0.7
    assert np.std(found) < np.mean(errors) < 3 * np.std(found)


@pytest.mark.parametrize("paired", [False, True])
def test_kernel_distance_of_alike_samples_is_nought_on_average(paired: bool) -> None:
    found = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        common = random.normal(size=(300, 4)) if paired else 0.0
        first, second = (common + random.normal(size=(300, 4)) for _ in range(2))
        found.append(kernel_distance(first, second, paired=paired))
    assert abs(np.mean(found)) < 3 * np.std(found) / 30**0.5


def test_error_of_the_kernel_distance_is_the_spread_between_samples() -> None:
    found = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        first, second = random.normal(size=(400, 4)), random.normal(0.5, size=(400, 4))
        found.append(median_kernel_distance(first, second, paired=False, seed=seed))
    spread = np.std([estimate.value for estimate in found])
    assert np.mean([estimate.uncertainty for estimate in found]) == pytest.approx(spread, rel=0.4)


def test_density_and_coverage_of_alike_samples_are_the_ideals() -> None:
    random = np.random.default_rng(1)
    means = four_means(*random.normal(size=(2, 2000, 3)))
    assert means["density"] == pytest.approx(METRIC["density"].ideal, abs=0.05)
    assert means["coverage"] == pytest.approx(METRIC["coverage"].ideal, abs=0.02)


def test_errors_of_neighbourhoods_are_the_spreads_between_samples(
    make_showers: Callable[..., Showers], measure_toy: Callable[[Showers], Measurement]
) -> None:
    samples = [measure_toy(make_showers(200, seed=s, incident_seed=s)) for s in range(24)]
    for name in PRDC:
        found = [
            METRIC[name](Pair(*pair)) for pair in zip(samples[::2], samples[1::2], strict=True)
        ]
        spread = np.std([estimate.value for estimate in found], ddof=1)
        error = np.mean([estimate.uncertainty for estimate in found])
        assert 0.5 * spread < error < 2 * spread, name


def test_lost_modes_lower_recall_and_strange_showers_precision() -> None:
    random = np.random.default_rng(1)
    whole = random.normal(size=(600, 3))
    half = np.abs(random.normal(size=(600, 3)) * [1, 0, 0]) + random.normal(size=(600, 3)) * [
        0,
        1,
        1,
    ]
    lost = four_means(whole, half)
    assert lost["recall"] < 0.75 < 0.9 < lost["precision"]
    assert lost["coverage"] < 0.75
    strange = four_means(half, whole)
    assert strange["precision"] < 0.75 < 0.9 < strange["recall"]
    assert four_means(whole, whole + 50) == dict.fromkeys(PRDC, 0.0)


def test_features_are_scaled_by_the_reference_and_cut(
    make_showers: Callable[..., Showers], measure_toy: Callable[[Showers], Measurement]
) -> None:
    reference, generated = (measure_toy(make_showers(100, seed=seed)) for seed in (1, 2))
    far = {name: column.clone() for name, column in generated.features.items()}
    far["hits"][0], far["response"][0] = 1e9, torch.nan
    first, second = standardised(reference, replace(generated, features=far))
    assert first.mean(axis=0) == pytest.approx(0, abs=0.1)
    assert (first.std(axis=0) < 1.001).all()  # less where something was cut or undefined
    assert (first.std(axis=0) > 0.8).all()
    assert second[0, STANDARD_FEATURES.index("hits")] == 5
    assert second[0, STANDARD_FEATURES.index("response")] == 0
    assert np.isfinite(second).all()


def test_metrics_of_showers(
    make_showers: Callable[..., Showers],
    measure_toy: Callable[[Showers], Measurement],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference, alike = (measure_toy(make_showers(400, seed=seed)) for seed in (1, 2))
    wide = measure_toy(make_showers(400, seed=3, spot_mm=32.0))
    honest, cheat = Pair(reference, alike), Pair(reference, wide)
    for name in ("fpd", "kpd"):
        chance, found = METRIC[name](honest), METRIC[name](cheat)
        assert (found.status, found.n) == (OK, 400)
        assert found.value > chance.value + 3 * found.uncertainty
        assert abs(chance.value) < 3 * chance.uncertainty, name
    for name in ("precision", "density", "coverage"):
        chance, found = METRIC[name](honest), METRIC[name](cheat)
        assert found.value < chance.value - 3 * found.uncertainty, name
    few = Pair(reference[:60], alike[:60])
    assert {METRIC[name](few).status for name in ("fpd", "kpd", *PRDC)} == {TOO_FEW}
    monkeypatch.setattr(neighbours, "MAX_SHOWERS", 300)
    assert METRIC["recall"](Pair(reference, alike)).n == 300
