import math
from collections.abc import Callable

import numpy as np
import pytest

from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.auc_features import (
    area_under_curve,
    auc_features,
    held_out_scores,
)
from pointcalo.validation.metrics.estimate import DIFFERENT_INCIDENT, OK, TOO_FEW
from pointcalo.validation.pairing import same_incident

Measure = Callable[[Showers], Measurement]


def test_area_under_curve_counts_pairs() -> None:
    negative, positive = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert area_under_curve(negative, positive) == 3.5 / 4
    assert area_under_curve(positive, negative) == 0.5 / 4


def test_held_out_scores_have_not_seen_the_shower() -> None:
    # A classifier learns noise by heart: on what it has seen the AUC would be near 1.
    first, second = np.random.default_rng(0).normal(size=(2, 400, 5)).astype(np.float32)
    scores = held_out_scores(first, second, seed=1)
    assert scores.shape == (2, 400)
    assert area_under_curve(scores[0], scores[1]) == pytest.approx(0.5, abs=0.06)


def test_two_samples_of_the_same_distribution_are_not_told_apart(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    auc = auc_features(Pair(*(measure_toy(make_showers(1000, seed=seed)) for seed in (1, 2))))
    assert auc.status == OK
    assert auc.n == 1000
    assert 0.005 < auc.uncertainty < 0.02
    assert abs(auc.value - 0.5) < 3 * auc.uncertainty


def test_narrower_showers_are_found_but_too_few_satisfy_no_bound(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    reference = make_showers(300, seed=1)
    auc = auc_features(
        Pair(measure_toy(reference), measure_toy(make_showers(300, seed=2, spot_mm=20.0)))
    )
    assert auc.value > 0.7
    assert (auc.status, auc.n) == (TOO_FEW, 300)


def test_other_incident_particles_are_flagged(make_showers: Callable[..., Showers]) -> None:
    first, second = (make_showers(20, seed=1, incident_seed=seed).incident for seed in (0, 1))
    assert same_incident(first, first)
    assert not same_incident(first, second)
    assert not same_incident(first, first[:10])


def test_other_incident_particles_satisfy_no_bound(
    make_showers: Callable[..., Showers], measure_toy: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointcalo.validation.metrics.auc_features.MIN_SHOWERS", 100)
    first, second = (make_showers(100, seed=1, incident_seed=seed) for seed in (0, 1))
    assert auc_features(Pair(measure_toy(first), measure_toy(second))).status == DIFFERENT_INCIDENT


def test_a_handful_of_showers_has_no_auc(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    showers = make_showers(99, seed=1)
    auc = auc_features(Pair(measure_toy(showers), measure_toy(showers)))
    assert (auc.status, auc.n) == (TOO_FEW, 99)
    assert math.isnan(auc.value)
