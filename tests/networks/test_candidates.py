"""Candidate cells: complete, known probability of being looked at, true neighbours."""

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.candidates import Pool
from pointcalo.networks.edges import SECOND, Cells, edges_beside
from pointcalo.networks.order import outwards
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame, Showers
from pointcalo.showers.noise import Noise

NEAR = 30


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


def _pool(geometry: Geometry, showers: Showers, seed: int = 1) -> Pool:
    profile, frame = Profile.of(showers, geometry), ShowerFrame(showers.incident, geometry.layer_z)
    return Pool(
        geometry,
        frame,
        profile.counts,
        outwards(geometry, frame, Budget(geometry, profile))[0],
        Noise.for_showers(seed, torch.arange(len(showers))),
        near=NEAR,
    )


def test_look_gives_distinct_rising_keys(toy: Geometry) -> None:
    pool = _pool(toy, blobs(toy, 20))
    key, is_sure = pool.look(pool.near, pool.far)
    assert bool((key.diff() > 0).all())
    assert set(key[is_sure].tolist()) == set(pool.near.tolist())
    cells = pool.cells(key)
    assert torch.equal(cells.shower * toy.num_cells + cells.cell, key)
    assert torch.equal(cells.segment, cells.shower * toy.num_layers + toy.layer_of(cells.cell))


def test_enough_for_the_profile_and_none_in_empty_layers(toy: Geometry) -> None:
    showers = blobs(toy, 20, hits=120)
    pool = _pool(toy, showers)
    have = torch.bincount(
        pool.cells(pool.look(pool.near, pool.far)[0]).segment, minlength=20 * toy.num_layers
    )
    counts = Profile.of(showers, toy).counts.flatten()
    assert bool((have >= counts).all())
    assert bool((have[counts == 0] == 0).all())


def test_far_cells_are_looked_at_with_the_stated_probability(toy: Geometry) -> None:
    showers = blobs(toy, 1, hits=20)
    seeds = 600
    seen = torch.zeros(toy.num_cells)
    stated = torch.zeros(toy.num_cells)
    for seed in range(seeds):
        pool = _pool(toy, showers, seed)
        key, is_sure = pool.look(pool.near, pool.far)
        cells = pool.cells(key)
        seen[cells.cell] += 1.0
        stated[cells.cell] = pool.log_inclusion(cells, pool.uv(cells), is_sure).exp()
    seen /= seeds
    near = stated == 1
    assert torch.equal(seen[near], torch.ones(int(near.sum())))
    far = (stated > 0.02) & (stated < 1)
    assert int(far.sum()) > 50
    # the density is taken at the cell's centre: right to some per cent away from the inner edge
    assert abs(float(seen[far].sum() / stated[far].sum()) - 1) < 0.1


@pytest.mark.parametrize("kind", [0, SECOND])
def test_edges_of_the_same_layer_are_the_neighbours(toy: Geometry, kind: int) -> None:
    showers = blobs(toy, 5)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    hits = Cells.of(toy, showers.index, showers.cell)
    edges = edges_beside(toy, frame, hits)
    same = edges.where(edges.kind == kind)
    got = set(zip(same.source.tolist(), same.target.tolist(), strict=True))
    table = toy.second_neighbour_table if kind else toy.neighbour_table
    expected = {
        (number, shower * toy.num_cells + cell)
        for number, (shower, row) in enumerate(
            zip(hits.shower.tolist(), table(hits.cell).tolist(), strict=True)
        )
        for cell in row
        if cell >= 0
    }
    assert got == expected


def test_edges_between_layers_follow_the_axis(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    pool = _pool(toy, showers)
    hits = Cells.of(toy, showers.index, showers.cell)
    edges = edges_beside(toy, pool.frame, hits)
    for kind, step in ((1, 1), (3, -1)):
        on = edges.where(edges.kind == kind)
        assert len(on.source) > 20
        beside = pool.cells(on.target)
        assert torch.equal(beside.layer, hits.layer[on.source] + step)
        apart = pool.uv(beside) - pool.uv(hits)[on.source]
        assert float(apart.norm(dim=1).max()) <= 12 / 3**0.5 + 1e-3  # inside the same hexagon


def test_edges_among_hits_in_any_order(toy: Geometry) -> None:
    showers = blobs(toy, 3)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    hits = Cells.of(toy, showers.index, showers.cell)
    key = hits.shower * toy.num_cells + hits.cell
    among = edges_beside(toy, frame, hits).among(key)
    assert len(among.source) > 50
    order = torch.randperm(len(key), generator=torch.Generator().manual_seed(1))
    turned = edges_beside(toy, frame, hits[order]).among(key[order])
    pairs = set(zip(among.source.tolist(), among.target.tolist(), strict=True))
    again = zip(order[turned.source].tolist(), order[turned.target].tolist(), strict=True)
    assert pairs == set(again)


def test_turns_part_neighbours(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    pool = _pool(toy, showers)
    hits = Cells.of(toy, showers.index, showers.cell, pool.order)
    edges = edges_beside(toy, pool.frame, hits)
    assert bool((hits.turn[edges.source] != pool.cells(edges.target).turn).all())
