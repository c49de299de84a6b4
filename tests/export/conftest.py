"""A small training and its exports, made once for all tests of exports."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pointcalo.cli.main import main

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
