import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training import two_processes

from pointcalo.training.checkpoint import load_checkpoint

TESTS = Path(__file__).parents[1]
SCRIPT = ("-m", "training.two_processes")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("runs")
    runs = {name: directory / name for name in ("one", "two", "stopped")}
    two_processes.train(runs["one"])
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node=2", *SCRIPT, str(runs["two"]), str(runs["stopped"])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return runs


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / "checkpoints" / "last.pt")["model"]


def test_two_processes_train_as_one(runs: dict[str, Path]) -> None:
    """Unequal halves of batches, other first weights, other buffers: the gradients of one."""
    one, two = weights(runs["one"]), weights(runs["two"])
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-5)


def test_validation_is_that_of_one(runs: dict[str, Path]) -> None:
    one, two = rows(runs["one"]), rows(runs["two"])
    assert [row["step"] for row in two] == ["4", "8", "12", "16", "18"]
    for a, b in zip(one, two, strict=True):
        assert bool(a["judged/weight"]) == (a["step"] in ("8", "16", "18"))
        for name in (name for name in a.keys() - {"seconds"} if a[name]):
            assert float(a[name]) == pytest.approx(float(b[name]), rel=2e-3), name


def test_all_processes_end_with_the_same_weights(runs: dict[str, Path]) -> None:
    first, second = (torch.load(runs["two"] / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_signal_to_one_process_stops_and_resumes_all(runs: dict[str, Path]) -> None:
    two, stopped = (
        load_checkpoint(runs[name] / "checkpoints" / "last.pt") for name in ("two", "stopped")
    )
    assert stopped["step"] == two["step"] == 18
    for name in two["model"]:
        assert torch.equal(stopped["model"][name], two["model"][name])
    assert torch.equal(stopped["random"]["cpu"], two["random"]["cpu"])
    assert len(two["random"]["cpu"]) == 2
