"""Showers near an edge: nothing on cells that are not there, and what is missing is counted."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.models.vae import VAE
from pointcalo.models.wgan import WGAN
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel, radius_with_cells
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident, Showers
from pointcalo.training.checkpoint import load_weights_into

RADIUS = 40.0


def toy(**outline: tuple) -> Geometry:
    """The toy with another outline, radius 98 mm."""
    whole = Geometry.load("toy")
    layers = [
        replace(layer, segmentation=replace(layer.segmentation, **outline))
        for layer in whole.layers
    ]
    return Geometry("cut", layers)


def half() -> Geometry:
    """Cells at x < 1 mm only: their edge zigzags about x = 4.5 mm."""
    return toy(outline_mm=((-120.0, -120.0), (1.0, -120.0), (1.0, 120.0), (-120.0, 120.0)))


def model_of(kind: str) -> Model:
    geometry = Geometry.load("toy")
    torch.manual_seed(1)
    profile = ProfileModel(geometry, width=16, components=2)
    if kind == "cells":
        model = VAE(profile, CellGenerator(geometry, latent=3, width=16, components=2, near=30))
    else:
        model = WGAN(profile, SetGenerator(geometry, latent=3, width=16, blocks=1))
    for part in (model.profile, model.generator):
        part.fit(blobs(geometry, 20))
    model.profile.seen_radius.fill_(RADIUS)
    return model


@pytest.fixture(params=["cells", "set"])
def model(request: pytest.FixtureRequest) -> Model:
    return model_of(request.param)


def straight(number: int, x: float) -> Incident:
    """Particles along z at (x, 0)."""
    incident = incident_particles(number, spread=0.0)
    position = torch.tensor([[x, 0.0, 0.0]]).repeat(number, 1)
    direction = torch.tensor([[0.0, 0.0, 1.0]]).repeat(number, 1)
    return Incident(incident.energy, direction, position, incident.pdg)


def test_far_from_edges_nothing_changes(model: Model) -> None:
    incident = incident_particles(10)
    sampler = Sampler(model)
    showers = Showers.cat(list(sampler.sample(incident, seed=2)))
    model.profile.seen_radius.zero_()
    plain = Showers.cat(list(Sampler(model).sample(incident, seed=2)))
    assert torch.equal(showers.points, plain.points) and torch.equal(showers.cell, plain.cell)
    assert (sampler.loss.near, sampler.loss.lost) == (0, 0.0) and sampler.loss.showers == 10


def test_an_axis_on_the_edge_loses_about_half(model: Model) -> None:
    geometry = half()
    sampler = Sampler(model.on(geometry))
    showers = Showers.cat(list(sampler.sample(straight(30, 1.5), seed=2)))
    assert sampler.loss.near == sampler.loss.showers == 30
    assert 0.15 < sampler.loss.share < 0.7  # the model is untrained: its showers are wide
    held = float(showers.energy.double().sum())
    assert held + sampler.loss.lost == pytest.approx(sampler.loss.energy, rel=1e-6)
    assert torch.equal(geometry.cell_at(showers.layer, showers.xy), showers.cell)
    threshold = geometry.layer_threshold[showers.layer]
    assert (showers.energy >= threshold * (1 - 1e-6)).all()


def test_the_loss_falls_with_the_distance(model: Model) -> None:
    shares = []
    for x in (30.0, 5.0, -10.0, -30.0):
        sampler = Sampler(model.on(half()))
        list(sampler.sample(straight(20, x), seed=3))
        shares.append(sampler.loss.share)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.5 > shares[-1]  # showers of an untrained model are wide


def test_beside_the_detector_all_is_lost(model: Model) -> None:
    sampler = Sampler(model.on(half()))
    showers = Showers.cat(list(sampler.sample(straight(5, 80.0), seed=2)))
    assert showers.num_points == 0 and len(showers) == 5
    assert sampler.loss.share == pytest.approx(1.0)


def test_a_hole_takes_its_part(model: Model) -> None:
    shares = []
    for radius in (7.0, 15.0, 30.0):
        sampler = Sampler(model.on(toy(holes=((0.0, 0.0, radius),))))
        list(sampler.sample(straight(20, 0.0), seed=3))
        shares.append(sampler.loss.share)
    assert shares == sorted(shares)
    assert 0.02 < shares[0] and shares[-1] > 1.2 * shares[0]


def test_near_and_far_showers_keep_their_order(model: Model) -> None:
    near, far = straight(4, 0.0), straight(4, -50.0)
    mixed = Incident.cat([near, far])[torch.tensor([0, 4, 5, 1, 2, 6, 7, 3])]
    one = Sampler(model.on(half()), max_showers=3)
    whole = Showers.cat(list(Sampler(model.on(half())).sample(mixed, seed=5)))
    again = Showers.cat(list(one.sample(mixed, seed=5)))
    assert torch.equal(whole.cell, again.cell) and torch.equal(whole.ptr, again.ptr)
    torch.testing.assert_close(whole.points, again.points, rtol=1e-4, atol=1e-4)
    assert torch.equal(whole.incident.position, mixed.position)
    assert one.loss.near == 4


def test_in_the_middle_of_a_round_detector_nothing_lies_beyond() -> None:
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 50)
    radius = radius_with_cells(showers, geometry)
    assert radius.shape == (8,) and (radius > 40.0).all() and (radius < 98.0).all()
    model = model_of("cells")
    model.profile.seen_radius.fill_(93.0)
    assert not Sampler(model).beyond.near(straight(3, 0.0)).any()


def test_weights_without_the_radius_still_load() -> None:
    model = model_of("cells")
    weights = {k: v for k, v in model.state_dict().items() if k != "profile.seen_radius"}
    fresh = model_of("cells")
    fresh.profile.seen_radius.zero_()
    load_weights_into(fresh, weights)
    assert not Sampler(fresh).beyond.known


def test_another_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="layers of other depths or thresholds than toy"):
        model_of("cells").on(Geometry.load("hgcal"))
