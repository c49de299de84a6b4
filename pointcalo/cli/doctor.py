"""`pointcalo doctor`: what this installation can do, one line for each item."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pointcalo
from pointcalo.cli.errors import DONE, USER_MISTAKE
from pointcalo.units import GeV

PACKAGES = ("torch-geometric", "lightning-fabric", "numpy", "h5py", "hydra-core", "scikit-learn")


def run(arguments: list[str]) -> int:
    """Check the installation and print one line for each item.

    Args:
        arguments: none, or `--help`.

    Returns:
        0 when every item is fine, else 2.

    Raises:
        ValueError: there are arguments.
    """
    if arguments in (["--help"], ["-h"]):
        print(
            f"usage: pointcalo doctor\n\nChecks {', '.join(CHECKS)}; 0 when all are fine, else 2."
        )
        return DONE
    if arguments:
        raise ValueError(f"doctor takes no arguments; got {' '.join(arguments)}")
    fine = [_report(name, check) for name, check in CHECKS.items()]
    return DONE if all(fine) else USER_MISTAKE


def _report(name: str, check: Callable[[], str]) -> bool:
    try:
        found, fine = check(), True
    except Exception as error:  # whatever is broken, the other items are still looked at
        found, fine = f"{type(error).__name__}: {' '.join(str(error).split())}", False
    print(f"{'ok  ' if fine else 'FAIL'}  {name:<14}{found}", flush=True)
    return fine


def _program() -> str:
    return f"{pointcalo.__version__}, Python {platform.python_version()}, {platform.platform()}"


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores"


def _packages() -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)


def _devices() -> str:
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(["cpu", *(f"cuda:{i} {name}" for i, name in enumerate(names))])


def _scatter() -> str:
    if importlib.util.find_spec("torch_scatter") is None:
        return "not installed: torch's own kernels do the same, segment maxima slower"
    importlib.import_module("torch_scatter")  # fails when it was built for another torch
    return importlib.metadata.version("torch-scatter")


def _geant4() -> str:
    if importlib.util.find_spec("geant4_pybind") is None:
        return "not installed: pip install 'pointcalo[geant4]', for simulation=geant4 only"
    from pointcalo.simulation.geant4 import find_tables

    version = importlib.metadata.version("geant4-pybind")
    tables = find_tables()
    if tables is None:
        return f"geant4-pybind {version}, no tables: set GEANT4_DATA_DIR, or let it download them"
    physics = "with hadrons" if tables.hadronic else "electromagnetic only"
    return f"geant4-pybind {version}, tables: {tables.version}, {physics}"


def _geometries() -> str:
    from pointcalo.geometry import geometry_names

    return ", ".join(geometry_names())


def _runs() -> str:
    folder = Path("runs") if Path("runs").exists() else Path()
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder.resolve()} can be written"


def _speed() -> str:
    import torch

    from pointcalo.geometry import Geometry
    from pointcalo.showers import Incident
    from pointcalo.simulation import ParametricSimulation

    simulation = ParametricSimulation(Geometry.load("toy"))
    photons = Incident(
        energy=torch.full((100,), 10 * GeV),
        direction=torch.tensor([0.0, 0.0, 1.0]).expand(100, 3),
        position=torch.zeros(100, 3),
        pdg=torch.full((100,), 22),
    )
    simulation.simulate(photons[:10], seed=1)
    start = time.perf_counter()
    simulation.simulate(photons, seed=1)
    rate = len(photons) / (time.perf_counter() - start)
    return f"{rate:.0f} photons of 10 GeV a second (parametric, toy)"


CHECKS: dict[str, Callable[[], str]] = {
    "pointcalo": _program,
    "torch": _torch,
    "packages": _packages,
    "devices": _devices,
    "torch-scatter": _scatter,
    "geant4": _geant4,
    "geometries": _geometries,
    "runs folder": _runs,
    "simulation": _speed,
}
