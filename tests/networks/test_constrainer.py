"""What the constrainer reads off showers, and what it does not look at."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs, incident_particles
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.constrainer import Constrainer, LocalHits, made_hits, real_hits
from pointcalo.networks.profile import Profile
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.showers import TIME, Incident, Showers, axis_xy
from pointcalo.showers.noise import Noise

Generator = CellGenerator | SetGenerator


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def showers(toy: Geometry) -> Showers:
    made = blobs(toy, 100)
    field = torch.linspace(0.0, 4.0, 100)
    return made.replace(incident=replace(made.incident, extra={"field": field}))


@pytest.fixture(params=["cells", "set"])
def generator(request: pytest.FixtureRequest, toy: Geometry, showers: Showers) -> Generator:
    torch.manual_seed(1)
    kind = {"cells": CellGenerator, "set": SetGenerator}[request.param]
    made = kind(toy, latent=2, width=16, conditions=("field",))
    made.fit(showers)
    return made


def drawn(geometry: Geometry, number: int) -> tuple[LocalHits, Incident]:
    """Lines of 5 hits a layer, which share its energy the less evenly, the higher the energy."""
    incident = incident_particles(number, int(torch.randint(10**6, (1,))))
    layer = torch.arange(geometry.num_layers).repeat_interleave(5).repeat(number)
    shower = torch.arange(number).repeat_interleave(5 * geometry.num_layers)
    xy = axis_xy(incident, geometry.layer_z)[shower, layer] + 2.0 * torch.randn(len(layer), 2)
    energy = torch.exp((incident.energy / 5e3)[shower] * torch.randn(len(layer)))
    return LocalHits(xy, energy, torch.ones_like(energy), shower, layer, number), incident


def test_reads_what_showers_were_made_with(toy: Geometry, showers: Showers) -> None:
    torch.manual_seed(1)
    constrainer = Constrainer(toy, width=16)
    constrainer.fit(showers)
    optimiser = torch.optim.Adam(constrainer.parameters(), lr=1e-2)

    def squared_error(number: int) -> Tensor:
        hits, incident = drawn(toy, number)
        return (constrainer(hits) - constrainer.truth(incident)).square().mean(dim=0)

    for _ in range(100):
        optimiser.zero_grad()
        squared_error(64).mean().backward()
        optimiser.step()
    with torch.no_grad():
        error = squared_error(300)
    assert bool((error < 0.3).all()), error  # of a variance of 1


def test_reads_the_direction_of_a_line_before_it_has_learnt(toy: Geometry) -> None:
    """Hits of two lines, each layer in its own energy: the slopes come out exactly."""
    layer = torch.arange(toy.num_layers).repeat(2)
    shower = torch.arange(2).repeat_interleave(toy.num_layers)
    slope = torch.tensor([[0.2, -0.1], [0.0, 0.5]])
    xy = slope[shower] * toy.layer_z[layer, None] + torch.tensor([3.0, 4.0])
    energy = 1.0 + layer.float()
    hits = LocalHits(xy, energy, torch.ones_like(energy), shower, layer, 2)
    found, about = Constrainer(toy)._line(hits)
    torch.testing.assert_close(found, slope, rtol=2e-2, atol=1e-4)
    assert float(about.abs().max()) < 0.5


def test_neither_entry_point_nor_sums_of_layers_nor_times_matter(
    toy: Geometry, showers: Showers
) -> None:
    some = showers[:8]
    constrainer = Constrainer(toy, width=16)
    constrainer.fit(showers)
    hits = real_hits(CellGenerator(toy), some)
    read = constrainer(hits)
    moved = replace(hits, xy=hits.xy + torch.tensor([7.0, -3.0]))
    torch.testing.assert_close(constrainer(moved), read, atol=1e-4, rtol=1e-4)
    late = some.points.clone()
    late[:, TIME] += some.incident.energy[some.index]
    assert torch.equal(constrainer(real_hits(CellGenerator(toy), some.replace(points=late))), read)
    scaled = replace(hits, energy=hits.energy * 3.0)
    torch.testing.assert_close(constrainer(scaled), read, atol=1e-4, rtol=1e-4)


def test_a_shower_is_read_alone_as_in_a_batch_in_any_order_of_hits(
    toy: Geometry, showers: Showers
) -> None:
    some, generator = showers[:6], CellGenerator(toy)
    constrainer = Constrainer(toy, width=16)
    constrainer.fit(showers)
    together = constrainer(real_hits(generator, some))
    alone = torch.cat([constrainer(real_hits(generator, some[k])) for k in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    order = torch.argsort(some.index + torch.rand(some.num_points))
    mixed = some.replace(points=some.points[order], layer=some.layer[order], cell=some.cell[order])
    torch.testing.assert_close(
        together, constrainer(real_hits(generator, mixed)), atol=1e-5, rtol=1e-4
    )


def test_reads_generated_showers_as_if_they_were_real(
    toy: Geometry, showers: Showers, generator: Generator
) -> None:
    """The way back from what a critic sees: places in the detector and energies."""
    some = showers[:5]
    hits = made_hits(generator, generator.real(some), some.incident)
    assert torch.equal(torch.bincount(hits.shower), some.counts)
    cell = toy.cell_at(hits.layer, hits.xy)
    key, expected = hits.shower * toy.num_cells + cell, some.index * toy.num_cells + some.cell
    order, other = key.argsort(), expected.argsort()
    assert torch.equal(key[order], expected[other])
    torch.testing.assert_close(hits.energy[order], some.energy[other], rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_generator(
    toy: Geometry, showers: Showers, generator: Generator
) -> None:
    some = showers[:12]
    constrainer = Constrainer(toy, width=16, conditions=("field",))
    constrainer.fit(showers)
    noise = Noise.for_showers(1, torch.arange(12))
    profile = Profile.of(some, toy)
    sample = generator.imitated(noise.latent(2), some.incident, profile, noise)
    read = constrainer(made_hits(generator, sample, some.incident))
    assert read.shape == (12, 4)
    for column in range(4):
        gradients = torch.autograd.grad(
            read[:, column].square().sum(),
            list(generator.parameters()),
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)
        assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0.0
