"""Autoencoders of points: the distance to the shower in place of a likelihood."""

import pytest
import torch
from models.batches import OneBatch, along_tilt, fit, hide_the_own_axis, on_one_side
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.models.bibae import BIBAE
from pointcalo.models.vae import VAE
from pointcalo.networks.misfit import misfit
from pointcalo.networks.point_set import V
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


def model_of(kind: type, showers: Showers, toy: Geometry, **options: float) -> VAE | BIBAE:
    torch.manual_seed(1)
    generator = SetGenerator(toy, latent=2, width=16)
    profile = ProfileModel(toy, width=16, components=2)
    model = kind(profile, generator, encoder_width=16, **options)
    model.prepare(OneBatch(showers))
    return model


def scores(model: VAE | BIBAE, showers: Showers, latent: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(2)
    noise = Noise.for_showers(1, torch.arange(len(showers)))
    with torch.no_grad():
        return misfit(model.generator, showers, latent, noise, distance=1.0)["distance"]


@pytest.mark.parametrize("kind", [VAE, BIBAE])
def test_a_short_fit_brings_points_nearer_and_the_latent_matters(
    kind: type, toy: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Showers on one side of their axis or on the other: the latent says which."""
    hide_the_own_axis(monkeypatch)
    showers = on_one_side(toy, 64)
    quiet = {"adversarial": 0.0, "difference": 0.0} if kind is BIBAE else {}
    model = model_of(kind, showers, toy, **quiet)

    def encoded() -> torch.Tensor:
        with torch.no_grad():
            return model._encoded(showers).mean if kind is BIBAE else model.encoder(showers)[0]

    before = scores(model, showers, encoded()).mean()
    fit(model, "generator", showers, 80, 1e-2)
    own = encoded()
    after = scores(model, showers, own).mean()
    assert after < 0.9 * before
    assert scores(model, showers, own.roll(1, dims=0)).mean() > 1.05 * after
    noise, profile = Noise.for_showers(1, torch.arange(64)), Profile.of(showers, toy)
    made = model.generate(own, showers.incident, profile, noise)
    right = (along_tilt(toy, made) > 0).float()
    share = torch.stack([right[made.index % 2 == k].mean() for k in (0, 1)])
    assert share[1] - share[0] > 0.3


def test_points_are_mirrored_across_the_tilt(toy: Geometry) -> None:
    showers = blobs(toy, 6)
    coordinates = model_of(VAE, showers, toy).generator.coordinates
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    torch.manual_seed(3)
    plain = coordinates.encode(showers)
    torch.manual_seed(3)
    mirrored = coordinates.encode(showers, sign)
    mean, deviation = coordinates.standardise.mean, coordinates.standardise.deviation
    raw = plain.features * deviation + mean
    raw[:, V] *= sign[plain.shower]
    torch.testing.assert_close(mirrored.features, (raw - mean) / deviation)


def test_a_score_is_of_its_own_shower(toy: Geometry) -> None:
    """Showers without hits and with a single one among them."""
    showers = blobs(toy, 5)
    model = model_of(VAE, showers, toy)
    number = torch.arange(showers.num_points) - showers.ptr[showers.index]
    few = showers.keep((showers.index > 1) | ((showers.index == 1) & (number == 0)))
    assert few.counts.tolist()[:2] == [0, 1]
    latent = torch.randn(5, 2)
    score = scores(model, few, latent)
    assert float(score[0]) == 0.0
    assert bool((score[1:].isfinite() & (score[1:] > 0)).all())
    other = scores(model, few, latent + torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])[:, None])
    torch.testing.assert_close(other[:4], score[:4])
    assert float(other[4]) != float(score[4])
