"""`pointcalo convert` from end to end: there and back, and mistakes in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile, write
from pointcalo.geometry import Cartesian, Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, Showers, ptr_from_counts


@pytest.fixture
def deposits() -> Showers:
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(300, 4, generator=generator) * 40
    return Showers(
        points=points,
        layer=torch.randint(0, 8, (300,), generator=generator),
        ptr=ptr_from_counts(torch.tensor([100, 0, 200])),
        incident=Incident(
            energy=torch.tensor([1e3, 2e3, 4e3]),
            direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(3, 1),
            position=torch.rand(3, 3, generator=generator) * torch.tensor([5.0, 5.0, 0.0]),
            pdg=torch.tensor([22, 11, -211]),
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, deposits: Showers, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = {"geometry_name": "toy", "geometry_hash": "", "points": "deposits", "source": "random"}
    write(tmp_path / "a.h5", deposits, **made)
    return tmp_path


def test_there_and_back(folder: Path, deposits: Showers) -> None:
    there = ["input=a.h5", "output=b.h5", "format=showerdata", "energy_unit=GeV", "batch=2"]
    back = ["input=b.h5", "output=c.h5", "energy_unit=GeV", "geometry=toy", "source=returned"]
    assert main(["convert", *there]) == 0
    assert main(["convert", *back]) == 0
    file = NativeFile(folder / "c.h5")
    assert file.geometry_hash == Geometry.load("toy").hash
    assert (file.points, file.attributes["source"]) == ("deposits", "returned")
    showers = file.read()
    torch.testing.assert_close(showers.points, deposits.points)
    assert torch.equal(showers.ptr, deposits.ptr)
    assert torch.equal(showers.incident.position, deposits.incident.position)


def test_layers_that_the_geometry_has_not(
    folder: Path, deposits: Showers, capsys: pytest.CaptureFixture[str]
) -> None:
    deposits.layer[250] = 8
    write(folder / "a.h5", deposits, geometry_name="toy", geometry_hash="", source="random")
    assert main(["convert", "input=a.h5", "output=b.h5", "geometry=toy"]) == 2
    assert "a.h5: showers have points in layer 8, but the geometry has layers 0 to 7" in (
        capsys.readouterr().err
    )
    assert not (folder / "b.h5").exists()


def test_projected(folder: Path, deposits: Showers, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "input=a.h5", "output=b.h5", "geometry=toy", "project=true"]) == 0
    assert "3 showers, layout pointcalo, 0 % of the energy outside" in capsys.readouterr().out
    file = NativeFile(folder / "b.h5")
    showers = file.read()
    assert (file.points, file.attributes["source"]) == ("cells", "random")
    assert showers.num_points < deposits.num_points
    torch.testing.assert_close(showers.energy.sum(), deposits.energy.sum())


def test_on_the_cells_of_another_geometry(
    folder: Path, deposits: Showers, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = Geometry.load("toy")
    squares = Cartesian(pitch_mm=(7.0, 7.0), radius_mm=150.0)
    layers = [replace(layer, segmentation=squares) for layer in toy.layers]
    Geometry("squares", layers).save(folder / "squares.yaml")
    assert main(["convert", "input=a.h5", "output=b.h5", "geometry=toy", "project=true"]) == 0
    assert main(["convert", "input=b.h5", "output=c.h5", "resegment=squares.yaml"]) == 0
    assert "0 % of the energy outside every cell" in capsys.readouterr().out
    cells = NativeFile(folder / "c.h5")
    assert (cells.points, cells.geometry_name) == ("cells", "squares")
    assert cells.attributes["resegmented_from"] == "toy"
    before, after = deposits.layer_sums(8)[1], cells.read().layer_sums(8)[1]
    torch.testing.assert_close(after, before)
    assert main(["convert", "input=a.h5", "output=d.h5", "resegment=squares.yaml"]) == 0
    straight, _ = Projector(Geometry.load("squares.yaml"))(deposits)
    assert torch.equal(NativeFile(folder / "d.h5").read().points, straight.points)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["format=showerdata"], "energy_unit: a file of ShowerData records no units"),
        (["format=word"], "format: got 'word', expected one of pointcalo, lemurs"),
        (["project=true"], "project=true needs the cells: pass geometry=NAME"),
        (["resegment=ild"], "'toy' and 'ild' have 8 and 30 layers, expected as many"),
        (["resegment=toy", "project=true", "geometry=toy"], "got both, expected one of them"),
        (["geometry=ild"], "made in geometry 'toy', not 'ild': pass geometry=toy"),
        (["output=none/b.h5"], "no folder none, make it first"),
        (["energy_GeV=3"], "energy_GeV: got 3, expected [low, high], low below high"),
        (["energy_GeV=[4,1]"], "energy_GeV: got [4, 1], expected [low, high], low below high"),
        (["energy_GeV=[5,9]"], "energy_GeV: a.h5 has no shower of [5, 9] GeV; it has 1 to 4 GeV"),
        (["input=none.h5"], "none.h5: no such file"),
        (["input=."], ".: is a folder, expected a file of showers"),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    given = {"input": "a.h5", "output": "b.h5"}
    given |= dict(argument.split("=") for argument in arguments)
    assert main(["convert", *(f"{key}={value}" for key, value in given.items())]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["a.h5"]


def test_showers_of_a_range_of_energies(
    folder: Path, deposits: Showers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "input=a.h5", "output=b.h5", "energy_GeV=[2,4.5]"]) == 0
    assert "2 showers" in capsys.readouterr().out
    assert torch.equal(NativeFile(folder / "b.h5").read().points, deposits[1:].points)
    assert main(["convert", "input=a.h5", "output=c.h5", "energy_GeV=[1,2]"]) == 0
    assert torch.equal(NativeFile(folder / "c.h5").read().points, deposits[:1].points)


def test_attributes_that_a_layout_has_no_place_for(
    folder: Path, deposits: Showers, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"geometry_name": "toy", "geometry_hash": "", "source": "random"}
    write(folder / "a.h5", deposits, **made, attributes={"seed": 3, "author": "me"})
    assert main(["convert", "input=a.h5", "output=b.h5"]) == 0
    assert "dropped" not in capsys.readouterr().out
    there = ["input=a.h5", "output=c.h5", "format=showerdata", "energy_unit=GeV"]
    assert main(["convert", *there]) == 0
    assert "dropped: attributes author, seed" in capsys.readouterr().out
