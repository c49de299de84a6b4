from collections.abc import Callable

import pytest

from pointcalo.showers import Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair
from pointcalo.validation.metrics.latent import NO_RUN, latent_share

Measure = Callable[[Showers], Measurement]


def test_share_is_nought_for_an_idle_latent_and_one_for_one_that_decides_all(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    original, again, other = (measure_toy(make_showers(60, seed=s)) for s in (1, 1, 2))
    idle = latent_share(Pair(original, original, variations={"latent": again, "all": other}))
    assert idle.value == 0.0
    decides = latent_share(Pair(original, original, variations={"latent": other, "all": other}))
    assert decides.value == pytest.approx(1.0)
    third = measure_toy(make_showers(60, seed=3))
    alike = latent_share(Pair(original, original, variations={"latent": third, "all": other}))
    assert abs(alike.value - 1.0) < 4 * alike.uncertainty
    assert (alike.n, alike.status) == (60, "ok")


def test_a_file_has_no_latent(make_showers: Callable[..., Showers], measure_toy: Measure) -> None:
    sample = measure_toy(make_showers(20, seed=1))
    assert latent_share(Pair(sample, sample)).status == NO_RUN
