"""Images about the axis by hand, and the metrics that compare them."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.images import average_shower, image_window, images_of
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.estimate import OK, TOO_FEW, UNDEFINED, Estimate
from pointcalo.validation.metrics.images import METRICS

Measure = Callable[[Showers], Measurement]
Make = Callable[..., Showers]
HEXAGON = math.sqrt(math.sqrt(3) / 2) * 12.0  # root of the area of one of 12 mm


def compared(first: Measurement, second: Measurement) -> dict[str, Estimate]:
    pair = Pair(first, second)
    return {metric.name: metric(pair) for metric in METRICS}


def test_pixels_by_hand(place: Make, measure_toy: Measure, toy: Geometry) -> None:
    window = image_window(toy)
    assert window.shape == (16, 16) and window.pitch_mm[0] == pytest.approx(HEXAGON)
    rows = [(0, 2, 0.0, 0.0, 1.0), (0, 2, 12.0, 0.0, 2.0), (1, 7, 0.0, 0.0, 5.0)]
    sample = measure_toy(place(rows, number=3))
    images = images_of(sample)
    assert images.shape == (8, 16, 16)
    dense = images.energy.toarray().reshape(3, *images.shape)
    lit = [tuple(map(int, at)) for at in np.argwhere(dense)]
    assert lit == [(0, 2, 8, 8), (0, 2, 8, 9), (1, 7, 8, 8)]
    assert dense[0, 2, 8, 8:10].tolist() == [1, 2] and dense[1, 7, 8, 8] == 5
    mean = average_shower(sample)
    assert mean.shape == (8, 16, 16)
    assert float(mean[2, 8, 9]) == pytest.approx(2 / 3)
    assert float(mean.sum()) == pytest.approx(8 / 3)


def test_energy_in_and_outside_the_images(make_showers: Make, measure_toy: Measure) -> None:
    showers = make_showers(300, seed=1, spot_mm=60.0)
    sample = measure_toy(showers)
    images = images_of(sample)
    held = torch.from_numpy(images.energy.sum(axis=1)) + images.outside
    torch.testing.assert_close(
        held, sample.values["response"].value * sample.incident.energy, rtol=1e-5, atol=1e-5
    )
    assert float(images.outside.sum()) > 0


def test_neighbours_share_a_side(place: Make, measure_toy: Measure) -> None:
    images = images_of(measure_toy(place([(0, 0, 0.0, 0.0, 1.0)])))
    first, second = images.neighbours()
    assert len(first) == 7 * 16 * 16 + 2 * 8 * 15 * 16
    places = [np.stack(np.unravel_index(pixel, images.shape)) for pixel in (first, second)]
    assert (np.abs(places[1] - places[0]).sum(axis=0) == 1).all()
    assert len({*zip(first.tolist(), second.tolist(), strict=True)}) == len(first)


def test_equal_samples_are_at_zero(make_showers: Make, measure_toy: Measure) -> None:
    sample = measure_toy(make_showers(100, seed=1))
    for estimate in compared(sample, sample).values():
        assert (estimate.status, estimate.n) == (OK, 100)
        assert estimate.value == pytest.approx(0, abs=1e-12)


def test_energies_scaled(make_showers: Make, measure_toy: Measure) -> None:
    showers = make_showers(400, seed=1)
    points = showers.points * torch.tensor([1.0, 1.0, 1.1, 1.0])
    first, second = measure_toy(showers), measure_toy(showers.replace(points=points))
    found = compared(first, second)
    assert found["image_mean"].value == pytest.approx(0.1, rel=0.02)  # some rise above threshold
    assert found["image_pixel_energy"].value > 5 * found["image_pixel_energy"].uncertainty
    assert found["image_occupancy"].value < 0.02


def test_hits_dropped(make_showers: Make, measure_toy: Measure) -> None:
    showers = make_showers(400, seed=1)
    first = measure_toy(showers)
    assert first.showers.num_points == showers.num_points  # nothing below threshold
    kept = torch.rand(showers.num_points, generator=torch.Generator().manual_seed(2)) > 0.2
    found = compared(first, measure_toy(showers.keep(kept)))
    assert found["image_mean"].value == pytest.approx(0.2, abs=0.02)
    lit = [
        np.diff(images_of(m).energy.indptr).mean() for m in (first, measure_toy(showers.keep(kept)))
    ]
    expected = (lit[0] - lit[1]) / (8 * 16 * 16)
    assert found["image_sparsity"].value == pytest.approx(expected)
    assert found["image_occupancy"].value == pytest.approx(1 - lit[1] / lit[0], rel=0.05)


def test_a_wider_spot_is_seen(make_showers: Make, measure_toy: Measure) -> None:
    sample, other, wide = (
        measure_toy(make_showers(400, seed=seed, spot_mm=spot))
        for seed, spot in ((1, 15.0), (2, 15.0), (3, 25.0))
    )
    chance, found = compared(sample, other), compared(sample, wide)
    for name in ("image_mean", "image_occupancy"):
        error = math.hypot(found[name].uncertainty, chance[name].uncertainty)
        assert found[name].value > chance[name].value + 3 * error
        assert found[name].uncertainty > 0


def test_correlation_by_hand(place: Make, measure_toy: Measure) -> None:
    """Two neighbours that share the energy, always together or each by turns."""
    both = [(s, k, 0.0, 0.0, 1.0 + s % 5) for s in range(40) for k in (2, 3)]
    extra = [(s, 5, 0.0, 0.0, 3.0 * (s % 3) + 1) for s in range(40)]
    together = measure_toy(place(sorted(both + extra), number=40))
    turns = [(s, 2 + k, 0.0, 0.0, 1.0 + (s + 2 * k) % 5) for s in range(40) for k in (0, 1)]
    apart = measure_toy(place(sorted(turns + extra), number=40))
    estimate = compared(together, apart)["image_correlation"]
    shares = images_of(apart).shares.toarray().reshape(40, 8, 16, 16)[:, 2:4, 8, 8]
    assert estimate.value == pytest.approx(1 - np.corrcoef(np.sqrt(shares).T)[0, 1])


def test_one_sample_sees_more_showers_than_the_other(
    make_showers: Make, measure_toy: Measure
) -> None:
    sample = measure_toy(make_showers(60, seed=1))
    found = compared(sample, sample[:50])
    assert {estimate.n for estimate in found.values()} == {50}
    assert found["image_mean"].value == 0


def test_too_few_and_dark_images(place: Make, make_showers: Make, measure_toy: Measure) -> None:
    few = measure_toy(make_showers(10, seed=1))
    for estimate in compared(few, few).values():
        assert (estimate.status, estimate.n) == (TOO_FEW, 10)
    far = measure_toy(place([(s, 0, 0.0, 0.0, 1.0) for s in range(30)], number=30))
    dark = measure_toy(place([(0, 0, 0.0, 0.0, 1.0)], number=30))[torch.arange(1, 30)]
    found = compared(far[:29], dark)
    assert found["image_mean"].value == pytest.approx(1)
    assert compared(dark, far[:29])["image_mean"].status == UNDEFINED
