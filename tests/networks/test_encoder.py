"""The encoder: one Gaussian a shower, whatever the order of its hits."""

import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.encoder import ShowerEncoder


def test_shapes_gradients_and_order() -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 5)
    encoder = ShowerEncoder(geometry, latent=3, width=16)
    encoder.fit(showers)
    mean, log_variance = encoder(showers)
    assert mean.shape == log_variance.shape == (5, 3)
    (mean.sum() + log_variance.sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name
    torch.testing.assert_close(encoder(showers[3])[0][0], mean[3], rtol=1e-4, atol=1e-5)


def test_mirror_turns_the_coordinate_across_the_tilt() -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 4)
    encoder = ShowerEncoder(geometry, latent=3, width=16)
    encoder.fit(showers)
    plain, mirrored = encoder(showers, torch.ones(4))[0], encoder(showers, -torch.ones(4))[0]
    torch.testing.assert_close(plain, encoder(showers)[0])
    assert not torch.allclose(plain, mirrored)
