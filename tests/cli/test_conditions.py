"""Conditions from the command line: train on columns of a file, sample at other values."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from networks.showers import blobs

from pointcalo.cli.main import main
from pointcalo.cli.trained_particles import constant, outside, ranges
from pointcalo.formats import NativeFile, write
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

SMALL = ["threads=1", "network.width=16", "profile.width=16", "trainer.minutes=null"]
SMALL += ["trainer.steps=6", "batch=16", "trainer.judge_minutes=null"]


def conditioned(geometry: Geometry, number: int = 120) -> Showers:
    """Photons and pions; those in a strong field leave more energy."""
    showers = blobs(geometry, number)
    field = torch.linspace(0.0, 4.0, number)
    points = showers.points.clone()
    points[:, 2] *= 1.0 + field[showers.index]
    pdg = torch.tensor([22, 211]).repeat(number // 2)
    extra = {"magnetic_field": field, "run_number": field.round()}
    return showers.replace(points=points, incident=replace(showers.incident, pdg=pdg, extra=extra))


def save(path: Path, unit: str = "T", **changes: object) -> Path:
    toy = Geometry.load("toy")
    showers = conditioned(toy)
    showers = showers.replace(incident=replace(showers.incident, **changes))
    options = {"geometry_name": toy.name, "geometry_hash": toy.hash, "source": "blobs"}
    write(path, showers, extra_units={"magnetic_field": unit}, **options)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("data") / "field.h5")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "field"
    keys = ["geometry=toy", f"data={data}", "conditions=[magnetic_field]", *SMALL]
    assert main(["train", *keys, f"output={directory}"]) == 0
    return directory


def sampled(run: Path, output: Path, *keys: str) -> int:
    return main(["sample", f"run={run}", f"output={output}", "threads=1", *keys])


def gun(particle: str = "photon", energy: str = "5") -> list[str]:
    return ["showers=4", f"particle={particle}", f"energy_GeV={energy}", "theta_deg=10"]


def test_the_run_records_its_particles(run: Path, data: Path) -> None:
    said = yaml.safe_load((run / "origin.yaml").read_text())["particles"]
    field = said["conditions"]["magnetic_field"]
    assert field["unit"] == "T" and field["range"] == pytest.approx([0.0, 4.0], abs=0.2)
    assert said["energy_GeV"] == pytest.approx([1.0, 10.0], abs=0.2)
    assert said["theta_deg"] == pytest.approx([0.0, 20.0], abs=0.5)


@pytest.mark.parametrize("particle", ["photon", "pion+"])
def test_sample_at_a_value(
    run: Path, tmp_path: Path, particle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a.h5"
    assert sampled(run, output, *gun(particle), "conditions.magnetic_field=3.5") == 0
    file = NativeFile(output)
    assert file.extra_units == {"magnetic_field": "T"}
    assert file.incident().extra["magnetic_field"].tolist() == [3.5] * 4
    assert "outside the training" not in capsys.readouterr().err


def test_the_value_changes_the_showers_and_the_particle_too(run: Path, tmp_path: Path) -> None:
    said = {
        "low": [*gun(), "conditions.magnetic_field=0"],
        "high": [*gun(), "conditions.magnetic_field=4"],
        "pion": [*gun("pion+"), "conditions.magnetic_field=0"],
    }
    for name, keys in said.items():
        assert sampled(run, tmp_path / f"{name}.h5", *keys) == 0
    low, high, pion = (NativeFile(tmp_path / f"{name}.h5").read() for name in said)
    assert torch.equal(low.incident.energy, high.incident.energy)
    for other in (high, pion):
        same = len(other.energy) == len(low.energy) and torch.equal(other.energy, low.energy)
        assert not same


def test_sample_like_a_file_and_in_a_range(run: Path, data: Path, tmp_path: Path) -> None:
    like = [f"like={data}", "split=test"]
    assert sampled(run, tmp_path / "a.h5", *like) == 0
    extra = NativeFile(tmp_path / "a.h5").incident().extra
    test = torch.tensor([n for n in range(120) if n % 10 > 7])
    assert extra.keys() == {"magnetic_field"}
    expected = NativeFile(data).incident().extra["magnetic_field"][test]
    assert torch.equal(extra["magnetic_field"], expected)
    assert sampled(run, tmp_path / "b.h5", *like, "conditions.magnetic_field=[1,2]") == 0
    field = NativeFile(tmp_path / "b.h5").incident().extra["magnetic_field"]
    assert 1.0 <= float(field.min()) < float(field.max()) <= 2.0


def test_what_lies_outside_the_training_is_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["showers=4", "particle=photon", "energy_GeV=30", "theta_deg=40"]
    assert sampled(run, tmp_path / "a.h5", *keys, "conditions.magnetic_field=6") == 0
    said = capsys.readouterr().err
    assert "energy 30 GeV, trained on 1." in said
    assert "angle to the normal 40 degrees, trained on 0" in said
    assert (
        "100 % of the particles lie outside the training: magnetic_field 6 T, trained on 0" in said
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (gun(), "missing: magnetic_field, which this run depends on; give conditions.magnetic"),
        ([*gun(), "conditions.gap=1"], "conditions.gap: this run depends on magnetic_field"),
        ([*gun(), "conditions.magnetic_field=strong"], "magnetic_field: got strong; expected a"),
    ],
)
def test_mistakes_in_sampling(
    run: Path,
    tmp_path: Path,
    keys: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sampled(run, tmp_path / "a.h5", *keys) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_unit_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "gauss.h5", unit="G")
    assert sampled(run, tmp_path / "a.h5", f"like={path}") == 2
    assert "has unit 'G'; the run was trained on 'T'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["conditions=[gap]"], "no column incident/gap of one finite number a shower; there are:"),
        (["conditions=magnetic_field"], "expected a list of names: conditions=[NAME]"),
        (["conditions=[energy]"], "conditions: got energy, which is one already"),
        (["conditions=[gap]", "data=null"], "parametric showers have no gap; give data=FILE"),
    ],
)
def test_mistakes_in_training(
    data: Path,
    tmp_path: Path,
    keys: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "run"
    assert main(["train", "geometry=toy", f"data={data}", f"output={output}", *SMALL, *keys]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not output.exists()


def test_ranges_and_their_edges() -> None:
    incident = conditioned(Geometry.load("toy")).incident
    units = {"magnetic_field": "T"}
    trained = ranges(incident, units)
    assert outside(trained, incident) == [] and outside({}, incident) == []
    near = replace(incident, energy=incident.energy * 1.01)
    assert outside(trained, near) == []
    (line,) = outside(trained, replace(incident, energy=incident.energy * 1.2))
    assert "energy 1.2" in line
    assert constant(trained) == []
    same = replace(incident, extra={"magnetic_field": torch.full((120,), 2.0)})
    (line,) = constant(ranges(same, units))
    assert line.startswith("condition magnetic_field: is 2 T in all training showers")
    assert outside(ranges(same, units), same) == []
