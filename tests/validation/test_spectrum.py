from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import moyal

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Estimate, Pair
from pointcalo.validation.metrics.estimate import UNDEFINED
from pointcalo.validation.metrics.spectrum import METRICS, mip_peak
from pointcalo.validation.values import Values

BY_NAME = {metric.name: metric for metric in METRICS}
SHOWERS, HITS = 200, 100
Sample = Callable[..., Measurement]


@pytest.fixture(scope="module")
def mip(toy: Geometry) -> float:
    """Twice the threshold, MeV."""
    return 2 * float(toy.layer_threshold.median())


@pytest.fixture(scope="module")
def sample(place: Callable[..., Showers], toy: Geometry, mip: float) -> Sample:
    """Hits of which two thirds lie in a Moyal peak, the others anywhere up to ten times there."""

    def make(
        seed: int, position: float = 1.1, width: float = 0.1, peak: float = 2 / 3
    ) -> Measurement:
        random = np.random.default_rng(seed)
        number = SHOWERS * HITS
        energy = moyal.rvs(position, width, size=number, random_state=random)
        flat = random.uniform(0.5, 10, number)
        energy = torch.from_numpy(np.where(random.random(number) < peak, energy, flat)) * mip
        shower = torch.arange(SHOWERS).repeat_interleave(HITS)
        values = Values.of_hits(energy, torch.ones(number), shower, SHOWERS)
        none = place([], SHOWERS)
        return Measurement(toy, none.incident, {"cell_energy": values}, {}, none)

    return make


def found(name: str, first: Measurement, second: Measurement) -> Estimate:
    return BY_NAME[name](Pair(first, second))


def test_the_peak_is_fitted_where_it_is(sample: Sample, mip: float) -> None:
    peak = mip_peak(sample(1))
    assert peak is not None
    assert peak.position == pytest.approx(1.1 * mip, rel=0.01)
    assert peak.width == pytest.approx(0.1 * mip, rel=0.05)
    assert peak.height == pytest.approx(2 / 3, rel=0.03)
    assert peak.background == pytest.approx(1 / 3 / (9.5 * mip), rel=0.3)


def test_the_curve_is_the_density_of_the_spectrum(sample: Sample) -> None:
    measured = sample(1)
    peak = mip_peak(measured)
    assert peak is not None
    edges = np.linspace(*peak.window, 25)
    number, _ = np.histogram(measured.values["cell_energy"].value.numpy(), edges)
    middle = (edges[1:] + edges[:-1]) / 2
    density = number / (SHOWERS * HITS) / np.diff(edges)
    assert peak.density(middle) == pytest.approx(density, abs=0.06 * density.max())


def test_a_moved_and_a_widened_peak_are_measured(sample: Sample) -> None:
    position = found("mip_position", sample(1), sample(2, position=1.155))
    assert abs(position.value - 0.05) < 3 * position.uncertainty < 0.02
    width = found("mip_width", sample(1), sample(2, width=0.12))
    assert abs(width.value - 0.2) < 3 * width.uncertainty < 0.12


def test_equal_samples_do_not_differ(sample: Sample) -> None:
    for name in BY_NAME:
        assert found(name, sample(1), sample(1)).value == pytest.approx(0.0, abs=1e-9), name


@pytest.mark.parametrize("name", ["mip_position", "mip_width"])
def test_errors_are_the_spread_between_samples(name: str, sample: Sample) -> None:
    estimates = [found(name, sample(seed), sample(seed + 50)) for seed in range(30)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([e.uncertainty for e in estimates]) == pytest.approx(spread, rel=0.3)


def test_alike_spectra_differ_by_chance_only(sample: Sample) -> None:
    worst = [found("mip_spectrum_worst", sample(s), sample(s + 50)).value for s in range(10)]
    assert 1.5 < np.mean(worst) < 2.8  # the largest of 20 normal numbers: 2.2
    assert found("mip_spectrum_worst", sample(1), sample(2, position=1.155)).value > 6
    alike, moved = sample(2), sample(2, position=1.155)
    near, far = (found("mip_spectrum_mean", sample(1), other).value for other in (alike, moved))
    assert far > 2 * near > 0
    significant = [found("mip_spectrum_significant", sample(1), x).value for x in (alike, moved)]
    assert significant[0] < far < significant[1] < 1
    assert found("mip_spectrum_significant", sample(1), sample(1)).value == 0


def test_without_a_peak_there_is_no_value(sample: Sample) -> None:
    flat = sample(1, peak=0.0)
    assert mip_peak(flat) is None
    for name in BY_NAME:
        estimate = found(name, flat, sample(2))
        assert estimate.status == UNDEFINED, name
        assert estimate.n == SHOWERS
    assert found("mip_position", sample(2), flat).status == UNDEFINED


def test_without_thresholds_there_is_no_value(sample: Sample, toy: Geometry) -> None:
    open_toy = Geometry.load("toy", threshold_MeV=0.0)
    measured = sample(1)
    without = Measurement(open_toy, measured.incident, measured.values, {}, measured.showers)
    assert mip_peak(without) is None
    assert found("mip_width", without, without).status == UNDEFINED
