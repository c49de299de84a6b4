"""Networks in layers with cells of two sizes."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Composite, Geometry, Hexagonal
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.context import LayerContext
from pointcalo.networks.profile import Profile, ProfileModel, axis_cell, has_several_sizes
from pointcalo.showers.noise import Noise


@pytest.fixture(scope="module")
def two_sizes() -> Geometry:
    """The toy with hexagons of 8 mm inside a circle of 40 mm and of 16 mm outside."""
    parts = Composite(
        parts=(
            Hexagonal(pitch_mm=8, radius_mm=40),
            Hexagonal(pitch_mm=16, radius_mm=98, inner_radius_mm=50),
        )
    )
    layers = [replace(layer, segmentation=parts) for layer in Geometry.load("toy").layers]
    return Geometry("two sizes", layers)


def test_the_size_at_the_axis_is_known(two_sizes: Geometry) -> None:
    axis = torch.tensor([[0.0, 0.0], [72.0, 0.0]])[:, None].expand(-1, 8, -1)
    offset, log_area = axis_cell(two_sizes, axis)
    area = 0.5 * 3.0**0.5 * torch.tensor([64.0, 256.0])
    torch.testing.assert_close(log_area[:, 0], torch.log(area / 100.0))
    assert float(offset[0].max()) < 1e-6 and float(offset.max()) < 0.62


def test_only_layers_of_several_sizes_have_one_more_input(two_sizes: Geometry) -> None:
    toy = Geometry.load("toy")
    assert has_several_sizes(two_sizes) and not has_several_sizes(toy)
    sizes = [ProfileModel(g).gru.input_size for g in (toy, two_sizes)]
    assert sizes[1] == sizes[0] + 1
    features = [LayerContext(g, width=8).network[0].in_features for g in (toy, two_sizes)]
    assert features[1] == features[0] + 1


def test_hits_across_the_seam_are_exact(two_sizes: Geometry) -> None:
    torch.manual_seed(1)
    showers = blobs(two_sizes, 12)
    generator = CellGenerator(two_sizes, latent=3, width=16, components=2, near=30)
    generator.fit(showers)
    noise = Noise.for_showers(1, torch.arange(12))
    latent = noise.latent(3, stream=4)
    terms = generator.log_prob(showers, latent, noise)
    assert all(bool(term.isfinite().all()) for term in terms.values())
    profile = Profile.of(showers, two_sizes)
    made = generator(latent, showers.incident, profile, noise)
    counts, energy = made.layer_sums(8)
    assert torch.equal(counts, profile.counts)
    torch.testing.assert_close(energy, profile.energy, rtol=1e-5, atol=1e-6)
