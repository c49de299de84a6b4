from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import ENERGY, Incident, Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS, Estimate, Pair
from pointcalo.validation.metrics.conditioning import angle_deviation, largest_beyond_chance
from pointcalo.validation.metrics.diversity import FEATURES
from pointcalo.validation.metrics.estimate import OK, TOO_FEW, UNDEFINED
from pointcalo.validation.metrics.memorisation import NO_TRAINING
from pointcalo.validation.pairing import matched

NUMBER = 500
METRIC = {metric.name: metric for metric in METRICS}
Measure = Callable[[Showers], Measurement]
Make = Callable[..., Showers]
BENT = ("conditioning_energy", "conditioning_angle")


@pytest.fixture(scope="module")
def reference(make_showers: Make, measure_toy: Measure) -> Measurement:
    return measure_toy(make_showers(NUMBER, seed=1))


@pytest.fixture(scope="module")
def honest(make_showers: Make) -> Showers:
    return make_showers(NUMBER, seed=2)


@pytest.fixture(scope="module")
def learnt(make_showers: Make) -> Showers:
    """Training showers: other particles of the same kind."""
    return make_showers(2 * NUMBER, seed=3, incident_seed=5)


@pytest.fixture(scope="module")
def training(learnt: Showers, measure_toy: Measure) -> Measurement:
    return measure_toy(learnt)


def scaled(showers: Showers, factor: torch.Tensor) -> Showers:
    """Energies of the hits of each shower times a factor [S]."""
    points = showers.points.clone()
    points[:, ENERGY] *= factor[showers.index]
    return showers.replace(points=points)


def with_incident(showers: Showers, incident: Incident) -> Showers:
    return Showers(showers.points, showers.layer, showers.ptr, incident, showers.cell)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_honest_showers_pass(
    seed: int,
    reference: Measurement,
    training: Measurement,
    make_showers: Make,
    measure_toy: Measure,
) -> None:
    for incident_seed in (0, 7):  # the same and other incident particles
        showers = make_showers(NUMBER, seed=seed, incident_seed=incident_seed)
        pair = Pair(reference, measure_toy(showers), training=training)
        assert pair.paired == (incident_seed == 0)
        found = {name: METRIC[name](pair) for name in ("memorisation", "diversity", *BENT)}
        assert {(estimate.status, estimate.n) for estimate in found.values()} == {(OK, NUMBER)}
        for name in ("memorisation", "diversity"):
            away = found[name].value - METRIC[name].ideal
            assert abs(away) < 3.5 * found[name].uncertainty < 0.5, name
        for name in BENT:
            assert found[name].value < 0.02, name


def copies(learnt: Showers, incident: Incident, kind: str, toy: Geometry) -> Showers:
    """Training showers as a cheat hands them out for the particles asked for."""
    copied = learnt[matched(incident.energy, learnt.incident.energy)]
    if kind == "as they are":
        return copied
    if kind == "rescaled":
        return with_incident(scaled(copied, incident.energy / copied.incident.energy), incident)
    points, own = copied.points.clone(), copied.incident
    if kind == "moved by a cell":
        points[:, 0] += 12.0
        moved = replace(own, position=own.position + torch.tensor([12.0, 0.0, 0.0]))
    else:  # turned by 60 degrees, about the centre of a hexagon
        cosine, sine = 0.5, 0.75**0.5
        turn = torch.tensor([[cosine, sine], [-sine, cosine]])
        points[:, :2] = points[:, :2] @ turn
        direction, position = own.direction.clone(), own.position.clone()
        direction[:, :2], position[:, :2] = direction[:, :2] @ turn, position[:, :2] @ turn
        moved = replace(own, direction=direction, position=position)
    return Projector(toy)(Showers(points, copied.layer, copied.ptr, moved))[0]


@pytest.mark.parametrize("kind", ["as they are", "rescaled", "moved by a cell", "turned"])
def test_copies_of_training_showers_are_found(
    kind: str,
    reference: Measurement,
    learnt: Showers,
    training: Measurement,
    toy: Geometry,
    measure_toy: Measure,
) -> None:
    cheat = measure_toy(copies(learnt, reference.incident, kind, toy))
    found = METRIC["memorisation"](Pair(reference, cheat, training=training))
    assert found.value > 0.85
    assert found.status == OK


def test_a_share_of_copies_is_found_as_such(
    reference: Measurement,
    honest: Showers,
    learnt: Showers,
    training: Measurement,
    measure_toy: Measure,
) -> None:
    mixed = measure_toy(Showers.cat([learnt[: 2 * NUMBER // 5], honest[2 * NUMBER // 5 :]]))
    found = METRIC["memorisation"](Pair(reference, mixed, training=training))
    assert found.value == pytest.approx(0.4, abs=3 * found.uncertainty)
    assert found.uncertainty < 0.1


def test_bad_showers_are_no_copies(
    reference: Measurement, training: Measurement, make_showers: Make, measure_toy: Measure
) -> None:
    for spot_mm in (15.0, 40.0):
        bad = measure_toy(make_showers(NUMBER, seed=4, spot_mm=spot_mm))
        found = METRIC["memorisation"](Pair(reference, bad, training=training))
        assert abs(found.value) < 4 * found.uncertainty


def test_memorisation_needs_training_showers_that_the_reference_has_not(
    reference: Measurement, training: Measurement
) -> None:
    found = METRIC["memorisation"](Pair(reference, training[:NUMBER]))
    assert (found.status, np.isnan(found.value)) == (NO_TRAINING, True)
    found = METRIC["memorisation"](Pair(training[:NUMBER], reference, training=training))
    assert (found.status, np.isnan(found.value)) == (UNDEFINED, True)


def judged(name: str, reference: Measurement, cheat: Measurement) -> Estimate:
    found = METRIC[name](Pair(reference, cheat))
    assert found.status == OK
    return found


def test_a_generator_that_ignores_the_energy_is_found(
    reference: Measurement, honest: Showers, measure_toy: Measure
) -> None:
    order = torch.randperm(NUMBER, generator=torch.Generator().manual_seed(1))
    incident = replace(honest.incident, energy=honest.incident.energy[order])
    assert (
        judged("conditioning_energy", reference, measure_toy(with_incident(honest, incident))).value
        > 0.3
    )


@pytest.mark.parametrize("end", ["low", "high"])
def test_a_response_that_bends_at_an_end_is_found(
    end: str, reference: Measurement, honest: Showers, measure_toy: Measure
) -> None:
    energy = honest.incident.energy
    rank = torch.argsort(torch.argsort(energy)) / NUMBER
    beyond = rank >= 0.95 if end == "high" else rank < 0.05
    cheat = measure_toy(scaled(honest, torch.where(beyond, 2.0, 1.0)))
    assert judged("conditioning_energy", reference, cheat).value > 0.1
    assert judged("conditioning_angle", reference, cheat).value < 0.02


def test_a_generator_that_ignores_the_angle_is_found(
    make_showers: Make, toy: Geometry, measure_toy: Measure
) -> None:
    narrow, honest = (make_showers(NUMBER, seed=seed, spot_mm=8.0) for seed in (1, 2))
    reference = measure_toy(narrow)
    assert judged("conditioning_angle", reference, measure_toy(honest)).value < 0.02
    points, incident = honest.points.clone(), honest.incident
    slope = incident.direction[:, :2] / incident.direction[:, 2:]
    points[:, :2] -= slope[honest.index] * toy.layer_z[honest.layer, None]
    upright = Projector(toy)(Showers(points, honest.layer, honest.ptr, incident))[0]
    found = judged("conditioning_angle", reference, measure_toy(upright))
    assert 0.1 < found.value < 0.3  # tangents up to 0.3 are asked for
    assert judged("conditioning_energy", reference, measure_toy(upright)).value < 0.02


def test_angle_of_a_line_of_hits(place: Make, measure_toy: Measure, toy: Geometry) -> None:
    z = toy.layer_z.tolist()
    rows = [(0, k, 0.3 * z[k], 0.0, 1.0 + k) for k in range(8)]  # a line of tangent 0.3
    rows += [(1, 4, 0.0, 0.0, 1.0)]  # one layer has no direction
    found = angle_deviation(measure_toy(place(rows, number=2)))
    assert found[0] == pytest.approx(np.arctan(0.3), abs=1e-6)
    assert np.isnan(found[1])


def test_what_lies_beyond_chance() -> None:
    random = np.random.default_rng(1)
    boot = random.normal(scale=[0.01, 0.1], size=(4000, 2))
    found = largest_beyond_chance(np.concatenate([[[0.05, -0.1]], boot]))
    assert found[0] == pytest.approx(0.05 - 2.2414 * 0.01, abs=0.001)  # z of 5 % in two bins
    empty = np.concatenate([[[0.05, np.nan]], boot])
    assert largest_beyond_chance(empty)[0] == pytest.approx(0.05 - 1.96 * 0.01, abs=0.001)
    assert np.isnan(largest_beyond_chance(np.full((101, 2), np.nan))).all()


def test_one_shower_for_all_is_found(
    reference: Measurement, honest: Showers, toy: Geometry, measure_toy: Measure
) -> None:
    one = honest[torch.full((NUMBER,), int(honest.counts.argmax()))]
    incident = replace(
        honest.incident, direction=one.incident.direction, position=one.incident.position
    )
    cheat = measure_toy(
        with_incident(scaled(one, honest.incident.energy / one.incident.energy), incident)
    )
    assert judged("diversity", reference, cheat).value < 0.1


def test_fluctuations_of_half_the_size_are_found(
    reference: Measurement, honest: Showers, measure_toy: Measure
) -> None:
    whole = measure_toy(honest)
    energy, slope = whole.incident.energy.double().log(), whole.features["incident_slope"]
    trend = torch.stack([torch.ones(NUMBER).double(), energy, energy**2, slope, slope**2], dim=1)
    half = dict(whole.features)
    for name in FEATURES:
        column = half[name].nan_to_num(float(half[name].nanmean()))
        mean = trend @ torch.linalg.lstsq(trend, column[:, None]).solution
        half[name] = mean[:, 0] + 0.5 * (column - mean[:, 0])
    found = judged("diversity", reference, replace(whole, features=half))
    assert found.value == pytest.approx(0.5, abs=0.08)


def test_few_showers_prove_nothing(reference: Measurement) -> None:
    few = Pair(reference[:60], reference[60:120])
    assert {METRIC[name](few).status for name in ("diversity", *BENT)} == {TOO_FEW}


def test_fixed_energy_and_angle_have_one_bin(place: Make, measure_toy: Measure) -> None:
    rows = [(s, k, 0.0, 0.0, 1.0 + s % 7) for s in range(250) for k in range(8)]
    sample = measure_toy(place(rows, number=250))
    shifted = sample[torch.arange(249, -1, -1)]
    for name in BENT:
        assert METRIC[name](Pair(sample, shifted)).value == pytest.approx(0, abs=1e-9)
