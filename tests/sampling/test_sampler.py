"""Sampling: batches bounded by points, showers that do not depend on them."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Cartesian, Geometry, Hexagonal
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.sampling import Sampler
from pointcalo.sampling.same_cells import same_cells
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise


def _toy_with(cells: Cartesian | Hexagonal) -> Geometry:
    layers = [replace(layer, segmentation=cells) for layer in Geometry.load("toy").layers]
    return Geometry("other", layers)


def _model(geometry: Geometry) -> VAE:
    torch.manual_seed(1)
    model = VAE(
        ProfileModel(geometry, width=16, components=2),
        CellGenerator(geometry, latent=3, width=16, components=2, near=30),
    )
    for part in (model.profile, model.generator, model.encoder):
        part.fit(blobs(geometry, 20))
    return model


def test_the_same_showers_whatever_the_batch() -> None:
    geometry = Geometry.load("toy")
    model, incident = _model(geometry), incident_particles(12)
    large = Showers.cat(list(Sampler(model).sample(incident, seed=3)))
    small = Sampler(model, max_points=100, max_showers=5)
    batches = list(small.sample(incident, seed=3))
    assert len(batches) > 2
    again = Showers.cat(batches)
    assert torch.equal(again.ptr, large.ptr) and torch.equal(again.cell, large.cell)
    torch.testing.assert_close(again.points, large.points, rtol=1e-4, atol=1e-4)
    last = Showers.cat(list(small.sample(incident[7:], seed=3, first=7)))
    assert torch.equal(last.cell, large[7:].cell)


def test_another_seed_gives_other_showers() -> None:
    geometry = Geometry.load("toy")
    sampler, incident = Sampler(_model(geometry)), incident_particles(5)
    a, b = (Showers.cat(list(sampler.sample(incident, seed=seed))) for seed in (1, 2))
    assert a.counts.tolist() != b.counts.tolist()


def test_batches_are_bounded_by_points() -> None:
    geometry = Geometry.load("toy")
    sampler = Sampler(_model(geometry), max_points=100, max_showers=3)
    slices = list(sampler._batches([50, 50, 1, 300, 10, 10, 10, 10]))
    assert [(s.start, s.stop) for s in slices] == [(0, 2), (2, 3), (3, 4), (4, 7), (7, 8)]


def test_other_latents_keep_the_profile_and_change_the_cells() -> None:
    geometry = Geometry.load("toy")
    model, incident = _model(geometry), incident_particles(12)
    for weights in model.generator.parameters():  # untrained, it does not look at its latent
        weights.data += 0.1 * torch.randn(weights.shape)
    sampler = Sampler(model)
    same, other = (
        Showers.cat(list(sampler.sample(incident, seed=3, latent_seed=seed))) for seed in (3, 4)
    )
    assert torch.equal(same.cell, Showers.cat(list(sampler.sample(incident, seed=3))).cell)
    assert torch.equal(same.layer_sums(8)[0], other.layer_sums(8)[0])
    assert not torch.equal(same.cell, other.cell)


SQUARES = Cartesian(pitch_mm=(8.0, 8.0), nx=41, ny=41)
HOLED = Hexagonal(pitch_mm=12.0, radius_mm=150.0, offset_mm=(4.0, 1.0), holes=((0, 0, 30.0),))


def test_which_cells_are_of_the_same_size_and_kind() -> None:
    toy = Geometry.load("toy")
    assert same_cells(toy, toy) and same_cells(toy, _toy_with(HOLED))
    assert not same_cells(toy, _toy_with(SQUARES))
    assert not same_cells(toy, _toy_with(Hexagonal(pitch_mm=8.0, radius_mm=150.0)))
    side = 12.0 * (3**0.5 / 2) ** 0.5  # as large as the hexagons
    assert not same_cells(toy, _toy_with(Cartesian(pitch_mm=(side, side), nx=30, ny=30)))


def test_on_other_cells_the_showers_are_those_of_the_own_carried_over() -> None:
    toy, other = Geometry.load("toy"), _toy_with(SQUARES)
    model, incident = _model(toy), incident_particles(12)
    own = Showers.cat(list(Sampler(model).sample(incident, seed=3)))
    sampler = Sampler(model, other, max_showers=5)
    there = Showers.cat(list(sampler.sample(incident, seed=3)))
    assert sampler.geometry is other and sampler.other is not None and not sampler.other.lights
    assert torch.equal(other.cell_at(there.layer, there.xy), there.cell)
    assert bool((there.energy >= other.layer_threshold[there.layer]).all())
    energy = there.energy.sum() / own.energy.sum()
    assert 0.98 < float(energy) <= 1.0 + 1e-6  # but for hits below threshold
    again = Showers.cat(list(Sampler(model, other).sample(incident[7:], seed=3, first=7)))
    assert torch.equal(again.cell, there[7:].cell)


def test_cells_about_as_large_are_lit_anew_with_the_hits_carried_over() -> None:
    toy, other = Geometry.load("toy"), _toy_with(Cartesian(pitch_mm=(10.5, 10.5), nx=41, ny=41))
    model, incident = _model(toy), incident_particles(12)
    own = Showers.cat(list(Sampler(model).sample(incident, seed=3)))
    sampler = Sampler(model, other, max_showers=5)
    there = Showers.cat(list(sampler.sample(incident, seed=3)))
    assert sampler.other is not None and sampler.other.lights
    noise = Noise.for_showers(3, torch.arange(12))
    carried, _ = sampler.other.transfer(own, noise)
    for found, expected in zip(there.layer_sums(8), carried.layer_sums(8), strict=True):
        torch.testing.assert_close(found, expected)
    assert not torch.equal(there.cell, carried.cell)
    whole = Showers.cat(list(Sampler(model, other).sample(incident, seed=3)))
    assert torch.equal(whole.cell, there.cell)


def test_the_same_cells_elsewhere_are_lit_by_the_generator() -> None:
    holed = _toy_with(HOLED)
    sampler = Sampler(_model(Geometry.load("toy")), holed)
    assert sampler.other is None and sampler.model.generator.geometry is holed


def test_what_lies_beyond_the_other_cells_is_lost() -> None:
    small = _toy_with(Cartesian(pitch_mm=(5.0, 5.0), nx=2, ny=2))
    sampler = Sampler(_model(Geometry.load("toy")), small)
    there = Showers.cat(list(sampler.sample(incident_particles(5), seed=3)))
    assert 0.1 < sampler.loss.share < 1.0
    assert float(there.xy.abs().max()) <= 5.0


def test_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="layers of other depths or thresholds than toy"):
        Sampler(_model(Geometry.load("toy")), Geometry.load("hgcal"))
