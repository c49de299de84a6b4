"""tools/reconstruct.py sees what was done to showers, and nothing where nothing was."""

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pointcalo.formats import split_numbers, write
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import ENERGY, Incident, Showers
from pointcalo.simulation import ParametricSimulation, ParticleGun

TOOL = Path(__file__).parents[1] / "tools" / "reconstruct.py"
TOY = Geometry.load("toy")


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOL)))


@pytest.fixture(scope="module")
def showers() -> Showers:
    gun = ParticleGun.at(TOY, particle="photon", energy_GeV=(2.0, 20.0), theta_deg=0.0)
    return simulated(gun.draw(600, seed=1), seed=1)


def simulated(incident: Incident, seed: int) -> Showers:
    showers = ParametricSimulation(TOY).simulate(incident, seed=seed)
    return Projector(TOY)(showers)[0].above_threshold(TOY)[0]


def save(path: Path, showers: Showers) -> str:
    made = {"geometry_name": "toy", "geometry_hash": TOY.hash, "source": "parametric"}
    write(path, showers, **made)
    return str(path)


Compare = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def compare(
    tool: SimpleNamespace,
    showers: Showers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Compare:
    """What the tool says of these showers in place of the test showers, by quantity."""

    def run(changed: Showers, *more: str) -> dict[str, dict[str, Any]]:
        files = [save(tmp_path / "a.h5", showers), save(tmp_path / "b.h5", changed)]
        output = tmp_path / "seen.json"
        arguments = [*files, "--energy-GeV", "2,20.1", "--output", str(output), *more]
        monkeypatch.setattr(sys, "argv", ["reconstruct.py", *arguments])
        tool.main()
        printed = capsys.readouterr().out
        assert "120 showers a side" in printed and printed.count("\n| ") == 1 + 6
        assert "\ngenerated: root mean square of 6 differences " in printed
        return {row["quantity"]: row for row in json.loads(output.read_text())["rows"]}

    return run


@pytest.fixture
def test(showers: Showers) -> Showers:
    """Those of the test split."""
    return showers[split_numbers(len(showers), "test")]


def test_identical_showers(compare: Compare, test: Showers, tmp_path: Path) -> None:
    found = compare(test, "--floor", str(tmp_path / "b.h5"))
    assert len(found) == 6
    for row in found.values():
        same = {"value": 0, "error": 0, "in_errors": 0}
        assert row["generated"] == row["floor"] == row["reference"]
        assert row["generated_difference"] == row["floor_difference"] == same
    # calibrated on other showers: within their errors, but for what changes with energy
    assert abs(found["energy_bias_percent"]["reference"]["value"]) < 3
    assert found["angle_median_deg"]["reference"]["value"] < 6


def test_energies_scaled(compare: Compare, test: Showers) -> None:
    points = test.points.clone()
    points[:, ENERGY] *= 1.05
    found = compare(test.replace(points=points))
    known, away = (found["energy_bias_percent"][n] for n in ("reference", "generated_difference"))
    assert away["value"] == pytest.approx(0.05 * (100 + known["value"]), rel=1e-4)
    assert away["in_errors"] > 5
    for name in ("energy_resolution_percent", "angle_68_deg", "clusters", "outside_percent"):
        assert found[name]["generated_difference"]["value"] == pytest.approx(0, abs=1e-4)


def test_showers_tilted(compare: Compare, test: Showers) -> None:
    direction = torch.tensor([[0.6, 0.0, 0.8]]).repeat(len(test), 1)
    tilted = simulated(replace(test.incident, direction=direction), seed=2)
    found = compare(tilted.replace(incident=test.incident))
    assert found["angle_median_deg"]["generated"]["value"] == pytest.approx(36.9, abs=2)
    assert found["angle_median_deg"]["generated_difference"]["in_errors"] > 5


def by_hand(xy: list[list[float]], layer: list[int], energy: list[float]) -> Showers:
    """One photon of 1 GeV along z with hits on the cells under these points."""
    cell = TOY.cell_at(torch.tensor(layer), torch.tensor(xy))
    columns = (TOY.position(cell)[:, :2], torch.tensor(energy), torch.zeros(len(layer)))
    return Showers(
        points=torch.column_stack(columns),
        layer=torch.tensor(layer),
        ptr=torch.tensor([0, len(layer)]),
        incident=Incident(
            energy=torch.tensor([1e3]),
            direction=torch.tensor([[0.0, 0.0, 1.0]]),
            position=torch.zeros(1, 3),
            pdg=torch.tensor([22]),
        ),
    )


def test_by_hand(tool: SimpleNamespace) -> None:
    column = [[0.0, 0.0]] * 8
    shower = by_hand([*column, [60.0, 0.0], [-60.0, 0.0]], [*range(8), 3, 5], [1.0] * 9 + [3.0])
    seen = tool.reconstructed([shower], TOY)
    assert (seen["clusters"].item(), seen["angle"].item()) == (1, 0)
    assert seen["outside"].item() == pytest.approx(4 / 12)
    expected = sum(1 / layer.sampling_fraction_mip for layer in TOY.layers) / 1e3
    assert seen["energy"].item() == pytest.approx(expected, rel=1e-6)
    # two columns, the hotter one leads
    double = by_hand(column + [[60.0, 0.0]] * 8, [*range(8)] * 2, [1.0] * 8 + [2.0] * 8)
    assert tool.reconstructed([double], TOY)["clusters"].item() == 2
    assert tool.reconstructed([double], TOY)["outside"].item() == pytest.approx(1 / 3)
    # nothing but noise
    lonely = tool.reconstructed([by_hand([[0.0, 0.0]], [2], [1.0])], TOY)
    assert [lonely[name].item() for name in ("energy", "clusters", "outside")] == [0, 0, 1]
    assert lonely["angle"].isnan().all()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a.h5", "none.h5"], "none.h5: no such file"),
        (["a.h5", "a.h5"], "a.h5: other incident particles than split test of a.h5; make it with"),
        (["a.h5", "b.h5", "--split", "all"], "give --calibration FILE with others"),
        (["a.h5", "b.h5", "--energy-GeV", "200,300"], "fewer than 20 showers in every bin of"),
        (["a.h5", "b.h5", "--geometry", "ild"], "made in geometry 'toy', not 'ild'"),
        (["a.h5", "b.h5", "--output", "none/x.json"], "no folder none, make it first"),
    ],
)
def test_mistakes(
    tool: SimpleNamespace,
    showers: Showers,
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.h5", showers)
    save(tmp_path / "b.h5", showers[split_numbers(len(showers), "test")])
    monkeypatch.setattr(sys, "argv", ["reconstruct.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        tool.main()
    assert line in str(stopped.value) and "\n" not in str(stopped.value)
    assert {path.name for path in tmp_path.iterdir()} == {"a.h5", "b.h5"}


def test_edges_that_do_not_rise(
    tool: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reconstruct.py", "a.h5", "b.h5", "--energy-GeV", "3,1"])
    with pytest.raises(SystemExit):
        tool.main()
    assert "--energy-GeV: got 3,1, expected rising numbers" in capsys.readouterr().err
