"""Directions and times, which need inclined axes; and how the cells lie to one another."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import TIME, Incident, Showers
from pointcalo.units import SPEED_OF_LIGHT
from pointcalo.validation.hits import hits_of
from pointcalo.validation.observables import OBSERVABLES, timing
from pointcalo.validation.values import Values

# In the toy hexagons lie 12 mm apart; its threshold is 0.075 MeV.
TRIANGLE = [
    (0, 0, 0.0, 0.0, 0.75),
    (0, 0, 12.0, 0.0, 0.15),
    (0, 1, 0.0, 0.0, 0.30),
    (0, 4, -60.0, 0.0, 0.30),
]


def observed(showers: Showers, geometry: Geometry) -> dict[str, Values]:
    hits = hits_of(showers, geometry)
    return {observable.name: observable(hits) for observable in OBSERVABLES}


def direction(polar: float, azimuth: float) -> Tensor:
    sine = math.sin(polar)
    x, y = sine * math.cos(azimuth), sine * math.sin(azimuth)
    return torch.tensor([x, y, math.cos(polar)])


def line(geometry: Geometry, true: Tensor, shower: Tensor | None = None) -> Showers:
    """A hit in each layer on a line through the origin, of a particle of another direction."""
    shower = true if shower is None else shower
    z = geometry.layer_z
    xy = z[:, None] * shower[:2] / shower[2]
    time = z / true[2] / SPEED_OF_LIGHT
    points = torch.cat([xy, torch.linspace(1, 2, len(z))[:, None], time[:, None]], dim=1)
    incident = Incident(
        energy=torch.tensor([1000.0]),
        direction=true[None],
        position=torch.zeros(1, 3),
        pdg=torch.tensor([22]),
    )
    return Showers(points, torch.arange(len(z)), torch.tensor([0, len(z)]), incident)


@pytest.mark.parametrize(("polar", "azimuth"), [(0.0, 0.0), (0.3, 0.0), (0.5, 2.0), (0.7, -1.0)])
def test_hits_along_the_incident_axis_have_its_angle(
    toy: Geometry, polar: float, azimuth: float
) -> None:
    measured = observed(line(toy, direction(polar, azimuth)), toy)
    for name in ("angle_along", "angle_across", "opening_angle"):
        assert float(measured[name].value) == pytest.approx(0, abs=1e-6)


def test_angle_along_the_tilt_is_reconstructed_less_true(toy: Geometry) -> None:
    measured = observed(line(toy, direction(0.4, 1.0), direction(0.5, 1.0)), toy)
    assert float(measured["angle_along"].value) == pytest.approx(0.1, abs=1e-6)
    assert float(measured["angle_across"].value) == pytest.approx(0, abs=1e-6)
    assert float(measured["opening_angle"].value) == pytest.approx(0.1, abs=1e-6)


def test_angle_across_is_out_of_the_plane_of_the_tilt(toy: Geometry) -> None:
    along, out, true = 0.4, 0.2, direction(0.4, 0.0)
    tilted = torch.tensor(
        [math.cos(out) * math.sin(along), math.sin(out), math.cos(out) * math.cos(along)]
    )
    measured = observed(line(toy, true, tilted), toy)
    assert float(measured["angle_along"].value) == pytest.approx(0, abs=1e-6)
    assert float(measured["angle_across"].value) == pytest.approx(out, abs=1e-6)
    assert float(measured["opening_angle"].value) == pytest.approx(out, abs=1e-6)


def test_particles_that_fly_towards_negative_z_are_no_different(toy: Geometry) -> None:
    layers = [replace(layer, z=-layer.z) for layer in toy.layers]
    mirrored = Geometry(name="mirrored", layers=layers)
    flip = torch.tensor([1.0, 1.0, -1.0])
    true, shower = direction(0.4, 1.0), direction(0.5, 1.2)
    before = observed(line(toy, true, shower), toy)
    after = observed(line(mirrored, flip * true, flip * shower), mirrored)
    for name in ("angle_along", "angle_across", "opening_angle", "hit_delay", "layer_centre_u"):
        torch.testing.assert_close(before[name].value, after[name].value, atol=1e-5, rtol=0)


def test_no_direction_where_no_axis_is_the_longest(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    square = [(0, 3, x, y, 1.0) for x in (-6.0, 6.0) for y in (-6.0, 6.0)]
    measured = observed(place(square), toy)
    assert len(measured["opening_angle"].value) == 0  # all in one layer


def test_hits_on_the_light_front_have_no_delay(toy: Geometry) -> None:
    measured = observed(line(toy, direction(0.5, 2.0)), toy)
    for name in ("hit_delay", "earliest_delay", "mean_delay", "layer_delay"):
        assert len(measured[name].value) == (8 if name in ("hit_delay", "layer_delay") else 1)
        torch.testing.assert_close(
            measured[name].value, torch.zeros_like(measured[name].value), atol=1e-6, rtol=0
        )


def test_delays_by_hand(toy: Geometry) -> None:
    showers = line(toy, direction(0.5, 2.0))
    points = showers.points.clone()
    late = torch.tensor([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4])
    points[:, TIME] += 0.2 + late
    measured = observed(showers.replace(points=points), toy)
    torch.testing.assert_close(
        measured["hit_delay"].value, (0.2 + late).double(), atol=1e-6, rtol=0
    )
    assert float(measured["earliest_delay"].value) == pytest.approx(0.2, abs=1e-6)
    assert measured["layer_delay"].value[-1] == pytest.approx(0.6, abs=1e-6)
    # Energies rise from 1 to 2 MeV: 12 MeV in all.
    expected = 0.2 + (1 * 0.1 + 2 * 0.4) / 12
    assert float(measured["mean_delay"].value) == pytest.approx(expected, abs=1e-6)


def test_delays_are_compared_by_layer_radius_and_energy(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, 0, 0.0, 0.0, 0.1), (0, 0, 12.0, 0.0, 0.35), (0, 3, 60.0, 0.0, 20.0)]
    showers = place(rows)  # 0.67, 2.3 and 133 MIP
    points = showers.points.clone()
    late = torch.tensor([0.1, 0.3, 2.0])
    points[:, TIME] = toy.layer_z[showers.layer] / SPEED_OF_LIGHT + late
    measured = observed(showers.replace(points=points), toy)
    groups = {"layer": (8, [0, 0, 3]), "radius": (8, [0, 2, 4]), "energy": (8, [0, 2, 7])}
    for name, (number, group) in groups.items():
        values = measured[f"delay_by_{name}"]
        assert (values.num_groups, values.group.tolist()) == (number, group)
        torch.testing.assert_close(values.value, late.double(), atol=1e-5, rtol=0)
    for name in ("radius", "energy"):
        assert float(measured[f"delay_{name}_correlation"].value) == pytest.approx(1)


@pytest.mark.parametrize(
    ("late", "expected"), [([1, 2, 3, 90], 1), ([9, 3, 2, 1], -1), ([2, 1, 1, 3], 0.3162278)]
)
def test_correlation_is_of_ranks(
    place: Callable[..., Showers], toy: Geometry, late: list[float], expected: float
) -> None:
    # Ranks 2, 0.5, 0.5, 3 and 0 to 3: less their means 0.5 -1 -1 1.5 and -1.5 -0.5 0.5 1.5,
    # products 1.5, squares 4.5 and 5: 1.5 / sqrt(22.5).
    showers = place([(0, 2, 12.0 * k, 0.0, 1.0) for k in range(4)])
    points = showers.points.clone()
    points[:, TIME] = toy.layer_z[2] / SPEED_OF_LIGHT + torch.tensor(late)
    measured = observed(showers.replace(points=points), toy)
    correlation = float(measured["delay_radius_correlation"].value)
    assert correlation == pytest.approx(expected, abs=1e-6)
    assert len(measured["delay_energy_correlation"].value) == 0  # all energies are the same


def test_showers_without_times_have_no_delays(toy: Geometry) -> None:
    showers = line(toy, direction(0.5, 2.0))
    points = showers.points.clone()
    points[:, TIME] = 0.0
    measured = observed(showers.replace(points=points), toy)
    for observable in timing.OBSERVABLES:
        assert len(measured[observable.name].value) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hit_neighbours", [1, 1, 0, 0]),
        ("hit_neighbours_adjacent", [0, 1, 1, 0]),
        ("coincidence", [1 / 4]),
        ("isolated_share", [2 / 4]),
        ("isolated_energy", [0.6 / 1.5]),
        ("isolated_3d_share", [1 / 4]),
        ("isolated_3d_energy", [0.3 / 1.5]),
        ("clusters", [2]),
        ("largest_cluster", [1.2 / 1.5]),
        ("neighbour_correlation", [-1]),
    ],
)
def test_clustering_of_four_cells(
    place: Callable[..., Showers], toy: Geometry, name: str, expected: list[float]
) -> None:
    values = observed(place(TRIANGLE), toy)[name].value
    torch.testing.assert_close(values, torch.tensor(expected).double(), rtol=1e-6, atol=1e-6)
