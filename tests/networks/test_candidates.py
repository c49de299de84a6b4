"""Candidate cells: complete, known probability of being looked at, true neighbours."""

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.candidates import Candidates, build_candidates, edges_from_hits
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame, Showers
from pointcalo.showers.noise import Noise

NEAR = 30


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


def _candidates(geometry: Geometry, showers: Showers, seed: int, *, lit: bool) -> Candidates:
    return build_candidates(
        geometry,
        ShowerFrame(showers.incident, geometry.layer_z),
        Profile.of(showers, geometry).counts,
        Noise.for_showers(seed, torch.arange(len(showers))),
        near=NEAR,
        lit=(showers.index, showers.cell) if lit else None,
    )


def test_sorted_distinct_and_complete(toy: Geometry) -> None:
    showers = blobs(toy, 20)
    candidates = _candidates(toy, showers, 1, lit=True)
    key = candidates.shower * toy.num_cells + candidates.cell
    assert bool((key.diff() > 0).all())
    found = candidates.find(showers.index, showers.cell)
    assert torch.equal(candidates.cell[found], showers.cell)
    assert torch.equal(candidates.shower[found], showers.index)
    assert int(candidates.find(torch.tensor([0]), torch.tensor([-1]))) == -1


def test_enough_for_the_profile_and_none_in_empty_layers(toy: Geometry) -> None:
    showers = blobs(toy, 20, hits=120)
    candidates = _candidates(toy, showers, 1, lit=False)
    have = torch.bincount(candidates.segment, minlength=20 * toy.num_layers)
    counts = Profile.of(showers, toy).counts.flatten()
    assert bool((have >= counts).all())
    assert bool((have[counts == 0] == 0).all())


def test_far_cells_are_looked_at_with_the_stated_probability(toy: Geometry) -> None:
    showers = blobs(toy, 1, hits=20)
    seeds = 600
    seen = torch.zeros(toy.num_cells)
    stated = torch.zeros(toy.num_cells)
    for seed in range(seeds):
        candidates = _candidates(toy, showers, seed, lit=False)
        seen[candidates.cell] += 1.0
        stated[candidates.cell] = candidates.log_inclusion.exp()
    seen /= seeds
    near = stated == 1
    assert torch.equal(seen[near], torch.ones(int(near.sum())))
    far = (stated > 0.02) & (stated < 1)
    assert int(far.sum()) > 50
    # the density is taken at the cell's centre: right to some per cent away from the inner edge
    assert abs(float(seen[far].sum() / stated[far].sum()) - 1) < 0.1


def test_edges_of_the_same_layer_are_the_neighbours(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    candidates = _candidates(toy, showers, 1, lit=True)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    hit = candidates.find(showers.index, showers.cell)
    edges = edges_from_hits(toy, candidates, frame, hit)
    same = edges.where(edges.kind == 0)
    got = set(zip(same.source.tolist(), same.target.tolist(), strict=True))
    expected = set()
    for source in hit.tolist():
        for cell in toy.neighbour_table(candidates.cell[source : source + 1])[0].tolist():
            target = int(
                candidates.find(candidates.shower[source : source + 1], torch.tensor(cell))
            )
            if target >= 0:
                expected.add((source, target))
    assert got == expected


def test_edges_between_layers_follow_the_axis(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    candidates = _candidates(toy, showers, 1, lit=True)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    hit = candidates.find(showers.index, showers.cell)
    edges = edges_from_hits(toy, candidates, frame, hit)
    for kind, step in ((1, 1), (3, -1)):
        on = edges.where(edges.kind == kind)
        assert len(on.source) > 20
        assert torch.equal(candidates.layer[on.target], candidates.layer[on.source] + step)
        apart = candidates.uv[on.target] - candidates.uv[on.source]
        assert float(apart.norm(dim=1).max()) <= 12 / 3**0.5 + 1e-3  # inside the same hexagon


def test_turns_part_neighbours(toy: Geometry) -> None:
    showers = blobs(toy, 5)
    candidates = _candidates(toy, showers, 1, lit=True)
    frame = ShowerFrame(showers.incident, toy.layer_z)
    edges = edges_from_hits(toy, candidates, frame, torch.arange(len(candidates)))
    assert bool((candidates.turn[edges.source] != candidates.turn[edges.target]).all())
