"""tools/results.py and tools/telling_features.py on toy runs: the table, and what it rests on."""

import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pointcalo.cli.main import main
from pointcalo.validation.report import sections

TOOLS = Path(__file__).parents[1] / "tools"
SMALL = [
    *("geometry=toy", "threads=1", "simulation.showers=510", "simulation.energy_GeV=[1,5]"),
    *("network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.steps=4"),
]


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Leave out what takes seconds a report, and let the tools find one another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "comparison_figure", lambda *_, **__: "<svg></svg>")
        patch.syspath_prepend(str(TOOLS))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A training, and what goes on from it."""
    first, tuned = (tmp_path_factory.mktemp("runs") / name for name in ("one", "tuned"))
    assert main(["train", f"output={first}", *SMALL]) == 0
    more = [f"data={first / 'showers.h5'}", f"init={first}", "trainer.steps=3"]
    assert main(["train", f"output={tuned}", *SMALL, *more]) == 0
    return [first, tuned]


def printed(tool: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [tool, *arguments])
        runpy.run_path(str(TOOLS / tool), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def results() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "results.py")))


def test_the_row_of_a_run_and_the_floor(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "reports"
    keys = [str(runs[0]), "--output", str(output), "--skip", "auc_cells,fpd,kpd"]
    lines = printed("results.py", capsys, *keys)
    head, _, *rows = [cells(line) for line in lines if line.startswith("|")]
    one, floor = (dict(zip(head, row, strict=True)) for row in rows)
    assert (one["run"], floor["run"]) == ("one", "floor")
    metrics = json.loads((output / "one" / "metrics.json").read_text())
    auc = metrics["auc_features"]
    assert one["`auc_features`"] == f"{auc['value']:.3f} ± {auc['uncertainty']:.3f}"
    assert floor["`auc_features`"] == f"{auc['floor']:.3f} ± {auc['floor_uncertainty']:.3f}"
    assert one["`auc_cells`"] == "-"
    delay = metrics["wasserstein_hit_delay"]
    time = 100 * delay["value"] / delay["reference_spread"]
    assert one["hit time, % of its spread"].startswith(f"{time:.2f} ± ")
    assert (one["seed"], one["steps"]) == ("1", "4")
    assert float(one["ms / shower"]) > 0
    assert one["command"].startswith("`pointcalo train output=one geometry=toy ")

    kept = output / "one" / "results.json"
    kept.write_text(kept.read_text().replace('"batch_100_ms": ', '"batch_100_ms": 9'))
    assert len(printed("results.py", capsys, *keys)) == 4  # nothing but the table: not made again


def test_a_report_older_than_the_weights_is_made_again(
    results: SimpleNamespace, runs: list[Path], tmp_path: Path
) -> None:
    validated: list[list[str]] = []
    times = [2.0, 3.0, 4.0, 5.0]
    made = {"pointcalo": lambda arguments: validated.append(arguments) or 0}
    made["sampling_ms"] = lambda *_: times.pop(0)
    keys = {"reference": None, "floor": "f.h5", "skip": "", "threads": 1, "retime": False}
    options = SimpleNamespace(output=tmp_path, **keys)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "metrics.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in made.items():
            patch.setitem(results.Run._sampling_ms.__globals__, name, stand_in)
        for _ in range(2):
            assert results.Run(runs[0], options).made == ({}, 2.0)
        options.retime = True
        assert results.Run(runs[0], options).made == ({}, 3.0)
        options.retime = False
        assert len(validated) == 1
        assert validated[0][0] == "validate" and "floor=f.h5" in validated[0]
        os.utime(runs[0] / "checkpoints" / "best.pt")
        assert results.Run(runs[0], options).made == ({}, 4.0)
        options.floor = "g.h5"
        assert results.Run(runs[0], options).made == ({}, 5.0)
    assert len(validated) == 3


def test_what_a_run_was_begun_from_counts(results: SimpleNamespace, runs: list[Path]) -> None:
    first, tuned = results.trained(runs[1])
    assert (first[1], tuned[1]) == (4, 3)
    assert [first] == results.trained(runs[0])
    assert 0 < first[0] < 5
    run = results.Run(runs[1], SimpleNamespace(output=Path("reports")))
    assert " data=showers.h5 init=one " in run.command and "=/" not in run.command


def test_seeds_of_one_training_have_a_mean(results: SimpleNamespace, runs: list[Path]) -> None:
    made = [results.Run(run, SimpleNamespace(output=Path("reports"))) for run in (*runs, runs[0])]
    for run, auc in zip(made, (0.6, 0.8, 0.7), strict=True):
        run.made = {"auc_features": {"value": auc, "uncertainty": 0.1}}, 2.0
    made[2].config.seed = 2
    one, other, mean, tuned, floor = results.rows(made)
    assert (one[0], other[0], tuned[0], floor[0]) == ("one", "one", "tuned", "floor")
    assert (one[1], other[1]) == ("1", "2")
    assert mean[0] == "**one**, mean ± spread of 2 seeds"
    assert mean[4] == "0.650 ± 0.071"  # the spread of two is their difference over sqrt(2)
    assert mean[5] == "-" and mean[-2] == "2.0"


@pytest.fixture(scope="module")
def features() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "telling_features.py")))


def test_the_feature_that_differs_is_found(features: SimpleNamespace) -> None:
    random = np.random.default_rng(1)
    reference, generated = random.normal(size=(2, 400, 3)).astype(np.float32)
    generated[:, 1] += 1.5
    auc, lost = features.importances(reference, generated, seed=1)
    assert auc == pytest.approx(0.84, abs=0.04)  # Phi(1.5 / sqrt(2)) = 0.856, less what noise takes
    assert lost[1] == pytest.approx(auc - 0.5, abs=0.05)
    assert max(abs(lost[0]), abs(lost[2])) < 0.03


def test_a_feature_by_itself(features: SimpleNamespace) -> None:
    reference = np.array([0.0, 1.0, 2.0, np.nan], dtype=np.float32)
    generated = np.array([0.5, 1.0, 2.5, 3.0], dtype=np.float32)
    # pairs (g > r): 1 of 3, 1.5 of 3, 3 of 3; of the same particle: higher, tie, higher
    assert features.alone(reference, generated) == pytest.approx((5.5 / 9, 2.5 / 3))
    assert features.alone(reference, reference * np.nan) == (0.5, 0.5)


def test_the_most_telling_are_printed(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = runs[0] / "showers.h5", tmp_path / "generated.h5"
    keys = [f"run={runs[0]}", f"like={data}", "split=test", f"output={output}", "threads=1"]
    assert main(["sample", *keys]) == 0
    capsys.readouterr()
    lines = printed("telling_features.py", capsys, str(output), "--reference", str(data))
    assert lines[0].startswith("102 showers a side, AUC ")
    assert len(lines) == 4 + 10
    importance = [float(cells(line)[1]) for line in lines[4:]]
    assert importance == sorted(importance, reverse=True)
