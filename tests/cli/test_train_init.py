"""`pointcalo train init=RUN`: beginning from the weights of another run."""

from pathlib import Path

import pytest
import torch
import yaml

from pointcalo.cli.main import main
from pointcalo.geometry import Geometry
from pointcalo.training.checkpoint import load_checkpoint, load_weights

SMALL = [
    "threads=1",
    "simulation.showers=60",
    "simulation.energy_GeV=[1,5]",
    "network.width=16",
    "profile.width=16",
    "trainer.minutes=null",
    "trainer.steps=2",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "toy"
    assert main(["train", "geometry=toy", f"output={directory}", *SMALL]) == 0
    return directory


def changed(run: Path, tmp_path: Path, old: str, new: str) -> Path:
    """The run's detector with other words in its file."""
    path = tmp_path / "other.yaml"
    text = (run / "geometry.yaml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_fine_tuning_on_another_lattice(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(run, tmp_path, "type: hexagonal, pitch_mm: 12", "type: hexagonal, pitch_mm: 16")
    output = tmp_path / "tuned"
    assert main(["train", f"geometry={other}", f"init={run}", f"output={output}", *SMALL]) == 0
    said = capsys.readouterr().out
    assert f"init={run}: takes over hits_per_shower, profile, generator, encoder" in said
    before = load_weights(run / "checkpoints" / "best.pt")
    after = load_checkpoint(output / "checkpoints" / "last.pt")["model"]
    buffers = [name for name in before if name.endswith((".mean", ".deviation", ".radius"))]
    assert {name.partition(".")[0] for name in buffers} == {"profile", "generator", "encoder"}
    assert all(torch.equal(before[name], after[name]) for name in buffers)  # not fitted anew
    first = (output / "metrics.csv").read_text().splitlines()
    assert first[1].startswith("0,0,") and "judged/mean" in first[0]  # what it begins from, judged
    assert Geometry.load(output / "geometry.yaml").hash == Geometry.load(str(other)).hash
    origin = yaml.safe_load((output / "origin.yaml").read_text())
    assert f"begun from run {run.name}, trained on: " in origin["trained_on"]
    assert yaml.safe_load((output / "config.yaml").read_text())["init"] == str(run)


@pytest.mark.parametrize(
    ("change", "setting", "words"),
    [
        (("threshold_MeV: 0.075", "threshold_MeV: 0.09"), "seed=1", "the same layers"),
        (None, "network.width=12", "got shape"),
        (None, "init=nowhere", "nowhere: no geometry.yaml in it"),
    ],
    ids=["layers", "network", "no run"],
)
def test_what_does_not_fit_is_one_line(
    run: Path,
    change: tuple[str, str] | None,
    setting: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    geometry = "toy" if change is None else changed(run, tmp_path, *change)
    output = tmp_path / "new"
    arguments = [f"geometry={geometry}", f"output={output}", *SMALL, setting]
    init = [] if setting.startswith("init") else [f"init={run}"]
    assert main(["train", *arguments, *init]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error
    assert "init" in error or "nowhere" in error
    assert not output.exists()
