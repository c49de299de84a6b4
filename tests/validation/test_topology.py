"""Track, cores and halo of hadrons, by hand on the toy: threshold 0.075 MeV, so a MIP of 0.15."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Cartesian, Geometry
from pointcalo.showers import Incident, Showers, ptr_from_counts
from pointcalo.simulation import ParametricSimulation, ParticleGun
from pointcalo.validation.hits import Hits, hits_of
from pointcalo.validation.observables import topology
from pointcalo.validation.values import Values

MIP = 0.15
# A pion: a track in layers 0 to 2 with a large loss in layer 1, then a core off the axis, a hit far
# away, and a late one in layer 6. Hexagons lie 12 mm apart.
PION = [
    (0, 0, 0.0, 0.0, 1.2 * MIP),
    (0, 1, 0.0, 0.0, 4 * MIP),
    (0, 2, 12.0, 0.0, 0.8 * MIP),
    (0, 3, 24.0, 0.0, 10 * MIP),
    (0, 3, 36.0, 0.0, 2 * MIP),
    (0, 4, 24.0, 0.0, 20 * MIP),
    (0, 4, 36.0, 0.0, 2 * MIP),
    (0, 4, -60.0, 0.0, 1 * MIP),
    (0, 5, 36.0, 0.0, 10 * MIP),
    (0, 6, 36.0, 0.0, 2 * MIP),
]
VISIBLE = 53.0  # MIP


@pytest.fixture(scope="module")
def pion(place: Callable[..., Showers], toy: Geometry) -> Hits:
    return hits_of(place(PION), toy)


def test_an_interaction_is_three_layers_in_a_row_above_three_mips(pion: Hits) -> None:
    assert topology.interaction_layer(pion).value.tolist() == [3]


@pytest.mark.parametrize(
    ("mips", "expected"),
    [
        ([4, 4, 4], 0),
        ([1, 4, 4, 1, 4, 4, 4], 4),
        ([4, 4, 1, 1, 1, 1, 4, 4], 8),  # the end of the detector is no third layer
        ([1] * 8, 8),
        ([1, 2.9, 4, 4, 3.1], 2),
    ],
)
def test_the_first_of_the_three_is_found(
    place: Callable[..., Showers], toy: Geometry, mips: list[float], expected: int
) -> None:
    rows = [(0, layer, 0.0, 0.0, MIP * energy) for layer, energy in enumerate(mips)]
    hits = hits_of(place(rows), toy)
    assert topology.interaction_layer(hits).value.tolist() == [expected]


def test_all_hits_of_a_layer_count(place: Callable[..., Showers], toy: Geometry) -> None:
    rows = [(0, layer, x, 0.0, 1.6 * MIP) for layer in (1, 2, 3) for x in (0.0, 12.0)]
    assert topology.interaction_layer(hits_of(place(rows), toy)).value.tolist() == [1]


def test_stub_is_what_lies_before_it(pion: Hits) -> None:
    assert topology.stub_layer_hits(pion).value.tolist() == [1, 1, 1]
    energy = topology.stub_layer_energy(pion)
    torch.testing.assert_close(energy.value, torch.tensor([1.2, 4.0, 0.8]).double())
    assert (energy.num_groups, energy.shower.tolist()) == (1, [0, 0, 0])
    torch.testing.assert_close(
        topology.stub_radius(pion).value, torch.tensor([0.0, 0.0, 12.0]).double()
    )


def test_layers_of_the_stub_without_hits_count_as_empty(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, layer, 0.0, 0.0, 5 * MIP) for layer in (2, 4, 5, 6)]
    hits = hits_of(place(rows), toy)
    assert topology.stub_layer_hits(hits).value.tolist() == [0, 0, 1, 0]
    assert topology.stub_layer_energy(hits).value.tolist() == pytest.approx([5])


def test_core_is_what_has_more_than_five_mips(pion: Hits) -> None:
    assert float(topology.core_share(pion).value) == pytest.approx(40 / VISIBLE)
    # (10 * 24 + 20 * 24 + 10 * 36) / 40
    assert float(topology.core_radius(pion).value) == pytest.approx(27)


def test_core_off_the_axis_on_both_sides_is_centred(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, 2, x, 0.0, 6 * MIP) for x in (-24.0, 24.0)]
    assert float(topology.core_radius(hits_of(place(rows), toy)).value) == pytest.approx(0)


@pytest.mark.parametrize(
    ("places", "expected"),
    [([24, 24, 24, 24], 1), ([24, -24, 24, -24], -1), ([12, 24, 36], 9 / (5 * 13) ** 0.5 * 8 / 9)],
)
def test_persistence_of_the_centre(
    place: Callable[..., Showers], toy: Geometry, places: list[float], expected: float
) -> None:
    # 12, 24, 36: (12 * 24 + 24 * 36) / sqrt((12^2 + 24^2) (24^2 + 36^2)) = 8 / sqrt(5 * 13)
    rows = [(0, layer, x, 0.0, 1.0) for layer, x in enumerate(places)]
    hits = hits_of(place(rows), toy)
    assert float(topology.centre_persistence(hits).value) == pytest.approx(expected)


def test_persistence_weighs_with_the_energies_of_both_layers(
    place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, 0, 12.0, 0.0, 4.0), (0, 1, 12.0, 0.0, 9.0), (0, 2, -12.0, 0.0, 1.0)]
    hits = hits_of(place([*rows, (0, 4, -12.0, 0.0, 1.0)]), toy)  # 4 has no lit neighbour
    assert float(topology.centre_persistence(hits).value) == pytest.approx((6 - 3) / (6 + 3))


def test_halo_has_few_lit_cells_beside_it(pion: Hits) -> None:
    # Lit beside the seven hits from layer 3 on: 4 and 3 in layer 3 (the track's end is one of the
    # first's), 4 and 4 in layer 4, none, 3 in layer 5, and 1 in layer 6.
    assert float(topology.halo_share(pion).value) == pytest.approx(2 / 7)


def test_clusters_of_each_layer(pion: Hits) -> None:
    clusters = topology.layer_clusters(pion)
    assert clusters.value.tolist() == [1, 1, 1, 1, 2, 1, 1, 0]
    assert clusters.group.tolist() == list(range(8))


def test_a_detector_of_one_section_has_no_shares(pion: Hits) -> None:
    shares = topology.section_share(pion)
    assert (len(shares.value), shares.num_groups) == (0, 1)


def test_shares_of_sections_of_other_cells(toy: Geometry) -> None:
    pitches = [5.0, 5.0, 5.5, 30.0, 30.0, 10.0, 10.0, 10.0]  # 5.5 is no new section
    layers = [
        replace(layer, segmentation=Cartesian(pitch_mm=(pitch, pitch), nx=9, ny=9))
        for layer, pitch in zip(toy.layers, pitches, strict=True)
    ]
    geometry = Geometry(name="sections", layers=layers)
    layer = torch.tensor([0, 2, 3, 6, 7])
    points = torch.zeros(5, 4)
    points[:, 2] = torch.tensor([1.0, 2.0, 4.0, 2.0, 1.0])
    incident = Incident(
        energy=torch.tensor([1000.0]),
        direction=torch.tensor([[0.0, 0.0, 1.0]]),
        position=torch.zeros(1, 3),
        pdg=torch.tensor([211]),
    )
    showers = Showers(points, layer, ptr_from_counts(torch.tensor([5])), incident)
    shares = topology.section_share(hits_of(showers, geometry))
    torch.testing.assert_close(shares.value, torch.tensor([0.3, 0.4, 0.3]).double())
    assert (shares.group.tolist(), shares.num_groups) == ([0, 1, 2], 3)


def test_shower_without_hits_has_none_of_it(place: Callable[..., Showers], toy: Geometry) -> None:
    hits = hits_of(place([], number=1), toy)
    for observable in topology.OBSERVABLES:
        values: Values = observable(hits)
        assert float(values.value.sum()) == 0
        assert len(values.value) == (8 if observable.name == "layer_clusters" else 0)


def test_pions_begin_later_and_have_smaller_cores_than_electrons() -> None:
    geometry = Geometry.load("hgcal")

    def showers(particle: str) -> Hits:
        gun = ParticleGun(particle=particle, energy_GeV=20.0, direction=(0, 0, 1))
        drawn = ParametricSimulation(geometry).simulate(gun.draw(40, seed=1), seed=1)
        return hits_of(drawn.above_threshold(geometry)[0], geometry)

    pions, electrons = showers("pion+"), showers("electron")
    start = [topology.interaction_layer(hits).value for hits in (pions, electrons)]
    assert start[0].mean() > start[1].mean() + 5 and start[1].max() <= 3
    # A track: one hit of about a MIP in each layer, in the axis's own cell.
    assert topology.stub_layer_hits(pions).value.mean() == pytest.approx(1, abs=0.15)
    assert topology.stub_layer_energy(pions).value.median() == pytest.approx(1, rel=0.3)
    assert topology.stub_radius(pions).value.median() < 6
    core = [topology.core_share(hits).value.mean() for hits in (pions, electrons)]
    assert core[0] < 0.8 * core[1]
