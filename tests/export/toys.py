"""Runs on the toy geometry, trained for seconds."""

from pathlib import Path

from pointcalo.cli.main import main

SMALL = [
    *("geometry=toy", "threads=1", "simulation.showers=300", "simulation.energy_GeV=[1,5]"),
    *("network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.epochs=1"),
]


def trained(folder: Path, name: str, *more: str) -> Path:
    assert main(["train", f"output={folder / name}", *SMALL, *more]) == 0
    return folder / name
