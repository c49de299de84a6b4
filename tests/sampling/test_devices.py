"""Sampling on several devices, in half precision, and with networks as graphs.

No CUDA device is needed: the CPU plays several devices, and graphs are played by plain calls.
"""

import copy
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from models.batches import OneBatch
from networks.showers import blobs, incident_particles
from torch import Tensor, nn

from pointcalo.cli.main import main
from pointcalo.formats import open_showers
from pointcalo.geometry import Geometry
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.sampling import Loss, Sampler, devices, graphs, sample_on
from pointcalo.sampling.graphs import Bucketed, with_graphs
from pointcalo.showers import Incident, Showers


@pytest.fixture(params=["cells", "set"])
def model(request: pytest.FixtureRequest) -> VAE:
    return _model(request.param)


def _model(network: str = "cells") -> VAE:
    toy = Geometry.load("toy")
    torch.manual_seed(1)
    kind = {"cells": CellGenerator, "set": SetGenerator}[network]
    model = VAE(ProfileModel(toy, width=16), kind(toy, width=16, latent=4))
    model.prepare(OneBatch(blobs(toy, 40)))
    for weights in model.parameters():  # untrained, it does not look at its latent
        weights.data += 0.05 * torch.randn(weights.shape)
    return model.eval()


def _sampled(sampler: Sampler, incident: Incident) -> Showers:
    return Showers.cat(list(sampler.sample(incident, seed=3)))


def _equal(found: Showers, expected: Showers) -> None:
    assert found.ptr.tolist() == expected.ptr.tolist()
    assert found.cell.tolist() == expected.cell.tolist()
    torch.testing.assert_close(found.points, expected.points, rtol=1e-4, atol=1e-4)


def test_several_devices_make_the_showers_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "PROFILE_BATCH", 4)
    model, incident = _model(), incident_particles(30)
    samplers = [Sampler(copy.deepcopy(model), max_showers=2) for _ in range(3)]
    found = Showers.cat(list(sample_on(samplers, incident, seed=3)))
    _equal(found, _sampled(Sampler(model), incident))
    assert torch.equal(found.incident.energy, incident.energy)
    assert Loss.of(sampler.loss for sampler in samplers).showers == 30


def test_the_devices_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)  # passed only where two wait for it

    def waiting(sampler: Sampler) -> Sampler:
        own = sampler.model.profile.sample
        sampler.model.profile.sample = lambda *given: (both.wait(), own(*given))[1]
        return sampler

    samplers = [waiting(Sampler(_model())) for _ in range(2)]
    incident = incident_particles(6)
    assert sum(map(len, sample_on(samplers, incident, seed=3))) == 6


def test_an_error_on_a_device_arrives_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "PROFILE_BATCH", 1)
    samplers = [Sampler(_model()) for _ in range(2)]
    made = []

    def fails(incident: Incident, *_: object) -> None:
        made.append(len(incident))
        raise ValueError("out of luck")

    for sampler in samplers:
        sampler.model.profile.sample = fails
    with pytest.raises(ValueError, match="out of luck"):
        list(sample_on(samplers, incident_particles(40), seed=3))
    assert len(made) < 10


def test_particles_keep_their_extra_columns() -> None:
    incident = incident_particles(5)
    extra = {"start": torch.arange(5.0)}
    incident = Incident(incident.energy, incident.direction, incident.position, incident.pdg, extra)
    (found,) = sample_on([Sampler(_model())], incident, seed=3)
    assert torch.equal(found.incident.extra["start"], extra["start"])


def test_half_precision_keeps_profiles_and_moves_little_else(model: VAE) -> None:
    incident = incident_particles(40)
    own, half = (
        _sampled(Sampler(model, precision=name), incident) for name in ("32-true", "bf16-mixed")
    )
    assert torch.equal(own.ptr, half.ptr)
    assert not torch.equal(own.points, half.points)
    layers = model.profile.geometry.num_layers
    counts, energies = zip(own.layer_sums(layers), half.layer_sums(layers), strict=True)
    assert torch.equal(*counts)
    torch.testing.assert_close(*energies, rtol=1e-4, atol=1e-3)
    assert half.points.dtype == torch.float32


def test_what_has_no_half_precision() -> None:
    with pytest.raises(ValueError, match="precision 'half': expected one of 32-true, bf16-mixed"):
        Sampler(_model(), precision="half")
    with pytest.raises(ValueError, match="precision: got bf16-mixed with engine=compiled"):
        Sampler(_model(), engine="compiled", precision="bf16-mixed")


def _counted(shapes: list[torch.Size]) -> graphs.Capture:
    """Plays graphs: a fixed shape in, the same memory out at every call."""

    def capture(network: nn.Module, rows: Tensor) -> Callable[[Tensor], Tensor]:
        shapes.append(rows.shape)
        result = network(rows)

        def replayed(rows: Tensor) -> Tensor:
            assert rows.shape == shape
            return result.copy_(network(rows))

        shape = rows.shape
        return replayed

    return capture


def test_graphs_make_the_same_showers(model: VAE) -> None:
    incident, shapes = incident_particles(40), []
    sampler = Sampler(model)
    own = _sampled(sampler, incident)
    sampler.model = copy.deepcopy(model)
    for name in ("profile", "generator"):
        setattr(sampler.model, name, with_graphs(getattr(model, name), _counted(shapes)))
    _equal(_sampled(sampler, incident), own)
    captured = len(shapes)
    assert captured > 5
    _sampled(sampler, incident)
    assert len(shapes) == captured  # each is made once
    assert not any(isinstance(part, Bucketed) for part in model.modules())


def test_buckets_are_few_and_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "SMALLEST", 4)
    shapes: list[torch.Size] = []
    network = nn.Sequential(nn.Linear(3, 2))
    bucketed = Bucketed(network, _counted(shapes))
    with torch.no_grad():
        for number in (0, 1, 4, 5, 8, 9, 3):
            rows = torch.randn(number, 2, 3)
            first = bucketed(rows)
            torch.testing.assert_close(first, network(rows))
            bucketed(torch.randn(number, 2, 3))
            torch.testing.assert_close(first, network(rows))
    assert shapes == [torch.Size([size, 2, 3]) for size in (4, 8, 16)]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    small = ["network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.epochs=1"]
    data = ["simulation.showers=200", "simulation.energy_GeV=[1,5]", "threads=1"]
    assert main(["train", "geometry=toy", f"output={run}", *small, *data]) == 0
    capsys.readouterr()
    cases = {
        "one": ([], 0),
        "two": (["devices=[cpu,cpu]"], 0),
        "half": (["precision=bf16-mixed"], 0),
        "none": (["devices=cpu"], 2),
        "other": (["devices=[cpu,abacus]"], 2),
    }
    for name, (keys, code) in cases.items():
        output = tmp_path / f"{name}.h5"
        assert main(["sample", f"run={run}", "showers=50", f"output={output}", *keys]) == code
    told = capsys.readouterr().err
    assert "devices: got 'cpu', expected names such as [cuda:0,cuda:1]" in told
    assert "device: got 'abacus', which torch does not have here" in told
    assert sorted(path.stem for path in tmp_path.glob("*.h5")) == ["half", "one", "two"]
    one, two = (open_showers(tmp_path / f"{name}.h5").read() for name in ("one", "two"))
    assert two.ptr.tolist() == one.ptr.tolist() and two.layer.tolist() == one.layer.tolist()
    torch.testing.assert_close(two.points, one.points, rtol=1e-4, atol=1e-4)
