"""Sampling: batches bounded by points, showers that do not depend on them."""

import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Geometry
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.sampling import Sampler
from pointcalo.showers import Showers


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
