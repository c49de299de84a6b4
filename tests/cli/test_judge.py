"""Judging a generator while it is trained."""

from collections.abc import Iterator

import pytest
import torch
from networks.showers import blobs

from pointcalo.cli import judge
from pointcalo.cli.judge import OBSERVABLES, Judge
from pointcalo.formats import ShowerStream
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.showers import Incident, Showers


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def held_out(geometry: Geometry) -> ShowerStream:
    showers = blobs(geometry, 200)
    return ShowerStream(showers, batch=16, geometry=geometry, split="all", shuffle=False)


@pytest.fixture(scope="module")
def model(geometry: Geometry) -> Model:
    return VAE(ProfileModel(geometry, width=8), CellGenerator(geometry, latent=2, width=8))


class Repeated:
    """Stands in for the Sampler: the held-out showers with another energy."""

    showers: Showers
    factor = 1.0

    def __init__(self, model: Model) -> None:
        pass

    def sample(self, incident: Incident, seed: int) -> Iterator[Showers]:
        assert torch.equal(incident.energy, self.showers.incident.energy)
        points = self.showers.points.clone()
        points[:, 2] *= self.factor
        yield self.showers.replace(points=points)


def test_distances_by_hand(
    geometry: Geometry, held_out: ShowerStream, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same showers are at 0; with energies a tenth higher their response is moved by that."""
    Repeated.showers = Showers.cat(list(held_out.epoch(0)))
    monkeypatch.setattr(judge, "Sampler", Repeated)
    judges = Judge(held_out, geometry, seed=3)
    alike = {**dict.fromkeys(OBSERVABLES, 0.0), "auc": 0.5}
    assert judges(model) == pytest.approx(alike, abs=1e-12)
    Repeated.factor = 1.1
    moved = judges(model)
    response = judges.reference.column("response")
    expected = 0.1 * response.mean() / response.std(correction=0)
    assert moved["response"] == pytest.approx(float(expected), rel=1e-4)
    assert moved["hits"] < 1e-12 and moved["radial"] < 1e-6 and moved["auc"] > 0.6


def test_an_untrained_generator_is_far_off_and_the_same_twice(
    geometry: Geometry, held_out: ShowerStream, model: Model
) -> None:
    model.prepare(held_out)
    judges = Judge(held_out, geometry, seed=3)
    first = judges(model)
    torch.rand(7)
    assert judges(model) == first
    assert first.pop("auc") > 0.9
    assert first.keys() == set(OBSERVABLES) and sum(first.values()) / len(first) > 0.2


def test_of_few_showers_there_is_no_auc(geometry: Geometry, model: Model) -> None:
    few = ShowerStream(blobs(geometry, 50), batch=16, geometry=geometry, split="all", shuffle=False)
    model.prepare(few)
    assert Judge(few, geometry, seed=3)(model).keys() == set(OBSERVABLES)
