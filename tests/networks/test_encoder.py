"""The encoder: one Gaussian a shower, whatever the order of its hits."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.encoder import ShowerEncoder

KINDS = pytest.mark.parametrize("kind", ["set", "graph"])


@KINDS
def test_shapes_gradients_and_order(kind: str) -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 5)
    encoder = ShowerEncoder(geometry, latent=3, width=16, kind=kind)
    encoder.fit(showers)
    mean, log_variance = encoder(showers)
    assert mean.shape == log_variance.shape == (5, 3)
    (mean.sum() + log_variance.sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name
    torch.testing.assert_close(encoder(showers[3])[0][0], mean[3], rtol=1e-4, atol=1e-5)
    order = (showers.index * 1000 + torch.randint(1000, (showers.num_points,))).argsort()
    mixed = {name: getattr(showers, name)[order] for name in ("points", "layer", "cell")}
    torch.testing.assert_close(encoder(replace(showers, **mixed))[0], mean, rtol=1e-4, atol=1e-5)


@KINDS
def test_mirror_turns_the_coordinate_across_the_tilt(kind: str) -> None:
    torch.manual_seed(1)
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 4)
    encoder = ShowerEncoder(geometry, latent=3, width=16, kind=kind)
    encoder.fit(showers)
    plain, mirrored = encoder(showers, torch.ones(4))[0], encoder(showers, -torch.ones(4))[0]
    torch.testing.assert_close(plain, encoder(showers)[0])
    assert not torch.allclose(plain, mirrored)


def test_only_a_graph_knows_which_hits_lie_beside_one_another() -> None:
    """What a hit says changes with the hits beside it, and with no other."""
    torch.manual_seed(1)
    geometry = Geometry.load("toy")
    cell = geometry.nearest(torch.tensor([2]), torch.zeros(1, 2), 1)[0, 0]
    beside = next(int(c) for c in geometry.neighbour_table(cell[None])[0] if c >= 0)
    far = int(geometry.layer_start[3]) - 1
    heard = {}
    for kind in ("set", "graph"):
        encoder = ShowerEncoder(geometry, latent=3, width=16, kind=kind)
        told = torch.randn(2, 16)
        for other in (beside, far):
            pair = blobs(geometry, 1)[:1]
            cells = torch.tensor([int(cell), other])
            pair = replace(
                pair,
                points=pair.points[:2],
                layer=geometry.layer_of(cells),
                cell=cells,
                ptr=torch.tensor([0, 2]),
            )
            one, two = (encoder._heard(told * torch.tensor([[1.0], [k]]), pair) for k in (1, 2))
            heard[kind, other] = not torch.equal(one[0], two[0])
    assert heard == {
        ("set", beside): False,
        ("set", far): False,
        ("graph", beside): True,
        ("graph", far): False,
    }


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.encoder: got 'image', expected set or graph"):
        ShowerEncoder(Geometry.load("toy"), latent=3, kind="image")
