"""The programs in tools/ run, and draw what they say."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from models.batches import OneBatch
from networks.showers import blobs, incident_particles
from PIL import Image

from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
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
    assert all(row["speed_relative_to_memory"] > 0 for row in result.values())


@pytest.fixture(scope="module")
def comparison() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "compare_simulation.py")))


def test_differences_of_the_comparison(comparison: SimpleNamespace) -> None:
    first = torch.tensor([1.0, 2.0, 3.0, float("nan")], dtype=torch.float64)
    second = torch.tensor([2.0, 2.0, 5.0, 7.0], dtype=torch.float64)
    table = comparison.Table(["Geant4", "parametric"])
    table.mean("cells", [first, second])
    # differences 1, 0, 2 have a mean of 1 with an error of 1 / sqrt(3)
    assert table.lines[-1] == "| cells | 2.000 | 3.000 (+50.0 %, +1.7) |"
    assert table.pulls[0] == pytest.approx([3**0.5])


def test_spread_of_the_comparison(comparison: SimpleNamespace) -> None:
    generator = torch.Generator().manual_seed(1)
    answer = 5 * (1 + 0.1 * torch.randn(4000, generator=generator, dtype=torch.float64))
    root = torch.full_like(answer, 2.0)  # 4 GeV
    assert float(comparison.spread(answer, root)) == pytest.approx(20, rel=0.05)
    # two independent spreads of 4000 showers: each is known to about 1.4 %
    assert 0.2 < comparison.spread_error(answer, answer.flip(0), root) < 0.6


def test_compare_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = Geometry.load("toy")
    incident = ParticleGun.at(toy, particle="photon", energy_GeV=(1.0, 20.0)).draw(200, seed=1)
    sample = ParametricSimulation(toy).simulate(incident, seed=2)
    path = tmp_path / "sample.h5"
    write(path, sample, geometry_name="toy", geometry_hash=toy.hash, source="parametric")
    arguments = ["compare_simulation.py", "toy", "--sample", str(path), "--split", "all"]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(TOOLS / "compare_simulation.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "toy: 200 showers." in printed
    assert "| | sample | parametric (difference) |" in printed
    assert "| 2-5 GeV: energy, MeV per GeV |" in printed and "| layer 7, MeV per GeV |" in printed
    # the same simulation with another seed differs by chance alone
    assert float(printed.rsplit(maxsplit=1)[1]) < 1.6


def _report(folder: Path, sample: str, factor: float) -> Path:
    """Curves of two observables: a reference, and a sample that is so much higher."""
    lines = ["observable,sample,unit,low,high,height,error"]
    for name, low in (("response", 0.1), ("layer_energy", -0.5)):
        for label, height in (("reference", 2.0), (sample, 2.0 * factor)):
            lines += [f"{name},{label},1,{low + k},{low + k + 1},{height},0.1" for k in range(3)]
    folder.mkdir()
    (folder / "curves.csv").write_text("\n".join(lines))
    return folder


def test_draw_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = SimpleNamespace(**runpy.run_path(str(TOOLS / "draw_curves.py")))
    reports = [_report(tmp_path / "a", "one", 1.1), _report(tmp_path / "b", "two", 0.9)]
    figure = tool.picture(reports, ["response", "layer_energy"])
    upper, _, lower, right = figure.axes
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["one", "two"]
    drawn = [patch.get_data().values.tolist() for patch in lower.patches[1:]]
    assert drawn == [pytest.approx([1.1] * 3), pytest.approx([0.9] * 3)]
    assert lower.get_xlabel() == "Response"
    assert right.get_xlabel() == "Detector layer"
    output = tmp_path / "curves.png"
    arguments = ["draw_curves.py", str(reports[0]), "--output", str(output), "--observables"]
    monkeypatch.setattr(sys, "argv", [*arguments, "response"])
    tool.main()
    with Image.open(output) as picture:
        assert picture.size[0] > 300
    monkeypatch.setattr(sys, "argv", [*arguments, "hits"])
    with pytest.raises(SystemExit, match="has no observable 'hits'"):
        tool.main()
    other = _report(tmp_path / "c", "three", 1.0)
    text = (
        (other / "curves.csv")
        .read_text()
        .replace("reference,1,0.1,1.1,2.0", "reference,1,0.1,1.1,3")
    )
    (other / "curves.csv").write_text(text)
    with pytest.raises(SystemExit, match="has another reference"):
        tool.picture([*reports, other], ["response"])


def test_shower_work_counts_cells_products_and_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    work = SimpleNamespace(**runpy.run_path(str(TOOLS / "shower_work.py")))
    toy, width = Geometry.load("toy"), 16
    model = VAE(ProfileModel(toy, width=8), CellGenerator(toy, latent=2, width=width))
    model.prepare(OneBatch(blobs(toy, 60, hits=20 * toy.num_layers)))
    incident = incident_particles(20)
    found = work.products(model.eval(), incident)
    assert found["hits"] < found["cells_looked_at"] < toy.num_cells
    # place and sight of every cell, a hidden layer, the logit
    cell = 2e-6 * ((21 + 12) * width + width * width + width)
    occupancy = found["MFLOP_by_network_of_the_generator"]["occupancy"]
    assert occupancy == pytest.approx(found["cells_looked_at"] * cell)
    assert sum(found["MFLOP_by_network_of_the_generator"].values()) < found["MFLOP"]
    assert work.operations(model, incident) > 1000
