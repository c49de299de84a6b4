"""The variational autoencoder: its bound, its players, what it learns."""

import pytest
import torch
from networks.showers import blobs
from torch import nn

from pointcalo.geometry import Geometry
from pointcalo.models.base import LATENT_STREAM
from pointcalo.models.bibae import BIBAE
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.showers.noise import Noise


def _vae(geometry: Geometry, **options: float | str) -> VAE:
    torch.manual_seed(1)
    model = VAE(
        ProfileModel(geometry, width=16, components=2),
        CellGenerator(geometry, latent=3, width=16, components=2, near=30),
        encoder_width=16,
        **options,
    )
    for part in (model.profile, model.generator, model.encoder):
        part.fit(blobs(geometry, 20))
    return model


def test_players_share_nothing_and_miss_nothing() -> None:
    model = _vae(Geometry.load("toy"))
    players = model.players()
    ids = [id(p) for player in players.values() for p in player.parameters]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in model.parameters()}


def test_kl_by_hand() -> None:
    model = _vae(Geometry.load("toy"), free_nats=0.0, warm_up=0.5)
    mean = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    log_variance = torch.zeros(2, 3)
    assert float(model._kl(mean, log_variance)) == pytest.approx(0.5 * (1 + 9) / 2)
    model.progress = 0.25
    assert float(model._kl(mean, log_variance)) == pytest.approx(0.25 * (1 + 9) / 2)


def test_free_nats_cost_nothing_to_use() -> None:
    model = _vae(Geometry.load("toy"), free_nats=0.5)
    mean = torch.full((4, 3), 0.1, requires_grad=True)
    kl = model._kl(mean, torch.zeros(4, 3))
    assert float(kl.detach()) == pytest.approx(1.5)
    kl.backward()
    assert mean.grad is not None and float(mean.grad.abs().sum()) == 0.0


def test_losses_reach_every_parameter() -> None:
    geometry = Geometry.load("toy")
    model = _vae(geometry)
    showers = blobs(geometry, 10)
    for name, player in model.players().items():
        losses = model.losses(name, showers)
        assert all(bool(loss.isfinite()) for loss in losses.values())
        gradients = torch.autograd.grad(sum(losses.values()), player.parameters)
        assert all(bool((gradient != 0).any()) for gradient in gradients)


def test_a_generator_of_another_kind_is_refused() -> None:
    geometry = Geometry.load("toy")
    for model, name in ((VAE, "vae"), (BIBAE, "bibae")):
        with pytest.raises(ValueError, match=rf"model={name} needs.*Identity; take network=cells"):
            model(ProfileModel(geometry), nn.Identity())


def test_latents_to_sample_with() -> None:
    """Normal ones, or drawn like those of training showers; validation leaves these alone."""
    geometry = Geometry.load("toy")
    noise = Noise.for_showers(1, torch.arange(7))
    assert torch.equal(_vae(geometry).draw_latent(noise), noise.latent(3, stream=LATENT_STREAM))
    model = _vae(geometry, latent="kde")
    model.eval().losses("generator", blobs(geometry, 10))
    assert int(model.memory.number) == 0
    model.train().losses("generator", blobs(geometry, 10))
    assert int(model.memory.number) == 10
    assert torch.equal(model.draw_latent(noise), model.memory.draw(noise, LATENT_STREAM))
    with pytest.raises(ValueError, match=r"model\.latent: got 'flow', expected normal or kde"):
        _vae(geometry, latent="flow")
