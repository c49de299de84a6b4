from collections.abc import Callable

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import Pair, auc_cells, auc_features, cell_training
from pointcalo.validation.metrics.cell_graphs import CellGraphs, graphs_of
from pointcalo.validation.metrics.cell_network import CellNetwork, LinkSum
from pointcalo.validation.metrics.estimate import DIFFERENT_INCIDENT, OK, TOO_FEW, UNDEFINED

Make = Callable[..., Showers]
Measure = Callable[[Showers], Measurement]


def network_of(graphs: CellGraphs) -> CellNetwork:
    torch.manual_seed(0)
    sizes = graphs.features.shape[1], graphs.condition.shape[1]
    return CellNetwork(*sizes, num_layers=8, typical_hits=40.0).eval()


def energies_along(showers: Showers, key: torch.Tensor) -> Showers:
    """The energies of each layer of each shower dealt out again to its cells, rising with key."""
    slot = showers.index * 8 + showers.layer

    def sorted_by(values: torch.Tensor) -> torch.Tensor:
        order = torch.argsort(values)
        return order[torch.argsort(slot[order], stable=True)]

    points = showers.points.clone()
    points[sorted_by(key), ENERGY] = showers.energy[sorted_by(showers.energy)]
    return showers.replace(points=points)


def across(showers: Showers, seed: int) -> torch.Tensor:
    """Position of each hit along a direction that is drawn for each layer of each shower."""
    random = torch.Generator().manual_seed(seed)
    angle = 2 * torch.pi * torch.rand(len(showers), 8, generator=random)
    angle = angle[showers.index, showers.layer]
    return (showers.xy * torch.stack([angle.cos(), angle.sin()], dim=1)).sum(1)


def test_links_are_to_lit_neighbours_and_to_the_same_place_in_adjacent_layers(
    place: Callable[..., Showers], toy: Geometry, measure_toy: Measure
) -> None:
    beside = toy.neighbour_table(toy.cell_at(torch.tensor([2]), torch.zeros(1, 2)))[0, 0]
    x, y = toy.position(beside[None])[0, :2].tolist()
    rows = [(0, 2, 0.0, 0.0, 1.0), (0, 2, x, y, 2.0), (0, 3, 0.0, 0.0, 3.0), (1, 2, 0.0, 0.0, 4.0)]
    graphs = graphs_of(measure_toy(place(rows, number=2)), 2)
    same, before, after = (link.toarray().tolist() for link in graphs.links)
    assert same == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert before == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert after == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_link_sum_has_the_gradient_of_its_sums(make_showers: Make, measure_toy: Measure) -> None:
    links = graphs_of(measure_toy(make_showers(3, seed=1)), 3).links[0].astype("float64")
    values = torch.randn(links.shape[1], 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: LinkSum.apply(v, links), (values,))


def test_the_order_of_hits_and_of_showers_does_not_matter(
    make_showers: Make, measure_toy: Measure
) -> None:
    showers = make_showers(6, seed=1)
    random = torch.Generator().manual_seed(2)
    order = torch.randperm(showers.num_points, generator=random)
    order = order[torch.argsort(showers.index[order], stable=True)]
    mixed = showers.replace(
        points=showers.points[order], layer=showers.layer[order], cell=showers.cell[order]
    )
    graphs, other = (graphs_of(measure_toy(s), 6) for s in (showers, mixed))
    network = network_of(graphs)
    torch.testing.assert_close(network(other), network(graphs), rtol=1e-4, atol=1e-5)
    some = torch.tensor([4, 1])
    torch.testing.assert_close(network(graphs[some]), network(graphs)[some], rtol=1e-4, atol=1e-5)


def test_showers_without_hits_and_with_one_have_scores(
    place: Callable[..., Showers], measure_toy: Measure
) -> None:
    graphs = graphs_of(measure_toy(place([(1, 2, 0.0, 0.0, 1.0)], number=3)), 3)
    odds = network_of(graphs)(graphs)
    assert odds.isfinite().all() and odds[0] == odds[2] != odds[1]


def test_a_mirrored_shower_is_the_shower_of_mirrored_positions(
    place: Callable[..., Showers], measure_toy: Measure
) -> None:
    right, left = (graphs_of(measure_toy(place([(0, 2, 0.0, y, 1.0)])), 1) for y in (40.0, -40.0))
    torch.testing.assert_close(right.mirrored(torch.tensor([-1.0])).features, left.features)


def test_pairs_are_in_one_fold_and_never_learnt_from_where_judged(
    make_showers: Make, measure_toy: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[torch.Tensor] = []
    judged: list[torch.Tensor] = []

    def trained(graphs: CellGraphs, pairs: torch.Tensor) -> CellNetwork:
        learnt.append(pairs)
        return network_of(graphs)

    def scores(network: CellNetwork, graphs: CellGraphs, pairs: torch.Tensor) -> torch.Tensor:
        judged.append(pairs)
        return cell_training.scores(network, graphs, pairs)

    monkeypatch.setattr(auc_cells, "trained", trained)
    monkeypatch.setattr(auc_cells, "scores", scores)
    sides = [graphs_of(measure_toy(make_showers(31, seed=seed)), 31) for seed in (1, 2)]
    auc_cells.held_out_scores(CellGraphs.cat(*sides), seed=1)
    assert sorted(torch.cat(judged).tolist()) == list(range(31))
    for known, asked in zip(learnt, judged, strict=True):
        assert sorted([*known.tolist(), *asked.tolist()]) == list(range(31))


def test_batches_hold_every_pair_once(
    make_showers: Make, measure_toy: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_training, "BATCH_POINTS", 100)
    side = graphs_of(measure_toy(make_showers(20, seed=1)), 20)
    pairs = torch.randperm(20)
    batches = list(cell_training._batches(CellGraphs.cat(side, side), pairs))
    assert len(batches) > 5
    assert torch.cat(batches).tolist() == pairs.tolist()


def test_alike_samples_are_not_told_apart_and_the_random_state_is_kept(
    make_showers: Make, measure_toy: Measure
) -> None:
    pair = Pair(*(measure_toy(make_showers(100, seed=seed)) for seed in (1, 2)))
    before = torch.random.get_rng_state()
    auc = auc_cells.auc_cells(pair)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert auc_cells.auc_cells(pair) == auc
    assert (auc.status, auc.n) == (TOO_FEW, 100)
    assert abs(auc.value - 0.5) < 3 * auc.uncertainty


def test_energies_shuffled_among_the_cells_of_a_layer_are_found(
    make_showers: Make, measure_toy: Measure
) -> None:
    # In the reference neighbours have similar energies. Lit cells, energies and sums of layers
    # are the same on both sides, and neither has a preferred direction.
    showers = make_showers(300, seed=1)
    shuffled = energies_along(showers, torch.rand(showers.num_points))
    reference = energies_along(showers, across(showers, seed=2))
    auc = auc_cells.auc_cells(Pair(measure_toy(reference), measure_toy(shuffled)))
    assert auc.value > 0.6


def test_statuses(
    make_showers: Make, measure_toy: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auc_features, "MIN_SHOWERS", 20)
    first, second = (measure_toy(make_showers(20, seed=1, incident_seed=k)) for k in (0, 1))
    assert auc_cells.auc_cells(Pair(first, first)).status == OK
    assert auc_cells.auc_cells(Pair(first, second)).status == DIFFERENT_INCIDENT
    assert auc_cells.auc_cells(Pair(first[:9], second[:9])).status == UNDEFINED


def test_large_samples_are_cut_to_a_stated_number_of_hits(
    make_showers: Make, measure_toy: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = measure_toy(make_showers(40, seed=1))
    monkeypatch.setattr(auc_cells, "MIN_SHOWERS", 15)
    monkeypatch.setattr(auc_cells, "MAX_POINTS", int(sample.showers.ptr[30]))
    assert auc_cells.auc_cells(Pair(sample, sample)).n == 30
    monkeypatch.setattr(auc_cells, "MAX_POINTS", 1)
    assert auc_cells.auc_cells(Pair(sample, sample)).n == 15
