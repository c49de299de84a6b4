"""Exported generators: the showers of the run, from a folder that needs no more than a runtime."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import pointcalo
from pointcalo.cli.main import main
from pointcalo.cli.run_directory import trained_model
from pointcalo.export import folder as exporting
from pointcalo.formats import open_showers
from pointcalo.geometry import Geometry
from pointcalo.sampling import Sampler
from pointcalo.sampling.beyond import BeyondEdges
from pointcalo.showers import Incident, Showers

pytestmark = pytest.mark.timeout(900)  # tracing and reading a program take half a minute


@pytest.fixture(scope="module")
def folders(
    run: Path, export: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """An export of each format, that of ONNX with a report."""
    report = tmp_path_factory.mktemp("report")
    figures = {"auc_features": {"value": 0.61, "uncertainty": 0.01, "floor": 0.54}}
    (report / "metrics.json").write_text(json.dumps({"toy": figures}))
    return {
        "torchscript": export(run, "licence=CC-BY-4.0"),
        "onnx": export(run, "format=onnx", f"report={report}"),
        "cpp": export(run, "format=cpp"),
    }


@pytest.fixture(params=["torchscript", "onnx", "cpp"])
def exported(folders: dict[str, Path], request: pytest.FixtureRequest) -> Path:
    return folders[request.param]


@pytest.fixture
def torchscript(folders: dict[str, Path]) -> Path:
    return folders["torchscript"]


def _sampled(run: Path, incident: Incident, seed: int) -> Showers:
    model, _ = trained_model(run, "cpu")
    return Showers.cat(list(Sampler(model).sample(incident, seed)))


def _particles(run: Path, number: int) -> tuple[dict[str, np.ndarray], Incident]:
    """Particles away from the edges, as a user names them, and as the sampler takes them."""
    model, _ = trained_model(run, "cpu")
    incident = open_showers(run / "showers.h5").incident()
    incident = incident[(~BeyondEdges(model).near(incident)).nonzero()[:number, 0]]
    assert len(incident) == number
    named = {
        "energy_GeV": incident.energy.numpy() / 1e3,
        "direction": 3.0 * incident.direction.numpy(),
        "position": incident.position.numpy(),
    }
    return named, incident


def test_the_showers_of_the_run(run: Path, exported: Path) -> None:
    generator = pointcalo.load(exported)
    for number in (1, 7, 60):
        named, incident = _particles(run, number)
        showers = generator.sample(**named, seed=3)
        own = _sampled(run, incident, 3)
        assert len(showers) == number
        assert showers.ptr.tolist() == own.ptr.tolist()
        assert showers.cell.tolist() == own.cell.tolist()
        assert showers.layer.tolist() == own.layer.tolist()
        found = np.stack([showers.x, showers.y, showers.energy, showers.time], axis=1)
        torch.testing.assert_close(torch.from_numpy(found), own.points, rtol=1e-5, atol=1e-5)


def test_shower_n_of_a_seed_is_the_same_in_any_batch(run: Path, exported: Path) -> None:
    generator = pointcalo.load(exported)
    named, _ = _particles(run, 6)
    whole = generator.sample(**named, seed=3)
    last = generator.sample(**{name: rows[4:] for name, rows in named.items()}, seed=3, first=4)
    assert last.cell.tolist() == whole.cell[whole.ptr[4] :].tolist()
    other = generator.sample(**named, seed=4)
    assert other.cell.tolist() != whole.cell.tolist()


def test_what_the_folder_says(run: Path, torchscript: Path) -> None:
    said = yaml.safe_load((torchscript / "generator.yaml").read_text())
    toy = Geometry.load("toy")
    assert said["geometry"]["hash"] == toy.hash == Geometry.load(torchscript / "geometry.yaml").hash
    fractions = said["geometry"]["layer_sampling_fraction"]
    assert fractions == pytest.approx([la.sampling_fraction_mip for la in toy.layers], rel=1e-4)
    assert said["geometry"]["layer_threshold_MeV"] == pytest.approx(toy.layer_threshold.tolist())
    assert [row["name"] for row in said["outputs"]] == ["ptr", "layer", "cell", "points"]
    assert said["particles"]["energy_GeV"] == pytest.approx([1.0, 5.0], rel=0.1)
    assert said["pdg"] == [22]
    assert said["licence"] == "CC-BY-4.0"
    weights, (model, _) = load_file(torchscript / "weights.safetensors"), trained_model(run, "cpu")
    own = model.generator.state_dict()
    assert torch.equal(weights["generator.occupancy.cell.weight"], own["occupancy.cell.weight"])
    card = (torchscript / "README.md").read_text()
    assert "parametric" in card and "CC-BY-4.0" in card and "No validation was given" in card


def test_nothing_names_a_folder_of_this_machine(exported: Path) -> None:
    places = [str(Path(pointcalo.__file__).parents[1]).encode(), str(Path.home()).encode()]
    parts = {path.name: path.read_bytes() for path in exported.rglob("*") if path.is_file()}
    if "generator.pt" in parts:
        with zipfile.ZipFile(exported / "generator.pt") as file:
            parts |= {name: file.read(name) for name in file.namelist()}
    assert not [name for name, text in parts.items() if any(place in text for place in places)]
    assert not [name for name in parts if name.endswith(".pkl") and "debug" in name]


@pytest.mark.parametrize(
    ("kind", "needless"),
    [
        ("torchscript", {"onnxruntime"}),
        ("onnx", {"torch", "onnx"}),
        ("cpp", {"torch", "onnx", "onnxruntime", "safetensors"}),
    ],
)
def test_it_runs_with_its_runtime_and_numpy_alone(
    folders: dict[str, Path], kind: str, needless: set[str]
) -> None:
    others = {"h5py", "hydra", "omegaconf", "torch_geometric", "scipy", "lightning_fabric"}
    others |= {"sklearn", "matplotlib", "safetensors", *needless}
    program = f"""
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {others}:
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
import pointcalo
generator = pointcalo.load({str(folders[kind])!r})
showers = generator.sample(energy_GeV=[2, 3], direction=[0.2, 0, 1], seed=1)
print(len(showers), len(showers.energy))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    showers, hits = map(int, done.stdout.split())
    assert showers == 2 and hits > 10


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("torchscript", ["model=bibae"]),
        ("onnx", ["model=bibae"]),
        ("cpp", ["model=vae", "model.latent=kde"]),
    ],
)
def test_conditions_latents_and_a_post_processor(
    tmp_path: Path, train: Callable[..., Path], field_data: Path, kind: str, model: list[str]
) -> None:
    more = [f"data={field_data}", "conditions=[field]", *model]
    run, folder = train(tmp_path / "run", *more), tmp_path / "generator"
    assert main(["export", f"run={run}", f"output={folder}", f"format={kind}"]) == 0
    generator = pointcalo.load(folder)
    incident = open_showers(field_data).incident()[:5]
    showers = generator.sample(
        energy_GeV=incident.energy.numpy() / 1e3,
        direction=incident.direction.numpy(),
        position=incident.position.numpy(),
        conditions={"field": incident.extra["field"].numpy()},
        seed=2,
    )
    own = _sampled(run, incident, 2)
    assert showers.cell.tolist() == own.cell.tolist()
    assert showers.energy == pytest.approx(own.energy.numpy(), rel=1e-4)
    with pytest.raises(ValueError, match="conditions: got none, expected field"):
        generator.sample(energy_GeV=[2.0])


PARTS = """
name: parts
layers:
  - repeat: 4
    absorber: [[W, 7]]
    active: [Si, 0.5]
    threshold_MeV: 0.1
    segmentation:
      - {type: hexagonal, pitch_mm: 9, radius_mm: 32}
      - {type: polar, rows: [[36, 216, 12, 24]]}
  - repeat: 4
    absorber: [[W, 7]]
    active: [Si, 0.5]
    threshold_MeV: 0.1
    segmentation: {type: table, file: cells.csv}
"""


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A detector of layers with hexagons and rings, and of layers with cells of a table."""
    random = np.random.default_rng(1)
    x, y = (9.0 * axis.ravel() for axis in np.meshgrid(np.arange(-22, 23), np.arange(-22, 23)))
    x, y = (axis + random.uniform(-2.0, 2.0, len(axis)) for axis in (x, y))
    rows = [f"{layer},{a:.3f},{b:.3f}" for layer in range(4, 8) for a, b in zip(x, y, strict=True)]
    (tmp_path / "cells.csv").write_text("\n".join(["layer,x_mm,y_mm", *rows]))
    (tmp_path / "parts.yaml").write_text(PARTS)
    return tmp_path / "parts.yaml"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("torchscript", []),
        ("onnx", ["geometry=calochallenge_1_photon", "simulation.theta_deg=0"]),
    ],
)
def test_any_cells(
    tmp_path: Path,
    train: Callable[..., Path],
    parts: Path,
    kind: str,
    keys: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = train(tmp_path / "any", f"geometry={parts}", *keys)
    folder = tmp_path / "generator"
    assert main(["export", f"run={run}", f"output={folder}", f"format={kind}"]) == 0
    named, incident = _particles(run, 40)
    showers, own = pointcalo.load(folder).sample(**named, seed=3), _sampled(run, incident, 3)
    assert showers.cell.tolist() == own.cell.tolist()
    found = np.stack([showers.x, showers.y, showers.energy, showers.time], axis=1)
    torch.testing.assert_close(torch.from_numpy(found), own.points, rtol=1e-4, atol=1e-4)
    assert main(["export", f"run={run}", f"output={tmp_path / 'other'}", "format=cpp"]) == 2
    assert "format=cpp: got" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("torchscript", ["network=set"]),
        ("onnx", ["network=set", "model=bibae", "trainer.epochs=3"]),
        ("torchscript", ["network=attention"]),
        ("onnx", ["network=attention"]),
    ],
)
def test_sets_of_points(
    tmp_path: Path,
    train: Callable[..., Path],
    kind: str,
    network: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, folder = train(tmp_path / "sets", *network), tmp_path / "generator"
    assert main(["export", f"run={run}", f"output={folder}", f"format={kind}"]) == 0
    generator = pointcalo.load(folder)
    for number in (1, 50):
        named, incident = _particles(run, number)
        showers, own = generator.sample(**named, seed=3), _sampled(run, incident, 3)
        assert showers.cell.tolist() == own.cell.tolist()
        found = np.stack([showers.x, showers.y, showers.energy, showers.time], axis=1)
        torch.testing.assert_close(torch.from_numpy(found), own.points, rtol=1e-4, atol=1e-4)
    # at the edge hits are lost, but none gets the cell of another
    edge = float(Geometry.load("toy").position(torch.tensor([0]))[0, :2].norm())
    some = generator.sample([3.0] * 20, direction=[0.2, 0, 1], position=[edge, 0], seed=1)
    shower = np.repeat(np.arange(20), np.diff(some.ptr))
    assert 0 < len(some.cell) == len(np.unique(np.stack([shower, some.cell]), axis=1).T)
    assert some.cell.min() >= 0
    assert main(["export", f"run={run}", f"output={tmp_path / 'other'}", "format=cpp"]) == 2
    assert "format=cpp: got" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_messages_between_hits(
    tmp_path: Path,
    train: Callable[..., Path],
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = train(tmp_path / "graph", "network=graph", "network.vector=8")
    arguments = [f"run={run}", f"output={tmp_path / 'generator'}", f"format={kind}"]
    assert main(["export", *arguments]) == 0
    assert (
        len(pointcalo.load(tmp_path / "generator").sample([2.0, 3.0], direction=[0.2, 0, 1])) == 2
    )
    assert main(["export", f"run={run}", f"output={tmp_path / 'other'}", "format=cpp"]) == 2
    assert "expected the generator of network=cells; take format=onnx" in capsys.readouterr().err


def test_a_report_goes_into_the_card(folders: dict[str, Path]) -> None:
    assert "| auc_features | 0.61 ± 0.01 | 0.54 |" in (folders["onnx"] / "README.md").read_text()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"energy_GeV": []}, "energy_GeV: got \\[\\], expected positive numbers, at least one"),
        ({"energy_GeV": [-1.0]}, "energy_GeV: got"),
        ({"energy_GeV": [float("nan")]}, "energy_GeV: got"),
        ({"particle": "muon"}, "particle: got 'muon', expected photon"),
        ({"particle": 11}, "particle: got 11, expected photon"),
        ({"direction": [1, 0, 0]}, "expected one that crosses the layers"),
        ({"direction": [0, 1]}, "direction: got \\[0, 1\\], expected 3 numbers"),
        ({"position": [0, float("inf")]}, "position: got"),
        ({"conditions": {"field": 1.0}}, "conditions: got field, expected none"),
        ({"energy_GeV": [50.0]}, "1 of 1 particles lie outside the training: energy of 1"),
        ({"direction": [1, 0, 1]}, "outside the training: angle to the normal of"),
    ],
)
def test_particles_that_make_no_sense(torchscript: Path, asked: dict, message: str) -> None:
    generator = pointcalo.load(torchscript, outside="error")
    with pytest.raises(ValueError, match=message):
        generator.sample(**{"energy_GeV": [2.0], "direction": [0.2, 0, 1], **asked})


def test_outside_the_training_is_never_silent(torchscript: Path) -> None:
    generator = pointcalo.load(torchscript)
    with pytest.warns(UserWarning, match="outside the training: energy of"):
        assert len(generator.sample([50.0], direction=[0.2, 0, 1])) == 1
    with pytest.raises(ValueError, match="outside: got 'quiet', expected warn or error"):
        pointcalo.load(torchscript, outside="quiet")


def _copied(exported: Path, to: Path) -> Path:
    to.mkdir()
    for path in exported.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def test_foreign_and_damaged_folders(torchscript: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no generator\.yaml in it"):
        pointcalo.load(tmp_path)
    damaged = _copied(torchscript, tmp_path / "damaged")
    (damaged / "generator.pt").write_bytes(b"not a program")
    with pytest.raises(ValueError, match=r"generator\.pt: damaged, or not the file"):
        pointcalo.load(damaged)
    swapped = _copied(torchscript, tmp_path / "swapped")
    Geometry.load("hgcal").save(swapped / "geometry.yaml")
    with pytest.raises(ValueError, match=r"geometry\.yaml: damaged, or not the file"):
        pointcalo.load(swapped)
    (swapped / "geometry.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"geometry\.yaml: missing"):
        pointcalo.load(swapped)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for text, message in (("a: [", "damaged, it is no YAML"), ("a: 1", "not of an exported")):
        (foreign / "generator.yaml").write_text(text)
        with pytest.raises(ValueError, match=message):
            pointcalo.load(foreign)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run=nowhere"], "nowhere: no config.yaml in it"),
        (["format=pickle"], "format: got 'pickle', expected torchscript"),
        (["report=nowhere"], "nowhere: no metrics.json in it"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    asked = [f"run={run}", *arguments, f"output={tmp_path / 'generator'}"]
    assert main(["export", *asked]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_makes_other_showers_is_not_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = exporting.write

    def spoilt(traced: torch.jit.ScriptModule, *arguments: object) -> None:
        names = [name for name, _ in traced.named_parameters() if "occupancy.head" in name]
        bias = traced.get_parameter(names[-1])
        with torch.no_grad():
            bias += 0.5
        write(traced, *arguments)
        with torch.no_grad():
            bias -= 0.5

    monkeypatch.setattr(exporting, "write", spoilt)
    assert main(["export", f"run={run}", f"output={tmp_path / 'generator'}"]) == 2
    assert "have other cells than the model's; nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
