from collections.abc import Callable

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.features import high_level_features, median_pitch_mm
from pointcalo.validation.hits import hits_of
from pointcalo.validation.surroundings import LitCells

# In the toy hexagons lie 12 mm apart; its threshold is 0.075 MeV.
TRIANGLE = [
    (0, 0, 0.0, 0.0, 0.75),
    (0, 0, 12.0, 0.0, 0.15),
    (0, 1, 0.0, 0.0, 0.30),
    (0, 4, -60.0, 0.0, 0.30),
]


def features_of(showers: Showers, geometry: Geometry) -> dict[str, torch.Tensor]:
    return high_level_features(hits_of(showers, geometry), median_pitch_mm(geometry))


@pytest.fixture(scope="module")
def triangle(place: Callable[..., Showers], toy: Geometry) -> dict[str, float]:
    features = features_of(place(TRIANGLE), toy)
    return {name: float(values[0]) for name, values in features.items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response", 1.5e-3),
        ("hits", 4),
        ("layer_0_share", 0.6),
        ("third_0_u_mm", 0.15 * 12 / 1.2),
        ("layer_0_width_mm", 20**0.5),
        ("layer_0_hottest_share", 5 / 6),
        ("layer_0_hits", 2),
        ("u_mm", (0.15 * 12 - 0.30 * 60) / 1.5),
        ("depth_last", 4),
        ("depth_empty", 5),
        ("roughness_energy", (0.6 + 0.3 + 0.3 + 0.3) / 1.5),
        ("hottest_0_share", 0.5),
        ("hottest_4_share", 0.0),
        ("ring_0_hits", 0.5),
        ("ring_6_energy", 0.2),  # 60 mm are 5.4 pitches
        ("spectrum_3", 1),  # 0.15 MeV is twice the threshold
    ],
)
def test_features_of_four_cells(triangle: dict[str, float], name: str, value: float) -> None:
    assert triangle[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("neighbours_mean", 2 / 4),
        ("neighbours_energy_weighted", 0.9 / 1.5),
        ("isolated_number", 2),
        ("isolated_energy", 0.6 / 1.5),
        ("isolated_3d_number", 1),
        ("neighbour_product", 2 * 0.75 * 0.15 / (0.75**2 + 0.15**2 + 2 * 0.3**2)),
        ("maxima_number", 1),
        ("coincidence", 1 / 4),
        ("coincidence_both", 0),
        ("coincidence_energy", 0.5),
        ("around_mean", (0 + 1 + 1 + 0) / 4),
        ("clusters_flat_number", 3),
        ("clusters_deep_number", 2),
        ("clusters_deep_largest", 3 / 4),
    ],
)
def test_clustering_of_four_cells(triangle: dict[str, float], name: str, value: float) -> None:
    assert triangle[name] == pytest.approx(value, rel=1e-5)


def test_batch_equals_showers_one_by_one(
    make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    showers = make_showers(5, seed=1)
    together = features_of(showers, toy)
    for number in range(5):
        alone = features_of(showers[number], toy)
        for name, values in alone.items():
            torch.testing.assert_close(values[0], together[name][number], equal_nan=True)


def test_turning_a_shower_about_the_axis_of_the_lattice_changes_the_azimuth_only(
    make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    showers = make_showers(3, seed=2)
    turn = torch.tensor([[0.5, -(0.75**0.5)], [0.75**0.5, 0.5]])  # 60 degrees
    points, incident = showers.points.clone(), showers.incident
    points[:, :2] = points[:, :2] @ turn.T
    direction, position = incident.direction.clone(), incident.position.clone()
    direction[:, :2], position[:, :2] = direction[:, :2] @ turn.T, position[:, :2] @ turn.T
    turned = showers.replace(
        points=points,
        cell=None,
        incident=type(incident)(incident.energy, direction, position, incident.pdg),
    )
    before, after = features_of(showers, toy), features_of(turned, toy)
    for name in before.keys() - {"incident_azimuth", "incident_x_mm", "incident_y_mm"}:
        torch.testing.assert_close(
            before[name], after[name], equal_nan=True, atol=2e-2, rtol=1e-3, msg=name
        )


def test_empty_shower_has_features_without_infinities(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    features = features_of(place(TRIANGLE, number=2), toy)
    assert features["hits"].tolist() == [4, 0]
    finite = {name for name, values in features.items() if bool(values[1].isfinite())}
    assert {"hits", "isolated_number", "clusters_flat_number", "depth_empty"} <= finite


def test_lit_cells_finds_hits_of_the_same_shower_only(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    hits = hits_of(place([(0, 0, 0.0, 0.0, 1.0), (1, 0, 12.0, 0.0, 2.0)], number=2), toy)
    lit = LitCells(hits.shower, hits.cell, toy.num_cells)
    assert lit.hit_at(torch.tensor([0, 1]), hits.cell).tolist() == [0, 1]
    assert lit.hit_at(torch.tensor([1, 0]), hits.cell).tolist() == [-1, -1]
    assert lit.hit_at(torch.tensor([0]), torch.tensor([-1])).tolist() == [-1]


def test_rows_outside_every_cell_are_refused(place: Callable[..., Showers], toy: Geometry) -> None:
    with pytest.raises(ValueError, match="1 of 1 rows lie on no cell of geometry 'toy'"):
        features_of(place([(0, 0, 900.0, 0.0, 1.0)]), toy)
