"""The programs in tools/ run, and draw what they say."""

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


@pytest.mark.parametrize("name", ["toy", "hgcal", "ild"])
def test_outlines_enclose_the_area_of_the_cell(tool: SimpleNamespace, name: str) -> None:
    geometry = Geometry.load(name)
    cell = torch.tensor([0, geometry.num_cells // 2, geometry.num_cells - 1])
    border = (tool.outlines(geometry, cell) - geometry.position(cell)[:, None, :2]).double()
    x, y = border.unbind(-1)
    area = 0.5 * (x * y.roll(-1, 1) - y * x.roll(-1, 1)).sum(1)
    assert torch.allclose(area, geometry.area(cell).double(), rtol=2e-3)


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
