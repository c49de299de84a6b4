"""The generators on the cell graph: what they must keep exactly, on every layout."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from networks.showers import blobs, incident_particles

from pointcalo.geometry import Cartesian, Geometry
from pointcalo.networks.candidates import Pool
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.edges import Cells, Edges
from pointcalo.networks.graph import GraphGenerator
from pointcalo.networks.profile import Profile
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

LATENT = 4
Build = Callable[[Geometry], CellGenerator]


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(params=[CellGenerator, GraphGenerator], ids=["cells", "graph"])
def build(request: pytest.FixtureRequest) -> Build:
    def generator(geometry: Geometry) -> CellGenerator:
        torch.manual_seed(1)
        return request.param(geometry, latent=LATENT, width=16, components=3, near=30, proposals=4)

    return generator


def _sample(
    generator: CellGenerator, showers: Showers, seed: int = 1, first: int = 0
) -> tuple[Showers, Profile]:
    noise = Noise.for_showers(seed, torch.arange(len(showers)) + first)
    profile = Profile.of(showers, generator.geometry)
    return generator(noise.latent(LATENT), showers.incident, profile, noise), profile


def _check_exact(generated: Showers, profile: Profile, geometry: Geometry) -> None:
    counts, energy = generated.layer_sums(geometry.num_layers)
    assert torch.equal(counts, profile.counts)
    torch.testing.assert_close(energy, profile.energy, rtol=2e-6, atol=1e-6)
    assert bool((generated.energy >= geometry.layer_threshold[generated.layer]).all())
    key = generated.index * geometry.num_cells + generated.cell
    assert len(torch.unique(key)) == len(key)
    torch.testing.assert_close(geometry.position(generated.cell)[:, :2], generated.xy)


@pytest.mark.parametrize("name", ["toy", "hgcal", "ild", "clic", "atlas", "calogan"])
def test_profile_is_kept_exactly_on_every_layout(name: str, build: Build) -> None:
    geometry = Geometry.load(name)
    showers = blobs(geometry, 6)
    generator = build(geometry)
    generator.fit(showers)
    _check_exact(*_sample(generator, showers), geometry)


def test_crowded_layers_are_filled(toy: Geometry, build: Build) -> None:
    counts = torch.full((1, toy.num_layers), 2)
    counts[0, 3] = int(toy.layer_start.diff()[3])
    energy = counts * toy.layer_threshold * 2
    generator = build(toy)
    noise = Noise.for_showers(1, torch.arange(1))
    incident = incident_particles(1)
    generator.fit(blobs(toy, 5))
    generated = generator(
        noise.latent(LATENT),
        incident,
        Profile(counts, energy, torch.zeros(len(counts), 4)),
        noise,
    )
    _check_exact(generated, Profile(counts, energy, torch.zeros(len(counts), 4)), toy)


def test_more_hits_than_cells_is_one_clear_line(toy: Geometry, build: Build) -> None:
    counts = torch.zeros(1, toy.num_layers, dtype=torch.int64)
    counts[0, 3] = int(toy.layer_start.diff()[3]) + 2
    generator = build(toy)
    generator.fit(blobs(toy, 5))
    noise = Noise.for_showers(1, torch.arange(1))
    profile = Profile(counts, counts * toy.layer_threshold * 2, torch.zeros(len(counts), 4))
    with pytest.raises(ValueError, match="2 hits more than the layers have cells"):
        generator(noise.latent(LATENT), incident_particles(1), profile, noise)


def test_a_shower_does_not_depend_on_its_batch(toy: Geometry, build: Build) -> None:
    showers = blobs(toy, 8)
    generator = build(toy)
    generator.fit(showers)
    together, _ = _sample(generator, showers)
    alone, _ = _sample(generator, showers[5], first=5)
    assert torch.equal(together[5].cell, alone.cell)
    torch.testing.assert_close(together[5].points, alone.points, rtol=1e-4, atol=1e-4)


def test_empty_shower(toy: Geometry, build: Build) -> None:
    counts = torch.zeros(2, toy.num_layers, dtype=torch.int64)
    noise = Noise.for_showers(1, torch.arange(2))
    profile = Profile(counts, counts.float(), torch.zeros(len(counts), 4))
    generator = build(toy)
    generator.fit(blobs(toy, 5))
    generated = generator(noise.latent(LATENT), incident_particles(2), profile, noise)
    assert generated.counts.tolist() == [0, 0]


def test_log_prob_reaches_every_parameter_and_ignores_order(toy: Geometry, build: Build) -> None:
    showers = blobs(toy, 6)
    generator = build(toy)
    generator.fit(showers)
    noise = Noise.for_showers(3, torch.arange(6))
    latent = noise.latent(LATENT)
    terms = generator.log_prob(showers, latent, noise)
    assert set(terms) == {"occupancy", "number", "energy", "share", "time"}
    sum(term.sum() for term in terms.values()).backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name
    order = torch.arange(showers.num_points)
    order[: int(showers.counts[0])] = order[: int(showers.counts[0])].flip(0)
    turned = showers.replace(
        points=showers.points[order], layer=showers.layer[order], cell=showers.cell[order]
    )
    again = generator.log_prob(turned, latent, noise)
    for name, term in terms.items():
        torch.testing.assert_close(again[name], term, rtol=1e-4, atol=1e-3)


def test_showers_one_by_one_equal_the_batch(toy: Geometry, build: Build) -> None:
    showers = blobs(toy, 4)
    generator = build(toy)
    generator.fit(showers)
    noise = Noise.for_showers(3, torch.arange(4))
    latent = noise.latent(LATENT)
    together = generator.log_prob(showers, latent, noise)
    for s in range(4):
        one = slice(s, s + 1)
        alone = generator.log_prob(showers[s], latent[one], noise[one])
        for name, term in together.items():
            torch.testing.assert_close(alone[name][0], term[s], rtol=1e-4, atol=1e-3)


def test_training_learns_where_the_hits_are(toy: Geometry, build: Build) -> None:
    """After some steps generated hits lie about the axis as the true ones do."""
    showers = blobs(toy, 100)
    generator = build(toy)
    generator.fit(showers)
    optimiser = torch.optim.Adam(generator.parameters(), lr=1e-2)
    latent = torch.zeros(100, LATENT)
    for step in range(120):
        noise = Noise.for_showers(step, torch.arange(100))
        loss = -sum(term.mean() for term in generator.log_prob(showers, latent, noise).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    generated, profile = _sample(generator, showers)
    _check_exact(generated, profile, toy)
    radius = generated.xy.norm(dim=1).mean() / showers.xy.norm(dim=1).mean()
    assert 0.9 < float(radius) < 1.1
    spectrum = generated.energy.log().std() / showers.energy.log().std()
    assert 0.8 < float(spectrum) < 1.2


def test_neighbours_that_are_not_to_be_seen(toy: Geometry, build: Build) -> None:
    """A generator that looks at neither kind does not care where the other hits are."""
    generator = build(toy)
    generator.sees = ()
    edges = Edges(*torch.tensor([[0, 1, 1, 0], [1, 0, 2, 2], [0, 1, 3, 5]]))
    assert len(generator.visible(edges).source) == 0
    generator.sees = ("layer",)
    assert generator.visible(edges).kind.tolist() == [0, 5]
    generator.sees = ("adjacent",)
    assert generator.visible(edges).kind.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"network.sees: got \['far'\]"):
        CellGenerator(toy, sees=["far"])


def test_layers_of_different_colours_need_no_filling(
    toy: Geometry, monkeypatch: pytest.MonkeyPatch, build: Build
) -> None:
    """Hexagons beside squares: each layer has a last turn of its own."""
    squares = Cartesian(pitch_mm=12.0, nx=15, ny=15)
    layers = [replace(layer, segmentation=squares) for layer in toy.layers[:2]]
    mixed = Geometry("mixed", [*layers, *toy.layers[2:]])
    assert mixed.layer_colours.tolist() == [9, 9, 7, 7, 7, 7, 7, 7]
    generator = build(mixed)
    showers = blobs(mixed, 10)
    generator.fit(showers)

    def refuse(*_: object) -> None:
        raise AssertionError("a layer had to be filled")

    monkeypatch.setattr("pointcalo.networks.lighting.Lighting._fill", refuse)
    _check_exact(*_sample(generator, showers), mixed)


def test_hits_on_the_threshold_have_a_finite_likelihood(toy: Geometry, build: Build) -> None:
    showers = blobs(toy, 5)
    points = showers.points.clone()
    points[:, 2] = toy.layer_threshold[showers.layer]
    flat = showers.replace(points=points)
    generator = build(toy)
    generator.fit(showers)
    noise = Noise.for_showers(1, torch.arange(5))
    terms = generator.log_prob(flat, noise.latent(LATENT), noise)
    assert all(bool(term.isfinite().all()) for term in terms.values())
    _check_exact(*_sample(generator, flat), toy)


def test_what_sampling_looked_at_is_what_training_sees(
    toy: Geometry, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same cells with the same logits, for showers that the generator made itself."""
    generator = build(toy)
    showers = blobs(toy, 4)
    generator.fit(showers)
    with torch.no_grad():
        generator.occupancy.head[-1].bias.fill_(1.2)  # plenty lit: nothing has to be filled
    sampled, trained = Recorder(generator), Recorder(generator)
    noise = Noise.for_showers(1, torch.arange(4))
    profile = Profile.of(showers, toy)
    with sampled:
        made = generator(noise.latent(LATENT), showers.incident, profile, noise)
    # the axis that it was asked for, which is not quite that of what it made
    monkeypatch.setattr(Profile, "of", lambda *_: profile)
    with trained:
        generator.log_prob(made, noise.latent(LATENT), noise)
    assert len(sampled.logit) > 300
    for key, logit in sampled.logit.items():
        assert trained.logit[key] == pytest.approx(logit, abs=1e-4)


class Recorder:
    """Logits of the occupancy by (shower, cell), while it is switched on."""

    def __init__(self, generator: CellGenerator) -> None:
        self.generator = generator
        self.logit: dict[tuple[int, int], float] = {}

    def __enter__(self) -> None:
        self.hook = self.generator.occupancy.register_forward_hook(self._outputs)
        self.inclusion = Pool.log_inclusion
        recorder = self

        def log_inclusion(pool: Pool, cells: Cells, *rest: torch.Tensor) -> torch.Tensor:
            recorder.cells = cells
            if recorder.pending is not None:
                recorder._keep()
            return recorder.inclusion(pool, cells, *rest)

        self.pending: torch.Tensor | None = None
        Pool.log_inclusion = log_inclusion  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Pool.log_inclusion = self.inclusion  # type: ignore[method-assign]
        self.hook.remove()

    def _outputs(self, _: object, __: object, output: torch.Tensor) -> None:
        self.pending = output.detach()[:, 0]

    def _keep(self) -> None:
        keys = zip(self.cells.shower.tolist(), self.cells.cell.tolist(), strict=True)
        self.logit |= dict(zip(keys, self.pending.tolist(), strict=True))
        self.pending = None
