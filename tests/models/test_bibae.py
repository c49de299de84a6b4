"""The bottleneck autoencoder: what its latent says, its critics, its post-processor."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from models.batches import OneBatch, along_tilt, fit, hide_the_own_axis, on_one_side
from networks.showers import blobs
from torch import nn

from pointcalo.geometry import Geometry
from pointcalo.models.bibae import BIBAE
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import SEES, CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.sampling import Sampler
from pointcalo.showers import ENERGY, Showers
from pointcalo.showers.noise import Noise
from pointcalo.training.initial import initial_weights


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


def model_of(
    geometry: Geometry, showers: Showers, *, sees: Sequence[str] = SEES, **options: float
) -> BIBAE:
    torch.manual_seed(2)
    generator = CellGenerator(geometry, latent=2, width=16, components=2, near=40, sees=sees)
    profile = ProfileModel(geometry, width=16, components=2)
    model = BIBAE(profile, generator, encoder_width=16, critic_width=16, **options)
    model.prepare(OneBatch(showers))
    return model


def test_a_bottleneck_is_needed(toy: Geometry) -> None:
    generator = CellGenerator(toy, latent=0, width=16, components=2, near=40)
    with pytest.raises(ValueError, match=r"network.latent: got 0; model=bibae needs at least 1"):
        BIBAE(ProfileModel(toy, width=16, components=2), generator)


def test_the_latent_says_what_the_showers_have_in_common(
    toy: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither axis nor neighbours tell on which side a shower lies: the latent has to."""
    hide_the_own_axis(monkeypatch)
    showers = on_one_side(toy, 128)
    model = model_of(toy, showers, sees=(), adversarial=0.0, difference=0.0)
    fit(model, "generator", showers, 600, 1e-2)
    noise = Noise.for_showers(1, torch.arange(len(showers)))
    with torch.no_grad():
        own = model._encoded(showers).mean
        other = own[torch.randperm(len(own))]
        with_own, with_other = (
            float(model.generator.log_prob(showers, latent, noise)["occupancy"].mean())
            for latent in (own, other)
        )
    assert with_own > with_other + 3.0
    # and so do showers that are made with it
    profile = Profile.of(showers, toy)
    made = model.generate(own, showers.incident, profile, noise)
    right = (along_tilt(toy, made) > 0).float()
    share = torch.stack([right[made.index % 2 == k].mean() for k in (0, 1)])
    assert share[1] - share[0] > 0.3


def test_means_of_latents_are_spread_over_a_batch(toy: Geometry) -> None:
    """So that the encoder cannot fall silent; a shower alone is taken as the last ones were."""
    showers = blobs(toy, 30)
    model = model_of(toy, showers, mean_spread=0.5)
    for _ in range(300):  # until the first variance, 1, is forgotten
        mean = model._encoded(showers).mean
    torch.testing.assert_close(
        mean.std(dim=0, correction=0), torch.full((2,), 0.5), rtol=0.02, atol=0
    )
    alone = model._encoded(showers[7:8]).mean
    torch.testing.assert_close(alone, mean[7:8], rtol=0.05, atol=0.05)
    plain = model_of(toy, showers, mean_spread=0.0)
    assert torch.equal(plain._encoded(showers).mean, plain.encoder(showers)[0])


def test_opinions_reach_the_encoder(toy: Geometry) -> None:
    """Through cells, energies and times of reconstructions."""
    showers = blobs(toy, 20)
    model = model_of(toy, showers)
    encoded = model._encoded(showers)
    terms = model._opinions(encoded)
    for term in terms.values():
        parameters = list(model.encoder.parameters())
        gradients = torch.autograd.grad(term, parameters, retain_graph=True)
        assert all(bool((gradient != 0).any()) for gradient in gradients)


def test_nothing_is_left_of_a_shower_less_itself(toy: Geometry) -> None:
    showers = blobs(toy, 20)
    model = model_of(toy, showers)
    critic, profile = model.difference_critic, Profile.of(showers, toy)
    hits = model.generator.real(showers)
    layers = critic.context(showers.incident, profile)
    assert not bool((critic.sums(hits, layers, profile) - critic.sums(hits, layers, profile)).any())
    hotter = replace(hits, log_energy=hits.log_energy + 0.5)
    nothing, something, less = (
        critic.apart(a, b, showers.incident, profile)
        for a, b in ((hits, hits), (hotter, hits), (hits, hotter))
    )
    assert torch.equal(nothing, critic.judged(layers, torch.zeros_like(layers)))
    assert not torch.allclose(something, nothing)
    assert not torch.allclose(something, less)


def test_the_generators_own_showers_are_not_told_from_their_reconstructions(toy: Geometry) -> None:
    """As different from one as it is from another; other showers are told apart soon."""
    others = blobs(toy, 128)
    model = model_of(toy, others)
    particles, noise = Profile.of(others, toy), Noise.for_showers(5, torch.arange(128))
    own = model.generator(model.draw_latent(noise), others.incident, particles, noise)
    told_apart = {}
    for name, showers in (("own", own), ("others", others)):
        model = model_of(toy, others, mean_spread=0.0)
        fit(model, "critic", showers, 30, 1e-2)
        told_apart[name] = model.losses("critic", showers)["difference_told_apart"].item()
    assert told_apart["own"] > 1.0 > 0.5 > told_apart["others"]  # guessing: 2 log 2 = 1.386


def test_the_post_processor_repairs_the_spectrum_and_keeps_the_layers(toy: Geometry) -> None:
    """Showers with another spectrum come nearer; hits and energies of the layers stay."""
    showers = blobs(toy, 64)
    model = model_of(toy, showers)
    latent = torch.zeros(64, 2)
    profile, noise = Profile.of(showers, toy), Noise.for_showers(1, torch.arange(64))
    made = model.generator(latent, showers.incident, profile, noise)
    as_it_was = model.generate(latent, showers.incident, profile, noise)
    torch.testing.assert_close(as_it_was.points, made.points, rtol=1e-5, atol=1e-6)
    losses = fit(model, "post_processor", showers, 60, 1e-2)
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    corrected = model.generate(latent, showers.incident, profile, noise)
    assert not torch.allclose(corrected.points[:, ENERGY], made.points[:, ENERGY])
    counts, energy = corrected.layer_sums(toy.num_layers)
    assert torch.equal(counts, profile.counts)
    torch.testing.assert_close(energy, profile.energy, rtol=1e-5, atol=1e-5)
    assert bool((corrected.energy >= toy.layer_threshold[corrected.layer]).all())
    others = [0, 1, 3]  # x, y, time
    assert torch.equal(corrected.points[:, others], made.points[:, others])


def test_the_post_processor_learns_last_and_alone(toy: Geometry) -> None:
    showers = blobs(toy, 10)
    model = model_of(toy, showers, post_share=0.25)
    post = list(model.post_processor.parameters())
    for progress, moves in ((0.7, False), (0.8, True)):
        model.progress = progress
        (loss,) = model.losses("post_processor", showers).values()
        gradients = torch.autograd.grad(loss, post, materialize_grads=True, allow_unused=True)
        assert any(bool(gradient.any()) for gradient in gradients) == moves
        coders = list(model.players()["generator"].parameters)
        touched = torch.autograd.grad(
            model.losses("post_processor", showers)["spectrum"], coders, allow_unused=True
        )
        assert all(gradient is None for gradient in touched)


def test_showers_are_sampled_one_by_one_as_in_a_batch(toy: Geometry) -> None:
    """With latents of the memory and corrected energies."""
    showers = blobs(toy, 40)
    model = model_of(toy, showers)
    model.train().losses("generator", showers)
    assert int(model.memory.number) == 40
    model.eval().losses("generator", showers)
    assert int(model.memory.number) == 40
    nn.init.normal_(model.post_processor.hit[-1].weight, std=0.1)
    incident = showers.incident[:12]
    whole = Showers.cat(list(Sampler(model).sample(incident, seed=2)))
    parts = Showers.cat(list(Sampler(model, max_showers=5).sample(incident, seed=2)))
    assert torch.equal(whole.cell, parts.cell)
    torch.testing.assert_close(whole.points, parts.points, rtol=1e-4, atol=1e-5)


def test_begins_from_an_autoencoder(toy: Geometry) -> None:
    model = model_of(toy, blobs(toy, 10))
    vae = VAE(
        ProfileModel(toy, width=16, components=2),
        CellGenerator(toy, latent=2, width=16, components=2, near=40),
        encoder_width=16,
    )
    initial = initial_weights(model, vae.state_dict())
    assert {"profile", "generator", "encoder"} <= set(initial.taken)
