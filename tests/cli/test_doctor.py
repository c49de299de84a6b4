"""The doctor: one line an item, and an exit code that tells whether all is fine."""

from pathlib import Path

import pytest

from pointcalo.cli import doctor
from pointcalo.cli.main import main


def test_every_item_is_fine_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(doctor.CHECKS)
    assert all(line.startswith("ok    ") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_item_fails_and_the_others_are_still_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise RuntimeError("no such\ndevice")

    monkeypatch.setattr(doctor, "CHECKS", {"devices": broken, "pointcalo": lambda: "0.1"})
    assert main(["doctor"]) == 2
    assert capsys.readouterr().out == (
        "FAIL  devices       RuntimeError: no such device\nok    pointcalo     0.1\n"
    )


def test_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "now"]) == 2
    assert capsys.readouterr().err == "pointcalo: doctor takes no arguments; got now\n"


def test_help_names_the_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    assert "torch-scatter, geant4, geometries" in capsys.readouterr().out
