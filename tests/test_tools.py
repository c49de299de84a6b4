"""The programs in tools/ run, and draw what they say."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.showers import axis_xy
from pointcalo.simulation import ParametricSimulation, ParticleGun

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "draw_showers.py")))


def test_a_shower_along_its_axis_lands_in_one_cell(tool: SimpleNamespace) -> None:
    toy = Geometry.load("toy")
    gun = ParticleGun.at(toy, particle="photon", energy_GeV=5.0, theta_deg=20.0)
    shower = ParametricSimulation(toy).simulate(gun.draw(1, seed=1), seed=1)
    points = shower.points.clone()
    points[:, :2] = axis_xy(shower.incident, toy.layer_z)[0, shower.layer]
    start, stop = toy.layer_start[3:5].tolist()
    energy = tool.along_axis(shower.replace(points=points), toy, 3, torch.arange(start, stop))
    assert int((energy > 0).sum()) == 1
    assert float(energy.sum()) == pytest.approx(float(shower.energy.sum()), rel=1e-5)


def test_draw_showers(
    tool: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = Geometry.load("toy")
    incident = ParticleGun.at(toy, particle="photon", energy_GeV=5.0).draw(10, seed=1)
    reference = ParametricSimulation(toy).simulate(incident, seed=1)
    files = {"--reference": reference, "--generated": reference[8:]}
    arguments = ["--split", "test", "--shower", "1", "--output", str(tmp_path / "shower.png")]
    for option, showers in files.items():
        path = tmp_path / f"{option}.h5"
        write(path, showers, geometry_name="toy", geometry_hash=toy.hash, source="a, b (c)")
        arguments += [option, str(path)]
    monkeypatch.setattr(sys, "argv", ["draw_showers.py", *arguments])
    tool.main()
    with Image.open(tmp_path / "shower.png") as picture:
        assert picture.size == (1440, 1056)
        assert len(picture.convert("RGB").getcolors(1440 * 1056)) > 100
    monkeypatch.setattr(sys, "argv", ["draw_showers.py", *arguments, "--split", "all"])
    with pytest.raises(SystemExit, match="different incident particles"):
        tool.main()


def test_source_is_shortened(tool: SimpleNamespace) -> None:
    assert tool.short("Geant4 11.4.1 (binding 0.1), EM, tables; more") == "Geant4 11.4.1, EM"
    long = "pointcalo VAE with CellGenerator, run 2026-01-01, trained on: x"
    assert tool.short(long) == "pointcalo VAE with CellGenerator"


def test_stream_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = Geometry.load("toy")
    incident = ParticleGun.at(toy, particle="photon", energy_GeV=5.0).draw(80, seed=1)
    made = {"geometry_name": "toy", "geometry_hash": toy.hash, "source": "parametric"}
    write(tmp_path / "showers.h5", ParametricSimulation(toy).simulate(incident, seed=1), **made)
    speed = SimpleNamespace(**runpy.run_path(str(TOOLS / "stream_speed.py")))
    options = ["--layouts", "pointcalo,showerdata", "--rounds", "1", "--batch", "20"]
    arguments = ["stream_speed.py", "--data", str(tmp_path / "showers.h5"), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    speed.main()
    result = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert set(result) == {"pointcalo", "showerdata"}
    assert all(0 < row["speed_relative_to_memory"] < 10 for row in result.values())
