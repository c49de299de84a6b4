"""`pointcalo validate` with runs, several samples, fixed energies and metrics left out."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pointcalo.cli.generated import Generated
from pointcalo.cli.main import main
from pointcalo.cli.validate_samples import Samples
from pointcalo.formats import open_showers, split_numbers
from pointcalo.validation.report import sections

QUICK = ["threads=1", "skip=[auc_cells]"]
TRAINING = [
    *("geometry=toy", "threads=1", "simulation.showers=400", "simulation.energy_GeV=[1,5]"),
    *("network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.epochs=1"),
]


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Leave out what takes seconds a report: drawing each observable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "comparison_figure", lambda *_, **__: "<svg></svg>")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "toy"
    assert main(["train", f"output={directory}", *TRAINING]) == 0
    return directory


@pytest.fixture(scope="module")
def report(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, and showers of its own file of another split, in one report."""
    folder = tmp_path_factory.mktemp("reports") / "report"
    both = f"generated=[{run},{run / 'showers.h5'}]"
    arguments = [both, f"reference={run / 'showers.h5'}", "split=test", f"output={folder}"]
    assert main(["validate", *arguments, *QUICK]) == 0
    return folder


def _metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_a_run_is_sampled_like_the_test_showers_it_was_not_trained_on(
    run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    assert main(["validate", f"generated={run}", f"output={folder}", *QUICK]) == 0
    sampled, trained = open_showers(folder / "toy.h5"), open_showers(run / "showers.h5")
    test = split_numbers(len(trained), "test")
    assert sampled.incident().energy.tolist() == trained.incident().energy[test].tolist()
    metrics = _metrics(folder)
    assert metrics["auc_features"]["n"] == 80
    assert 0 <= metrics["latent_share"]["value"] < 1.5
    assert "split test" in (folder / "report.html").read_text()


def test_several_samples_stand_side_by_side(report: Path) -> None:
    metrics = _metrics(report)
    assert list(metrics) == ["toy", "showers"]
    first, second = metrics.values()
    assert first.keys() == second.keys()
    assert "auc_cells" not in first
    assert second["latent_share"]["status"] == "no run"
    floors = [[m["floor"] for m in sample.values()] for sample in (first, second)]
    assert floors[0] == floors[1]
    with (report / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(first)


def test_fixed_energies(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    window = ["energy_GeV=[1.5,3]", "energy_window=0.3", "split=all"]
    assert main(["validate", f"generated={run}", f"output={folder}", *window, *QUICK]) == 0
    energy = open_showers(folder / "toy.h5").incident().energy / 1000
    near = ((energy / 1.5 - 1).abs() < 0.301) | ((energy / 3 - 1).abs() < 0.301)
    assert bool(near.all())
    assert 20 < len(energy) < 400
    assert "within 0.3 of 1.5, 3 GeV" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generated=[]"], "generated: got [], expected files or run directories"),
        (["generated=nowhere"], "nowhere: no such file or run directory"),
        (["generated={parent}"], "a folder without config.yaml, expected a file or a run"),
        (["generated={file}"], "reference: not given"),
        (["generated={run}", "energy_GeV=-1"], "energy_GeV: got -1, expected positive numbers"),
        (["generated={run}", "energy_GeV=[50]"], "50"),
        (["generated={run}", "skip=[auc]"], "skip: got 'auc', expected names of metrics"),
        (["generated={run}", "skip=fpd", "bounds.fpd=1"], "skip: fpd has a bound"),
        (["generated={run}", "bounds=0.7"], "bounds: got 0.7, expected one for each metric"),
        (["generated={run}", "bounds=null"], "bounds: got None, expected one for each metric"),
        (["generated={run}", "training=no.h5"], "no.h5"),
        (["generated={run}", "floor=no.h5"], "no.h5: no such file"),
        (["generated={run}", "floor={file}"], "showers.h5 is the reference itself"),
        (["generated={run}", "geometry=ild"], "geometry"),
        (["generated={run}", "energy_bins=-1"], "energy_bins: got -1"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    places = {"run": run, "parent": run.parent, "file": run / "showers.h5"}
    filled = [text.format(**places) for text in arguments]
    assert main(["validate", *filled, f"output={tmp_path / 'report'}", "threads=1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_training_file_is_gone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = shutil.copytree(run, tmp_path / "moved")
    config = OmegaConf.load(moved / "config.yaml")
    config.data = str(tmp_path / "parts*.h5")
    OmegaConf.save(config, moved / "config.yaml")
    arguments = [f"generated={moved}", f"output={tmp_path / 'report'}", *QUICK]
    assert main(["validate", *arguments]) == 2
    assert "no such file now; pass reference=FILE" in capsys.readouterr().err
    assert main(["validate", *arguments, f"reference={moved / 'showers.h5'}"]) == 2
    assert "no such file now; pass training=FILE" in capsys.readouterr().err


def test_a_run_trained_on_the_first_showers_of_several_files(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved, showers = shutil.copytree(run, tmp_path / "moved"), run / "showers.h5"
    for name in ("low", "high"):
        shutil.copy(showers, tmp_path / f"part_{name}.h5")
    config = OmegaConf.load(moved / "config.yaml")
    config.data, config.data_share = str(tmp_path / "part_*.h5"), 0.5
    OmegaConf.save(config, moved / "config.yaml")
    keys = dict.fromkeys(("geometry", "split", "floor", "training", "energy_GeV"))
    keys |= {"reference": str(tmp_path / "part_low.h5"), "max_showers": 1000, "seed": 1}
    samples = Samples(OmegaConf.create({**keys, "device": "cpu"}), [Generated(moved, "moved")])
    assert samples.split == "test"
    (judged,) = samples.judged(tmp_path)
    energy = open_showers(showers).incident().energy
    half = energy[split_numbers(len(energy), "train", 0.5)].tolist()
    assert judged.training is not None
    assert judged.training.incident.energy.tolist() == half + half
    arguments = [f"generated={moved}", f"output={tmp_path / 'report'}", *QUICK]
    assert main(["validate", *arguments]) == 2
    assert "the run was trained on 2 files" in capsys.readouterr().err
