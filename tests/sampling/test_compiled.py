"""The compiled engine makes the showers that torch makes."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from models.batches import OneBatch
from networks.showers import blobs, incident_particles

from pointcalo.cli.main import main
from pointcalo.geometry import Geometry
from pointcalo.models.bibae import BIBAE
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.programs import library as compiling
from pointcalo.sampling import Sampler
from pointcalo.sampling.engines import with_engine
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, compiling.COMPILERS)), reason="no C++ compiler"
)

SHOWERS = 40


def _model(
    geometry: Geometry,
    sees: Sequence[str] = ("layer", "adjacent"),
    conditions: Sequence[str] = (),
    kind: type[VAE] | type[BIBAE] = VAE,
    **widths: int,
) -> VAE | BIBAE:
    torch.manual_seed(1)
    conditions = {"conditions": conditions}
    profile = ProfileModel(geometry, width=23, components=3, **conditions)  # no whole vectors
    settings = {"latent": 3, "width": 32, "near": 40, "sees": sees}
    generator = CellGenerator(geometry, **settings | conditions | widths)
    model = kind(profile, generator)
    showers = _with_field(blobs(geometry, 60, hits=20 * geometry.num_layers))
    model.prepare(OneBatch(showers))
    for network in (model.generator.occupancy, model.generator.energy, model.generator.time):
        for weights in network.parameters():  # untrained, it hardly looks at its neighbours
            weights.data += 0.2 * torch.randn(weights.shape)
    return model.eval()


def _with_field(showers: Showers) -> Showers:
    return replace(showers, incident=_in_field(showers.incident))


def _in_field(incident: Incident) -> Incident:
    tesla = torch.linspace(0.0, 4.0, len(incident))
    return replace(incident, extra={"magnetic_field": tesla})


def _sampled(model: VAE, incident: Incident, engine: str, **options: int) -> Showers:
    sampler = Sampler(model, engine=engine, **options)
    return Showers.cat(list(sampler.sample(incident, seed=5)))


def _share_of_equal(one: Showers, other: Showers) -> float:
    """Share of the showers with the same cells, energies to 1e-4, and times to a femtosecond."""
    assert torch.equal(one.layer_sums(99)[0], other.layer_sums(99)[0])
    torch.testing.assert_close(one.layer_sums(99)[1], other.layer_sums(99)[1], rtol=1e-4, atol=1e-5)
    same = torch.tensor(
        [
            torch.equal(one[n].cell, other[n].cell)
            and torch.allclose(one[n].points, other[n].points, rtol=1e-4, atol=1e-5)
            for n in range(len(one))
        ]
    )
    return float(same.float().mean())


@pytest.mark.parametrize("name", ["toy", "hgcal", "hgcal_square", "ild_ecal_hcal"])
def test_the_showers_of_torch(name: str) -> None:
    model, incident = _model(Geometry.load(name)), incident_particles(SHOWERS)
    eager, quick = (_sampled(model, incident, engine) for engine in ("eager", "compiled"))
    assert eager.num_points > 20 * SHOWERS
    # a number in a thousand lies so near to a decision that rounding takes it elsewhere
    assert _share_of_equal(eager, quick) >= 0.9


@pytest.mark.parametrize(
    ("sees", "conditions", "kind"),
    [(["layer"], [], VAE), ([], ["magnetic_field"], VAE), (["layer", "adjacent"], [], BIBAE)],
)
def test_other_networks(sees: list[str], conditions: list[str], kind: type[VAE]) -> None:
    model = _model(Geometry.load("toy"), sees, conditions, kind)
    incident = _in_field(incident_particles(SHOWERS))
    eager, quick = (_sampled(model, incident, engine) for engine in ("eager", "compiled"))
    assert _share_of_equal(eager, quick) >= 0.9


@pytest.mark.parametrize("widths", [{"occupancy_width": 16}, {"width": 16, "occupancy_width": 48}])
def test_networks_of_two_widths(widths: dict[str, int]) -> None:
    model = _model(Geometry.load("toy"), **widths)
    eager, quick = (
        _sampled(model, incident_particles(SHOWERS), engine) for engine in ("eager", "compiled")
    )
    assert _share_of_equal(eager, quick) >= 0.9


def test_the_same_in_every_batch_and_on_two_threads() -> None:
    model, incident = _model(Geometry.load("toy")), incident_particles(SHOWERS)
    one = _sampled(model, incident, "compiled")
    alone = _sampled(model, incident, "compiled", max_showers=1)
    torch.set_num_threads(2)
    try:
        threads = _sampled(model, incident, "compiled")
    finally:
        torch.set_num_threads(1)
    for other in (alone, threads):  # conditions and axes come from torch, whose rounding differs
        assert torch.equal(one.cell, other.cell)
        torch.testing.assert_close(one.points, other.points, rtol=1e-5, atol=1e-6)


def test_showers_at_an_edge_are_made_by_torch() -> None:
    geometry = Geometry.load("toy")
    model, incident = _model(geometry), incident_particles(SHOWERS)
    position = incident.position.clone()
    position[::2, 0] += 140.0  # mm: the cells end at 150
    incident = replace(incident, position=position)
    eager, quick = (_sampled(model, incident, engine) for engine in ("eager", "compiled"))
    assert _share_of_equal(eager, quick) >= 0.9


@pytest.mark.parametrize("x", [100.0, 140.0, 175.0])
def test_at_an_edge_and_beyond_the_engine_lights_the_cells_that_there_are(x: float) -> None:
    model, incident = _model(Geometry.load("toy")), incident_particles(20)
    incident = replace(incident, position=torch.tensor([[x, 3.3, 0.0]]).repeat(20, 1))
    noise = Noise.for_showers(1, torch.arange(20))
    engine = with_engine(model, "compiled")
    profile, other = (m.profile.sample(incident, noise) for m in (model, engine))
    assert torch.equal(other.counts, profile.counts)
    given = (model.draw_latent(noise), incident, profile, noise)
    assert _share_of_equal(model.generate(*given), engine.generate(*given)) >= 0.95


@pytest.mark.parametrize("hits", [0, 1, 150])
def test_empty_layers_single_hits_and_crowded_ones(hits: int) -> None:
    model, incident = _model(Geometry.load("toy")), incident_particles(4)
    geometry = model.generator.geometry
    counts = torch.full((4, geometry.num_layers), hits)
    counts[:, ::3] = 0
    energy = counts * geometry.layer_threshold * 3.0
    profile = Profile(counts, energy, torch.zeros(4, 4))
    noise = Noise.for_showers(1, torch.arange(4))
    given = (model.draw_latent(noise), incident, profile, noise)
    eager, quick = model.generate(*given), with_engine(model, "compiled").generate(*given)
    assert torch.equal(quick.layer_sums(geometry.num_layers)[0], counts)
    assert _share_of_equal(eager, quick) >= 0.75


def test_what_there_is_no_code_for_is_one_line() -> None:
    toy = Geometry.load("toy")
    sets = VAE(ProfileModel(toy, width=8), SetGenerator(toy, latent=2, width=8))
    with pytest.raises(ValueError, match="got a SetGenerator, expected the generator of network="):
        Sampler(sets, engine="compiled")
    with pytest.raises(ValueError, match="engine: got 'fast', expected eager or compiled"):
        Sampler(_model(toy), engine="fast")
    rings = Geometry.load("par04")
    with pytest.raises(ValueError, match="geometry 'par04', expected one whose layers are lattice"):
        with_engine(VAE(ProfileModel(rings, width=8), CellGenerator(rings, width=16)), "compiled")
    narrow = VAE(ProfileModel(toy, width=8), CellGenerator(toy, width=24))
    with pytest.raises(ValueError, match="width 24, expected multiples of 16"):
        with_engine(narrow, "compiled")
    settings = {"width": 16, "occupancy_width": 8}
    with pytest.raises(ValueError, match="width 8 and 16, expected multiples of 16"):
        with_engine(VAE(ProfileModel(toy, width=8), CellGenerator(toy, **settings)), "compiled")
    many = VAE(ProfileModel(toy, width=8, components=40), CellGenerator(toy, width=16))
    with pytest.raises(ValueError, match="got 40 components of a mixture, expected at most 32"):
        with_engine(many, "compiled")


ENGINE = compiling.SOURCES / "engine.cpp"


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A cache without the library, and a process that has not loaded it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.library.cache_clear()
    yield tmp_path
    compiling.library.cache_clear()


def test_without_a_compiler(
    no_library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(OSError, match="there is no no-such-compiler; install one"):
        compiling.library(ENGINE)
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'fatal error: no luck' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(OSError, match="broken failed: fatal error: no luck"):
        compiling.library(ENGINE)
    assert [path for path in no_library.rglob("*") if path.is_file()] == [broken]


def test_it_is_built_once(no_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiling.library(ENGINE)
    (built,) = no_library.rglob("*.so")
    made = built.stat().st_mtime_ns
    compiling.library.cache_clear()
    compiling.library(ENGINE)
    assert [path.stat().st_mtime_ns for path in no_library.rglob("*.so")] == [made]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    small = ["network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.epochs=1"]
    data = ["simulation.showers=200", "simulation.energy_GeV=[1,5]", "threads=1"]
    assert main(["train", "geometry=toy", f"output={run}", *small, *data]) == 0
    for engine, code in (("eager", 0), ("compiled", 0), ("fast", 2)):
        output = tmp_path / f"{engine}.h5"
        arguments = [f"run={run}", "showers=50", f"engine={engine}", f"output={output}"]
        assert main(["sample", *arguments]) == code
    assert "engine: got 'fast', expected eager or compiled" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["compiled.h5", "eager.h5"]
