import json
import math
from collections.abc import Callable

import pytest

from pointcalo.showers import ENERGY, TIME, Showers
from pointcalo.validation.compare import (
    Comparison,
    broken_bounds,
    check_bounds,
    compare,
)
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Estimate
from pointcalo.validation.metrics.estimate import OK, TOO_FEW, UNDEFINED
from pointcalo.validation.metrics.latent import NO_RUN
from pointcalo.validation.metrics.memorisation import NO_TRAINING
from pointcalo.validation.samples import Floor

Measure = Callable[[Showers], Measurement]
BY_NAME = {metric.name: metric for metric in METRICS}


@pytest.fixture(scope="module")
def hotter(make_showers: Callable[..., Showers], measure_toy: Measure) -> dict[str, Comparison]:
    """Showers whose hits have 10 % more energy, and fewer of them than in the reference."""
    reference = make_showers(80, seed=1)
    points = reference.points.clone()
    points[:, ENERGY] *= 1.1
    samples = [make_showers(40, seed=seed) for seed in (1, 2)]
    floor = Floor(*map(measure_toy, samples), "two samples")
    hot = reference.replace(points=points)[:60]
    return compare(measure_toy(reference), measure_toy(hot), floor)


def test_every_metric_has_value_error_floor_and_n(hotter: dict[str, Comparison]) -> None:
    assert list(hotter) == [metric.name for metric in METRICS]
    without = {
        name: compared.estimate.status
        for name, compared in hotter.items()
        if compared.as_dict()["value"] is None
    }
    no_peak = dict.fromkeys((name for name in BY_NAME if name.startswith("mip_")), UNDEFINED)
    no_peak |= dict.fromkeys(
        (name for name in BY_NAME if name.endswith("_section_share")), UNDEFINED
    )
    no_showers = {"auc_features": TOO_FEW, "latent_share": NO_RUN, "memorisation": NO_TRAINING}
    assert without == {**no_showers, **no_peak}
    for name, compared in hotter.items():
        entry = compared.as_dict()
        json.dumps(entry, allow_nan=False)
        if name in without:
            continue
        assert (entry["n"], entry["floor_n"]) == (60, 40), name
        assert entry["uncertainty"] >= 0, name


def test_hotter_hits_change_energies_and_nothing_else(hotter: dict[str, Comparison]) -> None:
    assert hotter["response_bias"].estimate.value == pytest.approx(0.1, abs=1e-5)
    assert hotter["wasserstein_cell_energy"].estimate.value > 0.05
    assert hotter["wasserstein_cell_energy"].metric.unit == "MeV"
    for name in ("hits", "layer_hits", "longitudinal", "radial", "centre_u", "centre_depth"):
        assert hotter[f"wasserstein_{name}"].estimate.value == pytest.approx(0, abs=1e-4)
        assert hotter[f"wasserstein_{name}"].floor.value > 0


def test_too_few_showers_satisfy_no_bound(hotter: dict[str, Comparison]) -> None:
    assert hotter["auc_features"].estimate.status == TOO_FEW
    assert broken_bounds(hotter, {"auc_features": 1.0}) == [
        "auc_features: too few (n = 60), satisfies no bound"
    ]


def test_bounds_are_on_the_absolute_value(hotter: dict[str, Comparison]) -> None:
    assert broken_bounds(hotter, {"response_bias": 0.2, "wasserstein_hits": None}) == []
    assert broken_bounds(hotter, {"response_bias": 0.05}) == [
        "response_bias: 0.1, the bound is 0.05"
    ]
    low, even = Estimate(-0.1, 0.01, 60), Estimate(0.0, 0.01, 60)
    lower = {"response_bias": Comparison(BY_NAME["response_bias"], low, even)}
    assert broken_bounds(lower, {"response_bias": 0.05})
    assert broken_bounds(lower, {"response_bias": 0.2, "fpd": None}) == []


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"auc": 0.7}, "bounds.auc: no such metric; did you mean auc_features"),
        ({"auc_features": -1}, "bounds.auc_features: got -1, expected a number above 0"),
        ({"auc_features": "low"}, "got 'low', expected a number"),
        ({"auc_features": math.nan}, "got nan, expected a number"),
    ],
)
def test_senseless_bounds_are_refused(bounds: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_bounds(bounds)


def test_what_is_not_finite_is_written_as_null() -> None:
    estimate = Estimate(math.nan, math.inf, 10, UNDEFINED)
    entry = Comparison(METRICS[0], estimate, estimate).as_dict()
    assert entry["value"] is entry["uncertainty"] is entry["floor"] is None
    assert entry["status"] == UNDEFINED


def test_a_handful_of_showers_is_refused(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    few = measure_toy(make_showers(19, seed=1))
    with pytest.raises(ValueError, match="at least 20 showers a side, got 19"):
        compare(few, few, Floor(few, few, ""))
    enough, fewer = measure_toy(make_showers(20, seed=1)), few[:9]
    with pytest.raises(ValueError, match="floor needs at least 10 showers a side, got 9"):
        compare(enough, enough, Floor(fewer, fewer, ""))
    metrics = [metric for metric in METRICS if metric.group != "classifiers"]
    assert compare(enough, enough, Floor(few[:10], few[:10], ""), metrics=metrics)


def test_showers_without_hits_among_others_do_no_harm(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    reference = make_showers(120, seed=1)
    lost = reference.keep(reference.index % 4 > 0)
    first, second = measure_toy(reference), measure_toy(lost)
    found = compare(first, second, Floor(first, second, ""))
    assert found["wasserstein_hits"].estimate.value > 0
    finite = {name: math.isfinite(c.estimate.value) for name, c in found.items()}
    known = {name: c.estimate.status in (OK, TOO_FEW) for name, c in found.items()}
    assert finite == known


def test_the_ideal_stands_in_where_there_is_no_floor() -> None:
    none, far = Estimate(math.nan, math.nan, 0, UNDEFINED), Estimate(0.3, 0.1, 60)
    assert Comparison(BY_NAME["response_bias"], far, none).excess == pytest.approx(3.0)
    assert Comparison(BY_NAME["latent_share"], far, none).excess == 0.0
    few = Estimate(math.nan, math.nan, 10, TOO_FEW)
    assert Comparison(BY_NAME["image_mean"], far, few).excess == 0.0
    same = Estimate(0.1, 0.1, 60)
    assert Comparison(BY_NAME["response_bias"], far, same).excess == pytest.approx(2**0.5)


def test_a_sample_without_times_is_no_sample_at_other_times(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    showers = make_showers(20, seed=1)
    points = showers.points.clone()
    points[:, TIME] = 0.0
    timed, timeless = measure_toy(showers), measure_toy(showers.replace(points=points))
    metrics = [metric for metric in METRICS if metric.observable == "hit_delay"]
    found = compare(timed, timeless, Floor(timed, timed, ""), metrics=metrics)
    assert {c.estimate.status for c in found.values()} == {UNDEFINED}
    assert {c.floor.status for c in found.values()} == {OK}
