"""Put the fake of `fake_geant4` in the place of Geant4."""

import sys
from pathlib import Path

import pytest

from pointcalo.simulation.geant4 import simulation
from pointcalo.simulation.geant4.tables import FOLDERS

COMMAND = (sys.executable, "-S", str(Path(__file__).with_name("fake_geant4.py")))


def tables(folder: Path) -> Path:
    """A folder with the names of Geant4's tables."""
    (folder / "G4EMLOW8.8/brem_SB").mkdir(parents=True)
    (folder / "G4ENSDFSTATE3.0").mkdir()
    (folder / "G4ENSDFSTATE3.0/ENSDFSTATE.dat").touch()
    return folder


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, event: str = "") -> None:
    """Put the fake in the place of Geant4."""
    (folder / "modules").mkdir()
    (folder / "modules/geant4_pybind.py").write_text("raise RuntimeError('loaded')")
    monkeypatch.syspath_prepend(str(folder / "modules"))
    for variable in FOLDERS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tables(folder / "tables")))
    monkeypatch.setenv("FAKE_GEANT4", event)
    monkeypatch.setattr(simulation, "WORKER", COMMAND)
