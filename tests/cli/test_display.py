"""`pointcalo display` from a file to a picture and a page."""

from pathlib import Path

import pytest
from PIL import Image

from pointcalo.cli.main import main
from pointcalo.display.event import Event
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.simulation import ParametricSimulation, ParticleGun


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 3 showers of the toy, of which the last one is empty."""
    monkeypatch.chdir(tmp_path)
    toy = Geometry.load("toy")
    gun = ParticleGun.at(toy, energy_GeV=5.0, theta_deg=20.0)
    showers = ParametricSimulation(toy).simulate(gun.draw(3, seed=1), seed=1)
    showers = showers.keep(showers.index < 2)
    for name in ("toy", "mine"):
        known = {"geometry_name": name, "geometry_hash": toy.hash}
        write(f"{name}.v1.h5", showers, source="parametric", **known)
    return tmp_path


def test_picture_and_page_are_named_after_the_shower(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["display", "toy.v1.h5", "shower=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "5 GeV photon at 20°, toy, shower 1 of toy.v1.h5"
    assert "MeV visible" in lines[1]
    assert lines[2:] == ["toy.v1-shower-1.png", "toy.v1-shower-1.html"]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("mine.v1.h5", "toy.v1-shower-1.html", "toy.v1-shower-1.png", "toy.v1.h5")
    ]
    with Image.open(lines[2]) as picture:
        assert picture.format == "PNG" and picture.size == (1690, 1066)
    assert "shower 1 of toy.v1.h5" in Path(lines[3]).read_text()


@pytest.mark.parametrize(
    ("output", "made"),
    [
        ("a.pdf", {"a.pdf": b"%PDF", "a.html": b"<!doctype html>"}),
        ("a.svg", {"a.svg": b"<?xml", "a.html": b"<!doctype html>"}),
        ("a.html", {"a.html": b"<!doctype html>"}),
    ],
)
def test_output_says_what_is_made(folder: Path, output: str, made: dict[str, bytes]) -> None:
    before = set(folder.iterdir())
    assert main(["display", "toy.v1.h5", f"output={output}"]) == 0
    assert {path.name for path in set(folder.iterdir()) - before} == set(made)
    for name, start in made.items():
        assert (folder / name).read_bytes().startswith(start)


def test_geometry_of_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["display", "mine.v1.h5"]) == 2
    assert "made in geometry 'mine', which is not known here; pass" in capsys.readouterr().err
    Geometry.load("toy").save("mine.yaml")
    assert main(["display", "mine.v1.h5", "geometry=mine.yaml", "output=a.html"]) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["shower=-1"], "shower: got -1; expected a whole number from 0 on"),
        (["shower=3"], "shower: got 3, but toy.v1.h5 holds showers 0 to 2"),
        (["shower=1.5"], "shower: got 1.5; expected a whole number"),
        (["shower=2"], "no energy in the cells of geometry 'toy', of 0 points; nothing to draw"),
        (["threshold=no"], "threshold: got 'no'; expected true or false"),
        (["output=a.jpg"], "expected a name that ends in .png, .pdf, .svg, .html"),
        (["output=no/a.png"], "no folder no"),
        (["geometry=ild"], "made in geometry 'toy', not 'ild'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    before = sorted(folder.iterdir())
    assert main(["display", "toy.v1.h5", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_page_that_fails_leaves_no_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(event: Event, path: Path) -> None:
        raise OSError(f"{path.name}: could not be written")

    monkeypatch.setattr("pointcalo.cli.display.write_page", fail)
    before = sorted(folder.iterdir())
    assert main(["display", "toy.v1.h5"]) == 2
    assert "could not be written" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_cells_below_threshold_can_be_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for choice in ("true", "false"):
        assert main(["display", "toy.v1.h5", f"threshold={choice}", "output=a.html"]) == 0
    few, many = (int(line.split()[0]) for line in capsys.readouterr().out.splitlines()[1::3])
    assert few < many
