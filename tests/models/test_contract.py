"""What every model must do, whatever its objective: a new one is a line in MODELS."""

import copy
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from networks.showers import blobs

from pointcalo.formats.stream import ShowerStream
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.models.bibae import BIBAE
from pointcalo.models.gan import GAN
from pointcalo.models.vae import VAE
from pointcalo.models.wgan import WGAN
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.graph import GraphGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.sampling import Sampler
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise
from pointcalo.training import Trainer
from pointcalo.training.checkpoint import load_weights


def cells(geometry: Geometry) -> CellGenerator:
    return CellGenerator(geometry, latent=3, width=16)


def points(geometry: Geometry) -> SetGenerator:
    return SetGenerator(geometry, latent=3, width=16)


def attention(geometry: Geometry) -> SetGenerator:
    return SetGenerator(geometry, latent=3, width=16, tokens=3)


def graph(geometry: Geometry) -> GraphGenerator:
    return GraphGenerator(geometry, latent=3, width=16, occupancy_width=8)


MODELS: dict[str, Callable[[Geometry], Model]] = {
    "bibae": lambda g: BIBAE(ProfileModel(g, width=16), cells(g), critic_width=16),
    "bibae-attention": lambda g: BIBAE(ProfileModel(g, width=16), attention(g), critic_width=16),
    "bibae-graph": lambda g: BIBAE(
        ProfileModel(g, width=16), graph(g), critic_width=16, encoder="graph"
    ),
    "bibae-set": lambda g: BIBAE(ProfileModel(g, width=16), points(g), critic_width=16),
    "gan": lambda g: GAN(ProfileModel(g, width=16), cells(g), critic_width=16),
    "gan-hinge": lambda g: GAN(ProfileModel(g, width=16), cells(g), loss="hinge"),
    "vae": lambda g: VAE(ProfileModel(g, width=16), cells(g)),
    "vae-attention": lambda g: VAE(ProfileModel(g, width=16), attention(g)),
    "vae-encoder-graph": lambda g: VAE(ProfileModel(g, width=16), cells(g), encoder="graph"),
    "vae-set": lambda g: VAE(ProfileModel(g, width=16), points(g), encoder="graph"),
    "vae-kde": lambda g: VAE(ProfileModel(g, width=16), cells(g), latent="kde"),
    "gan-set": lambda g: GAN(ProfileModel(g, width=16), points(g), critic_width=16),
    "gan-attention": lambda g: GAN(ProfileModel(g, width=16), attention(g), critic_width=16),
    "vae-graph": lambda g: VAE(ProfileModel(g, width=16), graph(g)),
    "gan-graph": lambda g: GAN(ProfileModel(g, width=16), graph(g), critic_width=16),
    "wgan-graph": lambda g: WGAN(ProfileModel(g, width=16), graph(g), critic_width=16),
    "wgan": lambda g: WGAN(ProfileModel(g, width=16), cells(g), critic_width=16),
    "wgan-set": lambda g: WGAN(ProfileModel(g, width=16), points(g)),
    "wgan-attention": lambda g: WGAN(ProfileModel(g, width=16), attention(g), critic_width=16),
}


class Interrupting:
    """A stream in whose second epoch, at the second batch, the user presses Ctrl-C."""

    def __init__(self, stream: ShowerStream) -> None:
        self.stream = stream

    def epoch(self, number: int, start: int = 0) -> Iterator[Showers]:
        for position, showers in enumerate(self.stream.epoch(number, start)):
            if (number, position) == (1, 1):
                signal.raise_signal(signal.SIGINT)
            yield showers

    def __len__(self) -> int:
        return len(self.stream)


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def streams(geometry: Geometry) -> tuple[ShowerStream, ShowerStream]:
    showers = blobs(geometry, 120)
    train = ShowerStream(showers, batch=16, geometry=geometry, augment=True)
    held_out = ShowerStream(showers, batch=16, geometry=geometry, split="validation", shuffle=False)
    return train, held_out


@pytest.fixture(params=sorted(MODELS))
def make(request: pytest.FixtureRequest, geometry: Geometry) -> Callable[[], Model]:
    def model() -> Model:
        torch.manual_seed(1)
        return MODELS[request.param](geometry)

    return model


def test_losses_are_finite_scalars_with_a_gradient(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream]
) -> None:
    model = make()
    model.prepare(streams[0])
    showers = next(streams[0].epoch(1))
    for name, player in model.players().items():
        for parameter in player.parameters:
            if not bool(parameter.any()):  # a last layer of zeros, which hides those before it
                torch.nn.init.normal_(parameter, std=0.01)
        terms = model.losses(name, showers)
        assert all(term.shape == () and bool(term.isfinite()) for term in terms.values())
        gradients = torch.autograd.grad(
            sum(terms.values()), player.parameters, allow_unused=True, materialize_grads=True
        )
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)
        moved = sum(bool((gradient != 0).any()) for gradient in gradients)
        assert moved > 0.8 * len(gradients), name  # an output bias of a critic has none


def test_players_hold_every_parameter_once(make: Callable[[], Model]) -> None:
    model = make()
    held = [id(p) for player in model.players().values() for p in player.parameters]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in model.parameters()}


def test_an_update_of_a_player_leaves_the_others_alone(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream]
) -> None:
    """Their weights and normalisations; only latents that are kept may change beside."""
    model = make()
    model.prepare(streams[0])
    kept = ("memory.", "normalise.")
    for name, player in model.players().items():
        before = copy.deepcopy(model.state_dict())
        optimiser = torch.optim.AdamW(player.parameters, lr=1e-2)
        loss = sum(model.losses(name, next(streams[0].epoch(1))).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        held = {id(parameter) for parameter in player.parameters}
        own = {key for key, value in model.named_parameters() if id(value) in held}
        after = model.state_dict()
        moved = {key for key in before if not torch.equal(before[key], after[key])}
        assert moved & own, name
        assert all(key.startswith(kept) for key in moved - own), name


def test_empty_showers_and_single_hits(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream], geometry: Geometry
) -> None:
    """In training, without anything that is not finite, and in sampling."""
    model = make()
    model.prepare(streams[0])
    showers = next(streams[0].epoch(1))[:5]
    number = torch.arange(showers.num_points) - showers.ptr[showers.index]
    few = showers.keep((showers.index > 1) | ((showers.index == 1) & (number == 0)))
    assert few.counts.tolist()[:2] == [0, 1]
    for name, player in model.players().items():
        terms = model.losses(name, few)
        assert all(bool(term.isfinite()) for term in terms.values()), name
        gradients = torch.autograd.grad(
            sum(terms.values()), player.parameters, allow_unused=True, materialize_grads=True
        )
        assert all(bool(gradient.isfinite().all()) for gradient in gradients), name
    model.eval()
    noise, profile = Noise.for_showers(1, torch.arange(5)), Profile.of(few, geometry)
    made = model.generate(model.draw_latent(noise), few.incident, profile, noise)
    assert torch.equal(made.layer_sums(geometry.num_layers)[0], profile.counts)


def test_a_shower_is_sampled_alone_as_in_a_batch(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream]
) -> None:
    model = make()
    model.prepare(streams[0])
    incident = next(streams[1].epoch(0)).incident[:8]
    whole = Showers.cat(list(Sampler(model).sample(incident, seed=2)))
    parts = Showers.cat(list(Sampler(model, max_showers=3).sample(incident, seed=2)))
    assert torch.equal(whole.cell, parts.cell)
    torch.testing.assert_close(whole.points, parts.points, rtol=1e-3, atol=1e-4)


def test_showers_in_another_order_are_the_same_showers(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream], geometry: Geometry
) -> None:
    model = make()
    model.prepare(streams[0])
    model.eval()
    showers = next(streams[1].epoch(0))[:8]
    noise, profile = Noise.for_showers(1, torch.arange(8)), Profile.of(showers, geometry)
    latent, order = model.draw_latent(noise), torch.tensor([3, 1, 7, 0, 6, 2, 5, 4])
    made = model.generate(latent, showers.incident, profile, noise)
    other = model.generate(latent[order], showers.incident[order], profile[order], noise[order])
    assert torch.equal(other.cell, made[order].cell)
    torch.testing.assert_close(other.points, made[order].points, rtol=1e-3, atol=1e-4)


def test_losses_work_without_gradients(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream]
) -> None:
    model = make()
    model.prepare(streams[0])
    model.eval().requires_grad_(False)
    with torch.no_grad():
        for name in model.players():
            for term in model.losses(name, next(streams[1].epoch(0))).values():
                assert bool(term.isfinite())


def test_trains_resumes_exactly_and_samples(
    make: Callable[[], Model],
    streams: tuple[ShowerStream, ShowerStream],
    geometry: Geometry,
    tmp_path: Path,
) -> None:
    """A run in two parts equals one without a break, and what it leaves samples its profile."""
    train, held_out = streams
    for name, stream in {"whole": train, "parts": Interrupting(train)}.items():
        trainer = Trainer(tmp_path / name, steps=9, validate_every=3, accelerator="cpu")
        outcome = trainer.fit(make(), stream, held_out)
    assert (outcome.reason, outcome.step) == ("interrupted", len(train) + 2)
    trainer.fit(make(), train, held_out, resume=True)
    whole, parts = (
        load_weights(tmp_path / d / "checkpoints" / "best.pt") for d in ("whole", "parts")
    )
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    model = make()
    model.load_state_dict(whole)
    showers = next(streams[1].epoch(0))
    noise = Noise.for_showers(1, torch.arange(len(showers)))
    profile = Profile.of(showers, geometry)
    made = model.generator(noise.latent(3), showers.incident, profile, noise)
    counts, energy = made.layer_sums(geometry.num_layers)
    assert torch.equal(counts, profile.counts)
    torch.testing.assert_close(energy, profile.energy, rtol=1e-5, atol=1e-5)


def test_trains_in_mixed_precision(
    make: Callable[[], Model], streams: tuple[ShowerStream, ShowerStream], tmp_path: Path
) -> None:
    """bf16 is the default on CUDA; the CPU has it too."""
    trainer = Trainer(tmp_path, steps=4, accelerator="cpu", precision="bf16-mixed")
    model = make()
    assert trainer.fit(model, *streams).reason == "finished"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
