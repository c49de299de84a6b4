from collections.abc import Callable

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.hits import hits_of
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.values import Values

# Two showers of 1 GeV along the axis x = y = 0; the second one has a single hit.
ROWS = [
    (0, 0, 0.0, 0.0, 1.0),
    (0, 2, 12.0, 0.0, 2.0),
    (0, 2, -12.0, 0.0, 1.0),
    (1, 5, 24.0, 0.0, 3.0),
]


@pytest.fixture(scope="module")
def measured(place: Callable[..., Showers], toy: Geometry) -> dict[str, Values]:
    hits = hits_of(place(ROWS, number=3), toy)
    return {observable.name: observable(hits) for observable in OBSERVABLES}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("response", [0.004, 0.003, 0.0]),
        ("hits", [3.0, 1.0, 0.0]),
        ("cell_energy", [1.0, 2.0, 1.0, 3.0]),
        ("radial", [0.0, 12.0, 12.0, 24.0]),
        ("centre_u", [3.0, 24.0]),
        ("centre_v", [0.0, 0.0]),
    ],
)
def test_values_by_hand(measured: dict[str, Values], name: str, expected: list[float]) -> None:
    torch.testing.assert_close(
        measured[name].value, torch.tensor(expected).double(), rtol=1e-6, atol=1e-5
    )


def test_layers_without_energy_count_as_zero(measured: dict[str, Values]) -> None:
    energy = measured["layer_energy"]
    assert (energy.num_showers, energy.num_groups) == (3, 8)
    assert energy.value.view(3, 8)[0].tolist() == [1, 0, 3, 0, 0, 0, 0, 0]
    assert measured["layer_hits"].value.view(3, 8)[0].tolist() == [1, 0, 2, 0, 0, 0, 0, 0]
    assert energy.group.view(3, 8)[2].tolist() == list(range(8))


def test_each_lit_shower_weighs_one_in_the_profiles(measured: dict[str, Values]) -> None:
    for name in ("longitudinal", "radial"):
        values = measured[name]
        weight = torch.bincount(values.shower, values.weight, 3)
        torch.testing.assert_close(weight, torch.tensor([1.0, 1.0, 0.0]).double())


def test_depth_is_that_of_the_layers(measured: dict[str, Values], toy: Geometry) -> None:
    z = toy.layer_z.double()
    expected = torch.stack([(z[0] + 3 * z[2]) / 4, z[5]])
    torch.testing.assert_close(measured["centre_depth"].value, expected)
    assert measured["centre_depth"].shower.tolist() == [0, 1]


def test_names_are_unique_and_every_observable_is_described() -> None:
    assert len({observable.name for observable in OBSERVABLES}) == len(OBSERVABLES)
    for observable in OBSERVABLES:
        assert observable.definition
        assert observable.source
        assert observable.unit in ("1", "mm", "MeV")
