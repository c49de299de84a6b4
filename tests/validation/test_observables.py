from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.validation.hits import hits_of
from pointcalo.validation.measurement import measure
from pointcalo.validation.observables import OBSERVABLES, timing
from pointcalo.validation.values import Values

# Two showers of 1 GeV along the axis x = y = 0; the second one has a single hit.
ROWS = [
    (0, 0, 0.0, 0.0, 1.0),
    (0, 2, 12.0, 0.0, 2.0),
    (0, 2, -12.0, 0.0, 1.0),
    (1, 5, 24.0, 0.0, 3.0),
]


AXES = ("u", "v", "depth")


def observed(showers: Showers, geometry: Geometry) -> dict[str, Values]:
    hits = hits_of(showers, geometry)
    return {observable.name: observable(hits) for observable in OBSERVABLES}


@pytest.fixture(scope="module")
def measured(place: Callable[..., Showers], toy: Geometry) -> dict[str, Values]:
    return observed(place(ROWS, number=3), toy)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("response", [0.004, 0.003, 0.0]),
        ("hits", [3.0, 1.0, 0.0]),
        ("cell_energy", [1.0, 2.0, 1.0, 3.0]),
        ("radial", [0.0, 12.0, 12.0, 24.0]),
        ("centre_u", [3.0, 24.0]),
        ("centre_v", [0.0, 0.0]),
        ("visible_energy", [4.0, 3.0]),
        ("energy_per_hit", [4 / 3, 3.0]),
        ("hottest_energy", [2.0, 3.0]),
        ("hottest_share", [0.5, 1.0]),
        ("lit_layers", [2.0, 1.0, 0.0]),
        ("radius_50", [12.0, 24.0]),
        ("radius_90", [12.0, 24.0]),
        ("sparsity", [3 / 1928, 1 / 1928, 0.0]),
        ("width_u", [99**0.5]),  # from the mean of 3 mm: (1 * 3^2 + 2 * 9^2 + 1 * 15^2) / 4
        ("skewness_u", [-486 / 99**1.5]),
        ("kurtosis_u", [15957 / 99**2]),
        ("width_depth", [73.5075**0.5]),  # 14.85 and 4.95 mm from the mean, with 1 and 3 MeV
        ("correlation_u_depth", [14.85 / (99 * 73.5075) ** 0.5]),
        ("layer_centre_u", [0.0, 4.0, 24.0]),
        ("layer_width_u", [128**0.5]),
        ("layer_width_v", [0.0]),
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


def test_start_is_the_first_layer_with_two_per_cent(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, 1, 0.0, 0.0, 1.0), (0, 3, 0.0, 0.0, 3.0), (0, 4, 0.0, 0.0, 96.0)]
    measured = observed(place(rows), toy)
    assert measured["shower_start"].value.tolist() == [toy.layer_z[3]]
    assert measured["shower_maximum"].value.tolist() == [toy.layer_z[4]]


def test_occupancy_counts_cells_within_five_pitches(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    cell = torch.arange(toy.num_cells)
    position, layer = toy.position(cell), toy.layer_of(cell)
    near = (position[:, :2].norm(dim=1) < 5 * 124.7077**0.5) & (layer < 2)
    rows = [
        (0, int(layer[c]), float(position[c, 0]), float(position[c, 1]), 1.0)
        for c in near.nonzero()[:, 0]
    ]
    measured = observed(place([*rows, (0, 0, 96.0, 0.0, 1.0)]), toy)
    occupancy = float(measured["occupancy"].value)
    assert occupancy == pytest.approx(len(rows) / (8 * 25 * torch.pi))
    assert occupancy == pytest.approx(2 / 8, rel=0.1)  # two of eight layers are lit throughout


def test_radius_within_which_half_and_nine_tenths_lie(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, k % 8, 0.0, 6.0 * k, 1.0) for k in (9, 0, 4, 2, 1, 3, 5, 7, 6, 8)]
    measured = observed(place(rows), toy)
    assert float(measured["radius_50"].value) == pytest.approx(24)
    assert float(measured["radius_90"].value) == pytest.approx(48)


def test_shower_of_one_hit_has_no_shape(place: Callable[..., Showers], toy: Geometry) -> None:
    measured = observed(place([(0, 3, 12.0, 0.0, 1.0)]), toy)
    without = {name for name, values in measured.items() if len(values.value) == 0}
    shape = [f"{kind}_{axis}" for kind in ("skewness", "kurtosis", "width") for axis in AXES]
    assert without == {
        *shape,
        *("correlation_u_depth", "correlation_v_depth", "layer_width_u", "layer_width_v"),
        *("angle_along", "angle_across", "opening_angle", "neighbour_correlation"),
        *(observable.name for observable in timing.OBSERVABLES),  # no times
        *("centre_persistence", "halo_share", "section_share"),
    }


def test_empty_shower_has_counts_only(place: Callable[..., Showers], toy: Geometry) -> None:
    measured = observed(place([], number=1), toy)
    counts = {name for name, values in measured.items() if len(values.value)}
    assert counts == {
        *("response", "hits", "layer_energy", "layer_hits"),
        *("lit_layers", "sparsity", "occupancy", "layer_clusters"),
    }
    assert all(float(measured[name].value.abs().max()) == 0 for name in counts)


def test_batch_equals_showers_one_by_one(
    make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    showers = make_showers(5, seed=1)
    together = observed(showers, toy)
    alone = [observed(showers[number], toy) for number in range(5)]
    for name, values in together.items():
        joined = Values.cat([one[name] for one in alone])
        assert torch.equal(joined.shower, values.shower), name
        assert torch.equal(joined.group, values.group), name
        torch.testing.assert_close(joined.value, values.value, msg=name)
        torch.testing.assert_close(joined.weight, values.weight, msg=name)


def test_measuring_in_two_batches_is_measuring_in_one(
    make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    showers = make_showers(20, seed=3)
    one, two = measure([showers], toy), measure([showers[:7], showers[7:]], toy)
    for name, values in one.values.items():
        assert torch.equal(values.shower, two.values[name].shower), name
        torch.testing.assert_close(values.value, two.values[name].value, msg=name)


def test_turning_a_shower_changes_nothing(
    make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    showers = make_showers(3, seed=2)
    turn = torch.tensor([[0.5, -(0.75**0.5)], [0.75**0.5, 0.5]])  # 60 degrees
    points, incident = showers.points.clone(), showers.incident
    points[:, :2] = points[:, :2] @ turn.T
    direction, position = incident.direction.clone(), incident.position.clone()
    direction[:, :2], position[:, :2] = direction[:, :2] @ turn.T, position[:, :2] @ turn.T
    turned = Showers(
        points,
        showers.layer,
        showers.ptr,
        Incident(incident.energy, direction, position, incident.pdg),
    )
    before, after = observed(showers, toy), observed(turned, toy)
    for name, values in before.items():
        torch.testing.assert_close(values.value, after[name].value, atol=2e-3, rtol=1e-3, msg=name)


def test_names_are_unique_and_every_observable_is_described() -> None:
    assert len({observable.name for observable in OBSERVABLES}) == len(OBSERVABLES)
    for observable in OBSERVABLES:
        assert observable.definition
        assert observable.source
        assert observable.unit in ("1", "mm", "MeV", "ns", "rad")


def test_documentation_names_every_observable() -> None:
    text = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")
    for observable in OBSERVABLES:
        assert f"`{observable.name}`" in text
