"""The profile model: a likelihood that sums to one, samples that follow it."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Geometry
from pointcalo.networks.profile import Profile, ProfileModel, axis_cell
from pointcalo.showers import ShowerFrame, Showers
from pointcalo.showers.noise import Noise


def _model(geometry: Geometry) -> ProfileModel:
    torch.manual_seed(1)
    model = ProfileModel(geometry, width=24, components=3)
    model.fit(blobs(geometry, 50))
    return model


def test_profile_and_excess_by_hand() -> None:
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 3)
    profile = Profile.of(showers, geometry)
    assert int(profile.counts.sum()) == showers.num_points
    excess = profile.excess(geometry.layer_threshold)
    expected = showers.energy.sum() - geometry.layer_threshold[showers.layer].sum()
    torch.testing.assert_close(excess.sum(), expected)


def test_own_axis_by_hand() -> None:
    """Hits on a straight line have this line for an axis; one hit, no slope."""
    geometry = Geometry.load("toy")
    some = blobs(geometry, 3)
    frame = ShowerFrame(some.incident, geometry.layer_z)
    layer = torch.arange(geometry.num_layers)
    slope, place = torch.tensor([0.3, -0.1]), torch.tensor([2.0, 5.0])
    uv = place + slope * (geometry.layer_z[:, None] - 40.0)
    layer, uv = torch.cat([layer, layer[3:4]]), torch.cat([uv, torch.tensor([[7.0, -8.0]])])
    index = torch.tensor([0] * geometry.num_layers + [2])
    energy = torch.linspace(1.0, 3.0, len(index))[:, None]
    showers = Showers(
        points=torch.cat(
            [frame.from_frame(uv, layer, index), energy, torch.ones(len(index), 1)], 1
        ),
        layer=layer,
        ptr=torch.tensor([0, geometry.num_layers, geometry.num_layers, len(index)]),
        incident=some.incident,
    )
    profile = Profile.of(showers, geometry)
    z = geometry.layer_z
    depth = z - (energy[:-1, 0] * z).sum() / energy[:-1].sum()
    stiff = 1 + (0.1 * z.max()) ** 2 / ((energy[:-1, 0] * depth**2).sum() / energy[:-1].sum())
    torch.testing.assert_close(profile.axis[0, 2:], slope / stiff, rtol=1e-4, atol=1e-5)
    centre = profile.centre(geometry)
    torch.testing.assert_close(
        centre[0] + (slope - slope / stiff) * depth[:, None], uv[:-1], rtol=1e-4, atol=1e-3
    )
    assert profile.axis[1].tolist() == [0.0] * 4
    torch.testing.assert_close(profile.axis[2], torch.tensor([7.0, -8.0, 0.0, 0.0]))
    mirrored = Profile.of(showers, geometry, torch.tensor([-1.0, 1.0, 1.0])).axis
    torch.testing.assert_close(mirrored[0], profile.axis[0] * torch.tensor([1.0, -1.0, 1.0, -1.0]))


def test_samples_respect_threshold_and_batches() -> None:
    geometry = Geometry.load("toy")
    model = _model(geometry).eval()
    incident = incident_particles(30)
    together = model.sample(incident, Noise.for_showers(1, torch.arange(30)))
    alone = model.sample(incident[7:8], Noise.for_showers(1, torch.tensor([7])))
    assert torch.equal(together.counts[7], alone.counts[0])
    torch.testing.assert_close(together.energy[7], alone.energy[0])
    torch.testing.assert_close(together.axis[7], alone.axis[0], rtol=1e-4, atol=1e-4)
    assert bool((together.energy >= together.counts * geometry.layer_threshold).all())
    assert bool((together.counts <= geometry.layer_start.diff()).all())


def test_training_learns_the_profile() -> None:
    """Trained on blobs whose hits and energies are known, it gives their means back.

    The blobs are shifted as a whole, each by its own distance along the tilt.
    """
    geometry = Geometry.load("toy")
    showers = shifted(blobs(geometry, 300), geometry)
    model = _model(geometry)
    model.fit(showers)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = float(-model.log_prob(showers).mean().detach())
    for _ in range(80):
        loss = -model.log_prob(showers).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < first - 5
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name
    sample = model.eval().sample(showers.incident, Noise.for_showers(1, torch.arange(300)))
    true = Profile.of(showers, geometry)
    assert abs(float(sample.counts.sum() / true.counts.sum()) - 1) < 0.05
    assert abs(float(sample.energy.sum() / true.energy.sum()) - 1) < 0.1
    spread = sample.axis.std(dim=0) / true.axis.std(dim=0)
    assert bool(((spread > 0.75) & (spread < 1.3)).all())


def shifted(showers: Showers, geometry: Geometry) -> Showers:
    """Showers whose particles are said to enter elsewhere, by up to 15 mm along their tilt."""
    tilt = ShowerFrame(showers.incident, geometry.layer_z).tilt
    away = 30.0 * torch.rand(len(showers), 1, generator=torch.Generator().manual_seed(5)) - 15.0
    entry = showers.incident.position.clone()
    entry[:, :2] += away * tilt
    return showers.replace(incident=replace(showers.incident, position=entry))


def test_axis_offset_is_the_distance_in_cells() -> None:
    geometry = Geometry.load("toy")
    axis = torch.zeros(1, geometry.num_layers, 2)
    axis[..., 0] = 3.0
    size = geometry.area(torch.tensor([0])).sqrt()
    expected = torch.full((1, geometry.num_layers), 3.0 / float(size))
    torch.testing.assert_close(axis_cell(geometry, axis)[0], expected)
    assert float(axis_cell(geometry, axis + 1e4)[0].min()) == 5.0


def test_a_layer_without_threshold_is_refused() -> None:
    toy = Geometry.load("toy")
    layers = [replace(toy.layers[0], threshold=0.0), *toy.layers[1:]]
    with pytest.raises(ValueError, match=r"layers \[0\] have threshold 0.*threshold_MeV"):
        ProfileModel(Geometry("bare", layers))


def test_showers_without_a_hit_are_refused() -> None:
    toy = Geometry.load("toy")
    showers = blobs(toy, 4)
    with pytest.raises(ValueError, match="none of the first 4 training showers has a hit"):
        ProfileModel(toy).fit(showers.keep(showers.energy < 0))
