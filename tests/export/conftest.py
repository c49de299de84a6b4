"""A small training and its exports, made once for all tests of exports."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.simulation import ParametricSimulation, ParticleGun

SMALL = [
    *("geometry=toy", "threads=1", "simulation.showers=300", "simulation.energy_GeV=[1,5]"),
    *("network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.epochs=1"),
]


@pytest.fixture(scope="session")
def train() -> Callable[..., Path]:
    """Trains a small run into a folder: arguments are the folder and keys of `train`."""

    def trained(folder: Path, *keys: str) -> Path:
        assert main(["train", f"output={folder}", *SMALL, *keys]) == 0
        return folder

    return trained


@pytest.fixture(scope="session")
def run(train: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("runs") / "toy")


@pytest.fixture(scope="session")
def field_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Showers with one more column of their particles: a field of 0 to 4 T."""
    data, toy = tmp_path_factory.mktemp("field") / "data.h5", Geometry.load("toy")
    gun = ParticleGun.at(toy, energy_GeV=(1.0, 5.0), theta_deg=(0.0, 20.0))
    incident = replace(gun.draw(300, seed=1), extra={"field": torch.linspace(0, 4, 300)})
    showers = ParametricSimulation(toy).simulate(incident, seed=1)
    named = {"geometry_name": "toy", "geometry_hash": toy.hash, "source": "parametric"}
    write(data, showers, extra_units={"field": "T"}, points="cells", **named)
    return data


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Exports a run once for each set of keys."""
    folders: dict[tuple, Path] = {}

    def exported(run: Path, *keys: str) -> Path:
        if (run, keys) not in folders:
            folder = tmp_path_factory.mktemp("exported") / "generator"
            assert main(["export", f"run={run}", f"output={folder}", *keys]) == 0
            folders[run, keys] = folder
        return folders[run, keys]

    return exported
