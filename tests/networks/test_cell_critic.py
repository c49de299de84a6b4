"""Hits with gradients towards their generator, and the critic that judges them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from networks.showers import blobs
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.cell_critic import CellCritic
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.following import followed
from pointcalo.networks.profile import Profile
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

NUMBER = 400


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def showers(toy: Geometry) -> Showers:
    return blobs(toy, NUMBER)


@pytest.fixture(scope="module")
def generator(toy: Geometry, showers: Showers) -> CellGenerator:
    """Trained for a moment: the gradients are those of a generator that resembles something."""
    torch.manual_seed(1)
    generator = CellGenerator(toy, latent=2, width=16, components=2, near=40)
    generator.fit(showers)
    optimiser = torch.optim.Adam(generator.parameters(), lr=1e-2)
    for step in range(60):
        batch = showers[torch.randint(NUMBER, (40,))]
        noise = Noise.for_showers(step, torch.arange(40))
        terms = generator.log_prob(batch, torch.zeros(40, 2), noise)
        loss = -sum(term.mean() for term in terms.values()) / 60
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return generator


def made_by(generator: CellGenerator, showers: Showers) -> Showers:
    profile = Profile.of(showers, generator.geometry)
    noise = Noise.for_showers(3, torch.arange(NUMBER))
    return generator(torch.zeros(NUMBER, 2), showers.incident, profile, noise)


def radius(hits: CellHits) -> Tensor:
    return (hits.weight * hits.uv.norm(dim=1)).sum() / NUMBER


def loneliness(hits: CellHits) -> Tensor:
    same = hits.edges.where(hits.edges.kind == 0)
    beside = torch.zeros(len(hits)).index_add(0, same.target, hits.weight[same.source])
    return (hits.weight * torch.exp(-beside)).sum() / NUMBER


def energy_far_out(hits: CellHits) -> Tensor:
    return (hits.log_energy * hits.uv.norm(dim=1)).sum() / NUMBER


def delay(hits: CellHits) -> Tensor:
    return hits.delay.sum() / NUMBER


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        (radius, "occupancy.cell.weight"),
        (loneliness, "occupancy.cell.weight"),
        (energy_far_out, "energy.cell.weight"),
        (delay, "time.2.bias"),
    ],
)
def test_gradients_say_where_the_mean_of_new_showers_goes(
    generator: CellGenerator,
    showers: Showers,
    quantity: Callable[[CellHits], Tensor],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their slope is that found by moving the parameters there and back.

    With one proposal for the energies of a turn: which of several is taken is not followed.
    """
    monkeypatch.setattr(generator, "proposals", 1)
    parameter = generator.get_parameter(name)
    hits = followed(
        generator,
        made_by(generator, showers),
        torch.zeros(NUMBER, 2),
        Profile.of(showers, generator.geometry),
    )
    (gradient,) = torch.autograd.grad(quantity(hits), parameter)
    direction, step, found = gradient / gradient.norm(), 0.05, []
    with torch.no_grad():
        for sign in (1, -1):
            parameter.add_(sign * step * direction)
            found.append(float(quantity(generator.real(made_by(generator, showers)))))
            parameter.sub_(sign * step * direction)
    slope = (found[0] - found[1]) / (2 * step)
    assert 0.5 < slope / float(gradient.norm()) < 2.0


def test_followed_hits_are_the_hits_themselves(generator: CellGenerator, showers: Showers) -> None:
    made = made_by(generator, showers)
    hits, moved = (
        generator.real(made),
        followed(generator, made, torch.zeros(NUMBER, 2), Profile.of(showers, generator.geometry)),
    )
    assert torch.equal(moved.weight, torch.ones(len(hits)))
    torch.testing.assert_close(moved.log_energy, hits.log_energy, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(moved.delay, hits.delay)


def score(critic: CellCritic, generator: CellGenerator, showers: Showers) -> Tensor:
    profile = Profile.of(showers, generator.geometry)
    return critic(generator.real(showers), showers.incident, profile)


def test_scores_do_not_depend_on_the_batch_or_on_the_order_of_hits(
    generator: CellGenerator, showers: Showers
) -> None:
    critic = CellCritic(generator.geometry, width=16)
    critic.fit(showers)
    some = showers[:6]
    together = score(critic, generator, some)
    alone = torch.cat([score(critic, generator, some[k]) for k in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    order = torch.argsort(some.index * 1000 + torch.randint(1000, (some.num_points,)))
    mixed = replace(some, points=some.points[order], layer=some.layer[order], cell=some.cell[order])
    torch.testing.assert_close(together, score(critic, generator, mixed), atol=1e-5, rtol=1e-4)


def test_a_hit_without_weight_is_as_good_as_absent(
    generator: CellGenerator, showers: Showers
) -> None:
    critic = CellCritic(generator.geometry, width=16)
    critic.fit(showers)
    some = showers[:3]
    profile = Profile.of(some, generator.geometry)
    kept = torch.arange(some.num_points) % 5 > 0
    hits = generator.real(some)
    faded = replace(hits, weight=kept.float())
    fewer = generator.real(some.keep(kept))
    torch.testing.assert_close(
        critic(faded, some.incident, profile),
        critic(fewer, some.incident, profile),
        atol=1e-5,
        rtol=1e-4,
    )


def test_a_shower_without_hits_has_a_score(generator: CellGenerator, showers: Showers) -> None:
    critic = CellCritic(generator.geometry, width=16)
    critic.fit(showers)
    empty = showers[:2].keep(showers[:2].index > 0)
    assert bool(score(critic, generator, empty).isfinite().all())
