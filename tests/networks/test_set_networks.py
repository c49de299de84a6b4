import pytest
import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Geometry
from pointcalo.networks.point_set import PointCoordinates, PointSet
from pointcalo.networks.profile import Profile
from pointcalo.networks.set_critic import SetCritic
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.showers import ENERGY, TIME, Showers
from pointcalo.showers.noise import Noise


@pytest.fixture(scope="module", params=["toy", "hgcal"])
def showers(request: pytest.FixtureRequest) -> tuple[Geometry, Showers]:
    geometry = Geometry.load(request.param)
    return geometry, blobs(geometry, 12)


@pytest.fixture(params=[0, 3], ids=["set", "attention"])
def tokens(request: pytest.FixtureRequest) -> int:
    return request.param


def fitted(geometry: Geometry, showers: Showers, tokens: int) -> SetGenerator:
    torch.manual_seed(2)
    generator = SetGenerator(geometry, latent=3, width=16, tokens=tokens)
    generator.fit(showers)
    return generator


def draw(generator: SetGenerator, showers: Showers, number: torch.Tensor) -> Showers:
    noise = Noise.for_showers(5, number)
    profile = Profile.of(showers, generator.geometry)
    return generator(noise.latent(3), showers.incident, profile, noise)


def test_points_are_sorted_by_layer_then_energy() -> None:
    counts = torch.tensor([[2, 0], [1, 2]])
    features = torch.zeros(5, 4)
    features[:, 2] = torch.tensor([1.0, 3.0, 0.0, 5.0, 7.0])
    points = PointSet(features, counts)
    assert points.slot_ptr.tolist() == [0, 2, 2, 3, 5]
    assert points.ptr.tolist() == [0, 2, 5]
    assert points.shower.tolist() == [0, 0, 1, 1, 1]
    assert points.layer.tolist() == [0, 0, 0, 1, 1]
    assert points.by_energy().features[:, 2].tolist() == [3.0, 1.0, 0.0, 7.0, 5.0]


def test_decode_inverts_encode(showers: tuple[Geometry, Showers]) -> None:
    geometry, real = showers
    torch.manual_seed(1)
    coordinates = PointCoordinates(geometry)
    coordinates.fit(real)
    points = coordinates.encode(real)
    assert torch.equal(points.counts, real.layer_sums(geometry.num_layers)[0])
    xy, time = coordinates.decode(points, real.incident)
    cell = geometry.cell_at(points.layer, xy)
    key = points.shower * geometry.num_cells + cell
    order, expected = key.argsort(), (real.index * geometry.num_cells + real.cell)
    assert torch.equal(key[order], expected)  # each point inside the cell it came from
    torch.testing.assert_close(time[order], real.points[:, TIME], rtol=0, atol=1e-4)
    assert points.features.mean(dim=0).abs().max() < 0.1
    assert (points.features.std(dim=0) - 1.0).abs().max() < 0.1


def test_energy_feature_agrees_with_encode(showers: tuple[Geometry, Showers]) -> None:
    geometry, real = showers
    coordinates = PointCoordinates(geometry)
    coordinates.fit(real)
    threshold = geometry.layer_threshold[real.layer]
    feature = coordinates.energy_feature((real.energy - threshold) / threshold)
    encoded = coordinates.encode(real).features[:, 2]
    torch.testing.assert_close(feature.sort().values, encoded.sort().values)


def test_the_profile_is_kept_exactly(showers: tuple[Geometry, Showers], tokens: int) -> None:
    geometry, real = showers
    made = draw(fitted(geometry, real, tokens), real, torch.arange(12))
    counts, energy = made.layer_sums(geometry.num_layers)
    wanted = Profile.of(real, geometry)
    assert torch.equal(counts, wanted.counts)
    torch.testing.assert_close(energy, wanted.energy, rtol=1e-6, atol=1e-6)
    assert (made.energy >= geometry.layer_threshold[made.layer]).all()
    assert torch.equal(made.layer, geometry.layer_of(made.cell))
    assert torch.equal(made.xy, geometry.position(made.cell)[:, :2])
    key = made.index * geometry.num_cells + made.cell
    assert (key.diff() > 0).all()  # distinct cells in rising order


def test_a_shower_does_not_depend_on_its_batch(
    showers: tuple[Geometry, Showers], tokens: int
) -> None:
    geometry, real = showers
    generator = fitted(geometry, real, tokens)
    together = draw(generator, real, torch.arange(12))
    for first in (0, 5):
        alone = draw(generator, real[first : first + 1], torch.tensor([first]))
        assert torch.equal(alone.cell, together[first].cell)
        torch.testing.assert_close(
            alone.points[:, ENERGY], together[first].points[:, ENERGY], rtol=1e-4, atol=1e-6
        )


def test_empty_showers_and_single_hits(tokens: int) -> None:
    geometry = Geometry.load("toy")
    generator = fitted(geometry, blobs(geometry, 12), tokens)
    incident = incident_particles(2)
    counts = torch.zeros(2, geometry.num_layers, dtype=torch.int64)
    counts[1, 3] = 1
    energy = torch.where(counts > 0, 2.5, 0.0)
    noise = Noise.for_showers(1, torch.arange(2))
    made = generator(
        noise.latent(3), incident, Profile(counts, energy, torch.zeros(len(counts), 4)), noise
    )
    assert made.counts.tolist() == [0, 1]
    assert made.energy.tolist() == pytest.approx([2.5])


def test_gradients_reach_every_parameter(tokens: int) -> None:
    geometry = Geometry.load("toy")
    real = blobs(geometry, 12)
    generator = fitted(geometry, real, tokens)
    critic = SetCritic(geometry, width=16, tokens=tokens)
    critic.fit(real)
    profile = Profile.of(real, geometry)
    noise = Noise.for_showers(1, torch.arange(12))
    points = generator.points(noise.latent(3), real.incident, profile, noise)
    score = critic(points, real.incident, profile)
    assert score.shape == (12,)
    for network in (generator, critic):
        parameters = list(network.parameters())
        gradients = torch.autograd.grad(score.sum(), parameters, retain_graph=True)
        assert all(bool((gradient != 0).any()) for gradient in gradients)


def test_the_critic_ignores_the_order_of_points(
    showers: tuple[Geometry, Showers], tokens: int
) -> None:
    geometry, real = showers
    torch.manual_seed(3)
    critic = SetCritic(geometry, width=16, tokens=tokens)
    critic.fit(real)
    coordinates = PointCoordinates(geometry)
    coordinates.fit(real)
    points, profile = coordinates.encode(real), Profile.of(real, geometry)
    backwards = points.slot.sub(points.slot.max()).neg().argsort(stable=True).flip(0)
    other = PointSet(points.features[backwards], points.counts)
    assert not torch.equal(other.features, points.features)
    torch.testing.assert_close(
        critic(other, real.incident, profile), critic(points, real.incident, profile)
    )
