"""`pointcalo simulate simulation=geant4`, with a stand-in for Geant4."""

from pathlib import Path

import pytest
import torch
from simulation.geant4_stand_in import install

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile


def simulate(path: Path, *settings: str) -> int:
    given = ("geometry=toy", "simulation=geant4", "threads=1", "showers=12", f"output={path}")
    return main(["simulate", *given, *settings])


def test_a_file_of_showers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, tmp_path)
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    assert simulate(one) == 0
    written = capfd.readouterr()
    assert "12 Geant4 showers in toy, 0 % of the energy outside every cell" in written.out
    assert "banner" not in written.out + written.err
    assert simulate(other, "batch=5", "geant4.processes=2", "points=cells") == 0
    first, second = NativeFile(one), NativeFile(other)
    assert first.attributes["source"].startswith("Geant4 11.9.9 (geant4-pybind 0.9)")
    assert first.attributes["seed"] == 1 and first.attributes["cut_mm"] == 0.7
    assert torch.equal(first.read().points, second.read().points)


def test_particles_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path)
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    assert simulate(first) == 0
    assert simulate(second, f"like={first}", "max_showers=3", "points=deposits") == 0
    file = NativeFile(second)
    assert len(file) == 3 and file.points == "deposits"
    assert torch.equal(file.incident().energy, NativeFile(first).incident().energy[:3])


def test_finished_showers_are_kept_at_a_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, tmp_path)
    assert simulate(tmp_path / "whole.h5") == 0
    monkeypatch.setenv("FAKE_GEANT4", "interrupt")
    path = tmp_path / "some.h5"
    assert simulate(path) == 130
    kept = len(NativeFile(path))
    assert 0 < kept < 12
    assert f"interrupted: {12 - kept} more were asked for" in capsys.readouterr().out
    whole = NativeFile(tmp_path / "whole.h5").read(slice(0, kept))
    assert torch.equal(NativeFile(path).read().points, whole.points)


def test_finished_showers_are_kept_when_geant4_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, tmp_path, "die")
    path = tmp_path / "some.h5"
    assert simulate(path) == 2
    error = capsys.readouterr().err
    assert "Geant4 stopped in shower 3 (signal SIGABRT): em0003: Data file br30" in error
    assert f"kept 3 of 12 showers in {path}" in error and error.count("\n") == 1
    assert len(NativeFile(path)) == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("simulation=geant5", "simulation: got 'geant5'; expected parametric or geant4"),
        ("geant4.processes=0", "geant4.processes: got 0; expected a whole number from 1 on"),
        ("geant4.field_T=4", "geant4.field_T: got 4; expected three numbers"),
        ("geant4.cut_mm=x", "geant4.cut_mm: got 'x'"),
        ("geant4.physics=5", "geant4.physics: got 5; expected a text"),
        ("geant4.download=5", "geant4.download: got 5; expected true or false"),
        ("geant4.physics=QGSP", "geant4.physics: QGSP is no class of electromagnetic"),
    ],
)
def test_mistakes_leave_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    message: str,
) -> None:
    install(monkeypatch, tmp_path)
    assert simulate(tmp_path / "showers.h5", setting) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.glob("*.h5"))
