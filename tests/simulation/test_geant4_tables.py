"""Where Geant4's tables are looked for."""

from pathlib import Path

import pytest
from simulation.geant4_stand_in import tables

from pointcalo.simulation.geant4.tables import FOLDERS, find_tables


def test_a_folder_of_tables(tmp_path: Path) -> None:
    found = find_tables({"GEANT4_DATA_DIR": str(tables(tmp_path))})
    assert found.paths["G4LEDATA"] == tmp_path / "G4EMLOW8.8"
    assert found.version == "G4EMLOW8.8" and not found.hadronic
    environment = found.environment()
    assert environment["G4ENSDFSTATEDATA"] == str(tmp_path / "G4ENSDFSTATE3.0")
    assert all(environment[variable] for variable in FOLDERS)


def test_the_newest_of_several(tmp_path: Path) -> None:
    (tables(tmp_path) / "G4EMLOW8.10/brem_SB").mkdir(parents=True)
    assert find_tables({"GEANT4_DATA_DIR": str(tmp_path)}).version == "G4EMLOW8.10"


def test_geant4s_own_variables_come_first(tmp_path: Path) -> None:
    tables(tmp_path)
    (tmp_path / "G4EMLOW8.8").rename(tmp_path / "mine")
    variables = {"G4LEDATA": str(tmp_path / "mine")}
    found = find_tables(variables)
    assert found.folder == tmp_path and found.paths["G4LEDATA"] == tmp_path / "mine"
    assert found.version == "G4EMLOW of no stated version"  # no name of a folder of this machine


def test_hadronic_tables(tmp_path: Path) -> None:
    tables(tmp_path)
    for name in ("G4PARTICLEXS4.2/neutron", "G4SAIDDATA2.0", "PhotonEvaporation6.1.2"):
        (tmp_path / name).mkdir(parents=True)
    assert find_tables({"GEANT4_DATA_DIR": str(tmp_path)}).hadronic
    # a variable that is set to some path only so that Geant4 starts
    dummy = {"GEANT4_DATA_DIR": str(tmp_path), "G4PARTICLEXSDATA": str(tmp_path)}
    assert not find_tables(dummy).hadronic


def test_downloads_of_the_binding(tmp_path: Path) -> None:
    assert find_tables({"HOME": str(tmp_path)}) is None
    (tmp_path / ".geant4_pybind/G4EMLOW8.8/brem_SB").mkdir(parents=True)
    assert find_tables({"HOME": str(tmp_path)}) is None  # a download that was broken off
    (tmp_path / ".geant4_pybind/G4EMLOW8.8/brem_SB").rmdir()
    (tmp_path / ".geant4_pybind/G4EMLOW8.8").rmdir()
    tables(tmp_path / ".geant4_pybind")
    assert find_tables({"HOME": str(tmp_path)}).version == "G4EMLOW8.8"


def test_variables_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="GEANT4_DATA_DIR or G4LEDATA: no folder /nowhere"):
        find_tables({"GEANT4_DATA_DIR": "/nowhere"})
    with pytest.raises(ValueError, match=r"no G4EMLOW and no G4ENSDFSTATE in .*; set G4LEDATA and"):
        find_tables({"GEANT4_DATA_DIR": str(tmp_path)})
