"""The main job from the command line: train, resume, sample; and what goes wrong on the way."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile, ShowerStream, open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import layout_of
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.training.checkpoint import load_weights

SMALL = [
    "threads=1",
    "simulation.showers=120",
    "simulation.energy_GeV=[1,5]",
    "network.width=16",
    "profile.width=16",
    "trainer.minutes=null",
    "trainer.epochs=1",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "toy"
    assert main(["train", "geometry=toy", f"output={directory}", *SMALL]) == 0
    return directory


def test_a_run_holds_all_that_made_it(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.yaml", "geometry.yaml", "origin.yaml", "metrics.csv", "showers.h5"}
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.pt", "last.pt"}
    assert Geometry.load(run / "geometry.yaml").hash == Geometry.load("toy").hash
    assert len(NativeFile(run / "showers.h5")) == 120


def test_own_showers_are_of_the_supplemented_detector(tmp_path: Path) -> None:
    directory = tmp_path / "thick"
    keys = ["geometry=toy", "stack=[[W,5.0],[Si,0.5]]", "layer_z_mm=8"]
    assert main(["train", *keys, f"output={directory}", *SMALL]) == 0
    geometry = Geometry.load(directory / "geometry.yaml")
    assert [layer.z for layer in geometry.layers[:2]] == [4.0, 12.0]
    assert NativeFile(directory / "showers.h5").geometry_hash == geometry.hash


def test_a_detector_without_materials_asks_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cells.csv").write_text("layer,x_mm,y_mm\n0,0,0\n0,5,0\n1,0,0\n1,5,0\n")
    keys = ["geometry=cells.csv", "layer_z_mm=8", "threshold_MeV=0.1"]
    assert main(["train", *keys, *SMALL]) == 2
    assert "have no materials" in (said := capsys.readouterr().err) and "data=FILE" in said
    assert [path.name for path in tmp_path.iterdir()] == ["cells.csv"]


def test_sample_like_a_file(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "generated.h5"
    like = run / "showers.h5"
    arguments = ["sample", f"run={run}", f"like={like}", "split=test", f"output={output}"]
    assert main([*arguments, "threads=1", "max_showers=7"]) == 0
    generated, reference = NativeFile(output), NativeFile(like)
    test = torch.tensor([n for n in range(120) if n % 10 > 7])
    assert torch.equal(generated.incident().energy, reference.incident()[test].energy)
    assert generated.geometry_hash == reference.geometry_hash
    assert "VAE" in generated.attributes["source"]
    assert "parametric" in generated.attributes["source"]
    toy = Geometry.load("toy")
    showers = generated.read()
    assert bool((toy.cell_at(showers.layer, showers.xy) >= 0).all())
    assert bool((showers.energy >= toy.layer_threshold[showers.layer]).all())


def test_sample_in_a_detector_with_a_hole(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = tmp_path / "holed.yaml"
    text = (run / "geometry.yaml").read_text()
    detector.write_text(text.replace("radius_mm: 98.0", "radius_mm: 98.0, holes: [[0, 0, 20]]"))
    output = tmp_path / "x.h5"
    settings = ["showers=9", "energy_GeV=3", "theta_deg=5", "threads=1", f"output={output}"]
    assert main(["sample", f"run={run}", f"geometry={detector}", *settings]) == 0
    said = capsys.readouterr().out
    assert "% of the energy lost outside every cell, 9 of 9 showers near an edge" in said
    file, holed = NativeFile(output), Geometry.load(detector)
    assert file.geometry_hash == holed.hash
    assert 0.1 < file.attributes["energy_outside_cells"] < 1.0
    showers = file.read()
    assert bool((holed.cell_at(showers.layer, showers.xy) >= 0).all())
    assert main(["sample", f"run={run}", "geometry=hgcal", *settings]) == 2
    assert "layers of other depths or thresholds than toy" in capsys.readouterr().err


def test_sample_on_other_cells(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector, output = tmp_path / "fine.yaml", tmp_path / "x.h5"
    text = (run / "geometry.yaml").read_text().replace("name: toy", "name: fine")
    detector.write_text(text.replace("pitch_mm: 12.0", "pitch_mm: 7"))
    like = [f"like={run / 'showers.h5'}", "split=test", "threads=1", f"output={output}"]
    assert main(["sample", f"run={run}", f"geometry={detector}", *like]) == 0
    said = capsys.readouterr().err
    assert "fine has other cells than toy" in said and "made in toy" in said
    file, fine = NativeFile(output), Geometry.load(detector)
    assert file.geometry_hash == fine.hash and file.attributes["carried_from"] == "toy"
    showers = file.read()
    assert len(showers) == 24 and bool((fine.cell_at(showers.layer, showers.xy) >= 0).all())


def test_sample_particles_of_ones_own(run: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    settings = ["showers=9", "energy_GeV=3", "theta_deg=10", "threads=1"]
    assert main(["sample", f"run={run}", f"output={one}", *settings]) == 0
    assert main(["sample", f"run={run}", f"output={other}", *settings, "max_showers=2"]) == 0
    incident = NativeFile(one).incident()
    assert incident.energy.unique().tolist() == [3000.0]
    torch.testing.assert_close(incident.direction[:, 2], torch.full((9,), 0.98480775))
    assert torch.equal(NativeFile(one).read().ptr, NativeFile(other).read().ptr)


@pytest.mark.parametrize("layout", ["root", "parquet", "showerdata"])
def test_sample_into_other_layouts(
    run: Path, tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = tmp_path / "own.h5", tmp_path / "other"
    settings = [f"run={run}", "showers=9", "energy_GeV=3", "theta_deg=10", "threads=1"]
    said = ["energy_unit=MeV"] if layout == "showerdata" else []
    assert main(["sample", *settings, f"output={own}"]) == 0
    assert main(["sample", *settings, f"output={other}", f"format={layout}", *said]) == 0
    assert layout_of(other).name == layout
    told = Conventions(energy_unit="MeV" if said else "", geometry=Geometry.load("toy"))
    file, native = open_showers(other, told), NativeFile(own)
    read, expected = file.read(), native.read()
    assert torch.equal(read.points, expected.points) and torch.equal(read.ptr, expected.ptr)
    assert torch.equal(read.layer, expected.layer)
    assert torch.equal(read.incident.direction, expected.incident.direction)
    printed = capsys.readouterr().out
    assert ("dropped: attributes energy_outside_cells, seed" in printed) == bool(said)
    if layout == "root":
        assert (file.geometry_hash, file.source) == (native.geometry_hash, native.source)
        share = native.attributes["energy_outside_cells"]
        assert file.attributes == {"seed": 1, "energy_outside_cells": share}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["format=word"], "format: got 'word', expected one of pointcalo, lemurs"),
        (["format=showerdata"], "records no units, it is in MeV or in GeV: pass energy_unit=GeV"),
        (["format=edm4hep"], "podio and edm4hep of the key4hep stack"),
        (["format=calochallenge"], "geometry 'toy'"),
        (["format=root", "output=none/x"], "no folder none, make it first"),
    ],
)
def test_layouts_that_cannot_be_written(
    run: Path,
    tmp_path: Path,
    keys: list[str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"run": str(run), "showers": "9", "output": "x"} | dict(k.split("=") for k in keys)
    assert main(["sample", *(f"{key}={value}" for key, value in given.items())]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert line in error and list(tmp_path.iterdir()) == []


def test_train_on_a_file_with_a_detector_of_ones_own(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = tmp_path / "my_detector.yaml"
    detector.write_text((run / "geometry.yaml").read_text())
    arguments = [f"geometry={detector}", f"data={run / 'showers.h5'}", f"output={tmp_path / 'r'}"]
    assert main(["train", *arguments, *SMALL]) == 0
    assert not (tmp_path / "r" / "showers.h5").exists()
    output = tmp_path / "x.h5"
    sample = ["sample", f"run={tmp_path / 'r'}", f"output={output}", "showers=3", "threads=1"]
    assert main(sample) == 2
    assert "trained on a file; give like=FILE" in capsys.readouterr().err
    assert main([*sample, "particle=photon", "energy_GeV=2", "theta_deg=5"]) == 0
    assert len(NativeFile(output)) == 3


def test_a_spoilt_file_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = tmp_path / "spoilt.h5"
    spoilt.write_bytes((run / "showers.h5").read_bytes())
    with h5py.File(spoilt, "r+") as file:
        file["points/energy"][100] = float("nan")
    output = tmp_path / "r"
    assert main(["train", "geometry=toy", f"data={spoilt}", f"output={output}", *SMALL]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "spoilt.h5" in error and "energy nan" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "geometry=nowhere"], "no geometry 'nowhere'"),
        (["train"], "missing: geometry"),
        (["train", "geometry=toy", "data=nothing.h5"], "nothing.h5"),
        (["train", "geometry=toy", "model.latent=flat"], "expected normal or kde"),
        (["train", "geometry=toy", "trainer.minutes=-1"], "minutes"),
        (["sample", "run=nowhere", "output=x.h5"], "nowhere: no config.yaml"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["simulation.showers=20"] if arguments[0] == "train" else []
    assert main([*arguments, *small]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("simulation.showers=5", "split validation"),
        ("simulation.particle=muon", "unknown particle 'muon'"),
        ("model.latent=flat", "expected normal or kde"),
        ("network.width=-4", "network.width: got -4; expected a whole number from 1 on"),
        ("model.learning_rate=abc", "model.learning_rate: got 'abc'; expected a number from 0 on"),
        ("trainer.minutes=abc", "trainer.minutes: got 'abc'; expected a number from 0 on"),
    ],
)
def test_a_training_that_fails_leaves_nothing(
    setting: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "runs" / "toy"
    assert main(["train", "geometry=toy", f"output={output}", *SMALL, setting]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_first_checkpoint(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands for the disk."""
    output = tmp_path / "r"
    arguments = ["train", "geometry=toy", f"data={run / 'showers.h5'}", f"output={output}", *SMALL]
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
    program += f"from pointcalo.cli.main import main; raise SystemExit(main({arguments!r}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 2
    error = capfd.readouterr().err
    assert "best.pt: could not be written: File too large" in error and error.count("\n") == 1
    assert not output.exists()


def test_a_folder_with_something_in_it_is_not_a_new_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "showers.h5").write_text("precious")
    assert main(["train", "geometry=toy", f"output={tmp_path}", *SMALL]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "showers.h5").read_text() == "precious"


def test_resuming_with_another_geometry(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "geometry=ild", f"resume={run}"]) == 2
    assert "its own settings hold" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cuda:99", "foo", "meta"])
def test_a_device_that_is_not_there(
    run: Path, device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.h5"
    assert main(["sample", f"run={run}", f"device={device}", f"output={output}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"device: got '{device}'" in error
    assert not output.exists()


def test_a_run_is_not_overwritten(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "geometry=toy", f"output={run}", *SMALL]) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    """Resumed, it ends with the weights of one that was never interrupted."""
    data, geometry = tmp_path / "showers.h5", "geometry=toy"
    assert main(["simulate", geometry, f"output={data}", "showers=120", "threads=1"]) == 0
    whole, part = tmp_path / "whole", tmp_path / "part"
    epochs = ["trainer.epochs=2", "trainer.minutes=null"]
    train = ["train", geometry, f"data={data}", *SMALL, *epochs]
    assert main([*train, f"output={whole}"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShowerStream, "epoch", interrupted(ShowerStream.epoch))
        assert main([*train, f"output={part}"]) == 130
    assert main(["train", f"resume={part}"]) == 0
    first, second = (load_weights(path / "checkpoints" / "best.pt") for path in (whole, part))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def interrupted(epoch: Callable[..., Iterator[Showers]]) -> Callable[..., Iterator[Showers]]:
    """The batches of a stream, with Ctrl-C at the second one of the second epoch."""

    def batches(stream: ShowerStream, number: int, start: int = 0) -> Iterator[Showers]:
        for position, showers in enumerate(epoch(stream, number, start)):
            if (number, position) == (1, 1):
                signal.raise_signal(signal.SIGINT)
            yield showers

    return batches
