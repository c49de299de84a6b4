from pathlib import Path

import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile
from pointcalo.geometry import Geometry


def simulate(path: Path, *settings: str) -> int:
    return main(["simulate", "geometry=toy", f"output={path}", "threads=1", *settings])


def test_a_file_of_showers(tmp_path: Path) -> None:
    path = tmp_path / "showers.h5"
    assert simulate(path, "showers=25", "energy_GeV=[2,8]", "particle=electron") == 0
    file = NativeFile(path)
    showers = file.read()
    assert len(showers) == 25 and file.points == "cells"
    assert file.geometry_hash == Geometry.load("toy").hash
    assert "parametric" in file.attributes["source"]
    assert "Geant4" not in file.attributes["source"]
    energy = showers.incident.energy
    assert float(energy.min()) >= 2000 and float(energy.max()) <= 8000
    assert showers.incident.pdg.tolist() == [11] * 25


def test_the_batch_does_not_matter(tmp_path: Path) -> None:
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    assert simulate(one, "showers=12") == 0
    assert simulate(other, "showers=12", "batch=5") == 0
    first, second = NativeFile(one).read(), NativeFile(other).read()
    assert torch.equal(first.ptr, second.ptr)
    assert torch.allclose(first.points, second.points, rtol=1e-4)


def test_deposits_with_a_fixed_particle(tmp_path: Path) -> None:
    path = tmp_path / "deposits.h5"
    settings = ["showers=3", "energy_GeV=5", "direction=[0,0.6,0.8]", "position=[1,2]"]
    assert simulate(path, *settings, "points=deposits") == 0
    file = NativeFile(path)
    assert file.points == "deposits"
    incident = file.incident()
    assert torch.allclose(incident.direction, torch.tensor([[0.0, 0.6, 0.8]]).expand(3, 3))
    assert incident.position.tolist() == [[1.0, 2.0, 0.0]] * 3


def test_the_particles_of_another_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    assert simulate(first, "showers=20") == 0
    assert simulate(second, f"like={first}", "split=test", "seed=2") == 0
    chosen = NativeFile(first).incident()[torch.tensor([8, 9, 18, 19])]
    assert torch.equal(NativeFile(second).incident().energy, chosen.energy)


def test_the_particles_of_a_file_of_another_geometry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    assert simulate(first, "showers=3", "energy_GeV=1") == 0
    capsys.readouterr()
    assert simulate(second, f"like={first}", "geometry=clic") == 0
    assert "made in toy; its particles enter clic at the same places" in capsys.readouterr().err
    there = NativeFile(second)
    assert there.geometry_name == "clic"
    assert torch.equal(there.incident().position, NativeFile(first).incident().position)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("showers=0", "showers: got 0; expected a whole number from 1 on"),
        ("particle=kaon", "unknown particle 'kaon'"),
        ("energy_GeV=-1", "energy_GeV: got -1; expected numbers above 0"),
        ("direction=[0,0,-1]", "flies away from the layers of toy"),
        ("points=hits", "points: got 'hits'; expected cells or deposits"),
        ("geometry=nowhere", "nowhere"),
        ("showers=abc", "showers: got 'abc'; expected a whole number from 1 on"),
        ("showers=true", "showers: got True"),
        ("seed=x", "seed: got 'x'; expected a whole number from 0 on"),
        ("threads=0", "threads: got 0; expected a whole number from 1 on"),
        ("batch=0", "batch: got 0"),
        ("output=[a]", "output: got ['a']; expected a text"),
        ("energy_GeV=[5]", "energy_GeV: got [5]; expected a number or [low, high]"),
        ("energy_GeV=null", "energy_GeV: got None"),
        ("energy_GeV=1e8", "expected at most 100000 GeV"),
        ("direction=5", "direction: got 5; expected 3 finite numbers"),
        ("direction=[0,0,0]", "direction: got z = 0"),
        ("eta=0", "eta: got 0; expected numbers above 0"),
    ],
)
def test_mistakes_leave_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, message: str
) -> None:
    path = tmp_path / "showers.h5"
    assert simulate(path, "showers=2", setting) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_showers_that_miss_every_cell_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["showers=4", "energy_GeV=5", "theta_deg=0", "position=[900,0]"]
    assert main(["simulate", "geometry=toy", *keys, f"output={tmp_path / 'a.h5'}"]) == 0
    said = capsys.readouterr().out
    assert ", 100 % of the energy outside every cell" in said and ", 4 without any hit" in said
