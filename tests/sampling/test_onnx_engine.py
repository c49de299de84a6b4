"""The engine of ONNX Runtime makes the showers that torch makes."""

import pytest
import torch
from models.batches import OneBatch
from networks.showers import blobs
from torch import nn

from pointcalo.geometry import Geometry
from pointcalo.models.vae import VAE
from pointcalo.networks import candidates
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.sampling import Sampler, onnx_engine
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise
from pointcalo.simulation import ParticleGun

pytestmark = pytest.mark.timeout(900)  # tracing and reading programs take half a minute


@pytest.fixture(scope="module", params=[CellGenerator, SetGenerator])
def model(request: pytest.FixtureRequest) -> VAE:
    toy = Geometry.load("toy")
    torch.manual_seed(1)
    model = VAE(ProfileModel(toy, width=16), request.param(toy, width=16, latent=4))
    model.prepare(OneBatch(blobs(toy, 40)))
    return model.eval()


def test_the_same_showers(model: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = model.profile.geometry
    incident = ParticleGun.at(toy, energy_GeV=(1.0, 5.0), theta_deg=(0.0, 20.0)).draw(30, seed=2)
    own = Showers.cat(list(Sampler(model, max_showers=12).sample(incident, seed=3)))
    quick = Sampler(model, max_showers=12, engine="onnx")
    found = Showers.cat(list(quick.sample(incident, seed=3)))
    assert found.ptr.tolist() == own.ptr.tolist()
    assert found.cell.tolist() == own.cell.tolist()
    torch.testing.assert_close(found.points, own.points, rtol=1e-4, atol=1e-5)
    # more hits than cells, which the program would stop at, are left to torch
    engine, noise = quick.model.generator.engine, Noise.for_showers(3, torch.arange(30))
    profile = engine.profiles(incident, noise)
    profile.counts[4, 2] = int(toy.layer_start.diff()[2]) + 1
    showers, made = engine.showers(model.draw_latent(noise), incident, profile, noise)
    assert made.logical_not().nonzero().flatten().tolist() == [4]
    assert showers[5].cell.tolist() == own[5].cell.tolist()
    # showers with crowded layers are left to torch
    monkeypatch.setattr(onnx_engine, "MOST_EXPORTED", int(own.counts.median()) // toy.num_layers)
    mixed = Showers.cat(list(quick.sample(incident, seed=3)))
    assert mixed.cell.tolist() == own.cell.tolist()
    assert candidates.MOST_EXPORTED > 100


def test_what_it_cannot_run() -> None:
    toy = Geometry.load("toy")
    with pytest.raises(ValueError, match="engine=onnx: got a Linear, expected the generator of"):
        onnx_engine.OnnxEngine(ProfileModel(toy, width=16), nn.Linear(2, 2))
