"""The constrainer in the game of a Wasserstein GAN."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.models.wgan import WGAN
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.graph import GraphGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.showers import Showers

Generator = type[CellGenerator] | type[SetGenerator]


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def showers(toy: Geometry) -> Showers:
    """With a field that pushes the hits nowhere."""
    made = blobs(toy, 24)
    return made.replace(
        incident=replace(made.incident, extra={"field": torch.linspace(0.0, 4.0, 24)})
    )


def model_of(kind: Generator, showers: Showers, geometry: Geometry, **options: float) -> WGAN:
    torch.manual_seed(1)
    generator = kind(geometry, latent=2, width=16, conditions=("field",))
    profile = ProfileModel(geometry, width=16, conditions=("field",))
    model = WGAN(profile, generator, critic_width=16, **options)
    for part in model.children():
        part.fit(showers)
    return model


@pytest.mark.parametrize("kind", [CellGenerator, GraphGenerator, SetGenerator])
def test_the_constraint_moves_the_generator(
    kind: Generator, toy: Geometry, showers: Showers
) -> None:
    """By finite gradients, in proportion to its weight."""
    gradients = []
    for weight in (1.0, 3.0):
        model = model_of(kind, showers, toy, constraint=weight)
        torch.manual_seed(2)
        loss = model.losses("generator", showers)["constraint"]
        parameters = list(model.generator.parameters())
        found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))
    assert bool(gradients[0].isfinite().all())
    assert float(gradients[0].norm()) > 0.0
    torch.testing.assert_close(gradients[1], 3.0 * gradients[0], rtol=1e-2, atol=1e-5)


def test_the_constraint_tells_showers_whose_direction_is_wrong(
    toy: Geometry, showers: Showers
) -> None:
    """Here those of other particles."""
    model = model_of(CellGenerator, showers, toy)
    turned = showers[torch.arange(len(showers)).flip(0)]
    with torch.no_grad():
        same, wrong = (
            float(model.further_terms(model.generator.real(made), showers)["constraint"])
            for made in (showers, turned)
        )
    assert abs(same) < 1e-4
    assert wrong > 0.02


def test_without_weight_there_is_no_constrainer(toy: Geometry, showers: Showers) -> None:
    model = model_of(CellGenerator, showers, toy, constraint=0.0)
    assert set(model.players()) == {"profile", "critic", "generator"}
    assert "constraint" not in model.losses("generator", showers)
    assert not any(name.startswith("constrainer") for name in model.state_dict())


def test_the_truth_is_standardised(toy: Geometry, showers: Showers) -> None:
    """A constrainer that reads no more than the mean has a squared error of 1."""
    truth = model_of(CellGenerator, showers, toy).constrainer.truth(showers.incident)
    torch.testing.assert_close(truth.mean(dim=0), torch.zeros(4), atol=1e-4, rtol=0.0)
    torch.testing.assert_close(truth.square().mean(dim=0), torch.ones(4), atol=1e-3, rtol=0.0)
