"""Where Geant4's tables are: found in the environment, or downloaded by geant4-pybind."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = {
    "G4LEDATA": "G4EMLOW",
    "G4ENSDFSTATEDATA": "G4ENSDFSTATE",
    "G4PARTICLEXSDATA": "G4PARTICLEXS",
    "G4SAIDXSDATA": "G4SAIDDATA",
    "G4LEVELGAMMADATA": "PhotonEvaporation",
    "G4NEUTRONHPDATA": "G4NDL",
    "G4RADIOACTIVEDATA": "RadioactiveDecay",
    "G4PIIDATA": "G4PII",
    "G4REALSURFACEDATA": "RealSurface",
    "G4ABLADATA": "G4ABLA",
    "G4INCLDATA": "G4INCL",
    "G4CHANNELINGDATA": "G4CHANNELING",
}
"""Geant4's variable for each folder of tables, and how the folder's name begins."""

NEEDED = {"G4LEDATA": "brem_SB", "G4ENSDFSTATEDATA": "ENSDFSTATE.dat"}
"""What electromagnetic physics cannot start without, and something that is in it."""

HADRONIC = {"G4PARTICLEXSDATA": "neutron", "G4SAIDXSDATA": "", "G4LEVELGAMMADATA": ""}
"""The same for reference lists with hadrons."""

# A download with nothing coming in for this long has failed.
SILENCE_S = 60
_DOWNLOAD = f"import socket; socket.setdefaulttimeout({SILENCE_S}); import geant4_pybind"


@dataclass(frozen=True)
class Tables:
    """The tables that were found.

    Args:
        folder: where Geant4 looks first.
        paths: folder of each variable of FOLDERS that was found.
    """

    folder: Path
    paths: Mapping[str, Path]

    @property
    def hadronic(self) -> bool:
        """Whether reference lists with hadrons can start."""
        return all(_holds(self.paths.get(v), inside) for v, inside in HADRONIC.items())

    @property
    def version(self) -> str:
        """The electromagnetic tables with their version, where the folder's name has one."""
        name = self.paths["G4LEDATA"].resolve().name
        return name if re.fullmatch(r"G4EMLOW[\d.]+", name) else "G4EMLOW of no stated version"

    def environment(self) -> dict[str, str]:
        """The variables for a process with Geant4; every one has to be some path."""
        set_here = {v: str(self.paths.get(v, self.folder)) for v in FOLDERS}
        return {**os.environ, **set_here, "GEANT4_DATA_DIR": str(self.folder)}


def find_tables(environment: Mapping[str, str] = os.environ) -> Tables | None:
    """The tables that the environment names or geant4-pybind has downloaded before.

    Args:
        environment: GEANT4_DATA_DIR, and Geant4's own variables (G4LEDATA, ...), which come first.

    Returns:
        What was found, or None where the environment says nothing and nothing was downloaded.

    Raises:
        ValueError: a variable that names no folder, or a folder without the needed tables.
    """
    named = environment.get("GEANT4_DATA_DIR") or str(Path(environment.get("G4LEDATA", "")).parent)
    downloads = Path(environment.get("HOME", "~")).expanduser() / ".geant4_pybind"
    stated = "GEANT4_DATA_DIR" in environment or "G4LEDATA" in environment
    folder = Path(named) if stated else downloads
    if not folder.is_dir():
        if stated:
            raise ValueError(f"GEANT4_DATA_DIR or G4LEDATA: no folder {folder}")
        return None
    paths = {v: Path(environment[v]) for v in FOLDERS if environment.get(v)}
    for variable, begins in FOLDERS.items():
        found = [
            p for p in folder.glob(f"{begins}*") if re.fullmatch(r"[\d.]*", p.name[len(begins) :])
        ]
        if variable not in paths and found:
            paths[variable] = max(found, key=_version)
    missing = [FOLDERS[v] for v, inside in NEEDED.items() if not _holds(paths.get(v), inside)]
    if missing and not stated:
        return None
    if missing:
        raise ValueError(
            f"Geant4's tables: no {' and no '.join(missing)} in {folder}; set "
            f"{' and '.join(v for v in NEEDED if FOLDERS[v] in missing)} to where they are"
        )
    return Tables(folder, paths)


def download_tables() -> None:
    """Let geant4-pybind download its tables into ~/.geant4_pybind; shows its progress on stderr.

    Raises:
        ConnectionError: it failed.
    """
    print(
        "Geant4's tables are not here (GEANT4_DATA_DIR and G4LEDATA are not set): downloading "
        "them, about 2 GB, into ~/.geant4_pybind; Ctrl-C stops",
        file=sys.stderr,
    )
    done = subprocess.run(
        [sys.executable, "-c", _DOWNLOAD],
        env={**os.environ, "CI": "true"},  # geant4-pybind asks a question otherwise
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = re.findall(r"^\S*Error: .*", done.stderr, re.MULTILINE)
        reason = errors[0] if errors else f"exit code {done.returncode}"
        raise ConnectionError(
            f"Geant4's tables could not be downloaded ({reason}); set GEANT4_DATA_DIR to a folder "
            "that holds them: https://geant4.web.cern.ch/download"
        )


def _holds(path: Path | None, inside: str) -> bool:
    return path is not None and (path / inside).exists()


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]
