"""The dispatcher: a command of our own, with a configuration and a config group, in this process.

Hydra, the errors and the exit codes are the real ones; only the command is made here.
"""

import errno
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from pointcalo import __version__
from pointcalo.cli import command_help, launch, main

YAML = """\
# Count showers.
defaults:
  - network: small  # which network
  - _self_

showers: 10  # number of showers
output: ???  # file to write
training:
  # step of the optimiser
  rate: 1e-3
"""

Run = Callable[..., int]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[DictConfig]:
    """A command `count`; the configurations it ran with are added to this list."""
    configs = tmp_path / "configs"
    (configs / "network").mkdir(parents=True)
    (configs / "count.yaml").write_text(YAML)
    (configs / "network" / "small.yaml").write_text("width: 3  # features\n")
    (configs / "network" / "big.yaml").write_text("width: 30  # features\n")
    done: list[DictConfig] = []
    module = types.ModuleType("pointcalo.cli.count")
    module.run = lambda config: _count(config, done)
    monkeypatch.setitem(sys.modules, "pointcalo.cli.count", module)
    monkeypatch.setitem(main.CONFIGURED, "count", ("count showers", "showers=10 output=x.txt"))
    for reader in (launch, command_help):
        monkeypatch.setattr(reader, "folder", lambda name: tmp_path / name)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.delenv("POINTCALO_DEBUG", raising=False)
    return done


def _count(config: DictConfig, done: list[DictConfig]) -> int | None:
    done.append(config)
    outcomes = {
        "broken": lambda: 1,
        "value": lambda: _raise(ValueError("energy_GeV is\nnegative; expected more than 0")),
        "full": lambda: _raise(OSError(errno.ENOSPC, "No space left on device", "showers.h5")),
        "denied": lambda: _raise(PermissionError(errno.EACCES, "Permission denied", "/x.h5")),
        "memory": lambda: _raise(MemoryError()),
        "fault": lambda: _raise(KeyError("layer")),
        "stop": lambda: _raise(KeyboardInterrupt()),
        "pipe": lambda: _raise(BrokenPipeError()),
        "unknown": lambda: config.no_such_key,
    }
    return outcomes.get(config.output, lambda: None)()


def _raise(error: BaseException) -> None:
    raise error


def test_overrides_and_groups_reach_the_command(jobs: list[DictConfig]) -> None:
    code = main.main(["count", "output=a.h5", "showers=3", "network=big", "training.rate=0.1"])
    assert code == 0
    assert jobs[0] == {
        "showers": 3,
        "output": "a.h5",
        "network": {"width": 30},
        "training": {"rate": 0.1},
    }


def test_flags_may_stand_anywhere(jobs: list[DictConfig], tmp_path: Path) -> None:
    (tmp_path / "mine" / "network").mkdir(parents=True)
    (tmp_path / "mine" / "network" / "own.yaml").write_text("width: 7\n")
    flags = ["--config-dir", str(tmp_path / "mine")]
    assert main.main(["count", "output=a", *flags, "network=own"]) == 0
    assert jobs[0].network.width == 7


def test_nothing_is_left_in_the_working_directory(jobs: list[DictConfig]) -> None:
    main.main(["count", "output=a"])
    assert list(Path().iterdir()) == []


def test_arguments_of_the_process_are_put_back(jobs: list[DictConfig]) -> None:
    before = list(sys.argv)
    main.main(["count", "output=a"])
    assert sys.argv == before


@pytest.mark.parametrize(
    ("output", "code", "line"),
    [
        ("fine", 0, ""),
        ("broken", 1, ""),
        ("value", 2, "pointcalo count: energy_GeV is negative; expected more than 0\n"),
        ("full", 2, "pointcalo count: showers.h5: No space left on device\n"),
        ("denied", 2, "pointcalo count: /x.h5: Permission denied\n"),
        ("memory", 2, "pointcalo count: out of memory: MemoryError; try smaller batches\n"),
        ("stop", 130, "pointcalo: interrupted\n"),
    ],
)
def test_outcome_is_an_exit_code_and_at_most_one_line(
    jobs: list[DictConfig],
    capsys: pytest.CaptureFixture[str],
    output: str,
    code: int,
    line: str,
) -> None:
    assert main.main(["count", f"output={output}"]) == code
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "missing: output (file to write); give output=..."),
        (["output=a", "shower=1"], "unknown key shower; did you mean showers? (keys: pointcalo"),
        (["output=a", "rate=1"], "unknown key rate; did you mean training.rate?"),
        (["output=a", "qqqqq=1"], "unknown key qqqqq (keys: pointcalo count --help)"),
        (["output=a", "network=bog"], "no configuration network/bog; there are: big, small"),
        (["output=a", "--fast"], "unknown flag --fast; see pointcalo count --help"),
        (["output=a", "--config-dir"], "--config-dir needs a value"),
        (["output=a", "--config-dir", "/no/such"], "directory '/no/such' not found"),
        (["output=a", "--config-name", "none"], "no configuration none"),
        (["showers.h5"], "showers.h5 is no KEY=VALUE"),
        (["output=(a"], "cannot read output=(a; quote values with signs"),
        (["output=unknown"], "no_such_key"),
    ],
)
def test_mistakes_of_the_user_are_one_line(
    jobs: list[DictConfig],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    assert main.main(["count", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.startswith("pointcalo") and error.count("\n") == 1


def test_a_fault_of_ours_names_the_file_with_the_traceback(
    jobs: list[DictConfig],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main.main(["count", "output=fault"]) == 3
    error = capsys.readouterr().err
    (trace,) = tmp_path.glob("pointcalo-fault-*.txt")
    assert "KeyError: 'layer'" in error and str(trace) in error and error.count("\n") == 1
    assert "_raise" in trace.read_text()


def test_debug_shows_the_traceback(
    jobs: list[DictConfig], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTCALO_DEBUG", "1")
    assert main.main(["count", "output=value"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_sweep_runs_every_job_and_fails_with_the_first_failure(
    jobs: list[DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["count", "output=fine,broken,value,last", "--multirun"]) == 1
    assert [job.output for job in jobs] == ["fine", "broken", "value", "last"]
    assert "energy_GeV is negative" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["runs"]


def test_a_sweep_without_failures_is_done(jobs: list[DictConfig]) -> None:
    assert main.main(["count", "-m", "output=a", "showers=1,2"]) == 0
    assert [job.showers for job in jobs] == [1, 2]


def test_hydra_prints_the_configuration(
    jobs: list[DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["count", "output=a", "--cfg", "job"]) == 0
    assert "width: 3" in capsys.readouterr().out
    assert jobs == []


def test_help_of_a_command_lists_the_keys_of_the_chosen_group(
    jobs: list[DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["count", "network=big", "--help"]) == 0
    text = capsys.readouterr().out
    assert "Count showers." in text and "pointcalo count showers=10 output=x.txt" in text
    rows = {line.partition("  ")[0]: line.split("  ")[-1].strip() for line in _stripped(text)}
    assert rows["network=big"] == "which network; one of big, small"
    assert rows["network.width=30"] == "features"
    assert rows["output (required)"] == "file to write"
    assert rows["training.rate=1e-3"] == "step of the optimiser"


def _stripped(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_unknown_command_names_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["smulate"]) == 2
    assert capsys.readouterr().err == (
        "pointcalo: unknown command smulate; did you mean simulate?\n"
    )


def test_no_command_prints_the_overview_as_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 2
    assert "usage: pointcalo COMMAND" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pointcalo {__version__}\n"


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from pointcalo.cli.main import main; main(['--help']);"
        "print(sorted({'torch', 'hydra', 'numpy', 'yaml'} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "usage: pointcalo" in result.stdout
    assert result.stderr == "[]\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    program = f"{sys.executable} -m pointcalo.cli.main --help | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
