"""A run, and the generator that was exported from it."""

from pathlib import Path

import pytest
from export.toys import trained

from pointcalo.cli.main import main


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs"), "toy")


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "generator"
    arguments = [f"run={run}", f"output={folder}", "licence=CC-BY-4.0"]
    assert main(["export", *arguments]) == 0
    return folder
