"""`pointcalo inspect` on showers made by hand, each with one known defect."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers, ptr_from_counts

NUM = 20

Say = Callable[..., str]


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


def good(toy: Geometry) -> Showers:
    """Shower s: 2 MeV in the central cell of each of the 8 layers, 1 GeV photons from the front."""
    centre = torch.zeros(8, 2)
    layer = torch.arange(8)
    assert bool((toy.cell_at(layer, centre) >= 0).all())
    rows = torch.cat([centre, torch.full((8, 1), 2.0), torch.arange(8)[:, None] * 0.1], dim=1)
    return Showers(
        points=rows.repeat(NUM, 1),
        layer=layer.repeat(NUM),
        ptr=ptr_from_counts(torch.full((NUM,), 8)),
        incident=Incident(
            energy=torch.linspace(1e3, 2e3, NUM),
            direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(NUM, 1),
            position=torch.zeros(NUM, 3),
            pdg=torch.tensor([22] * 15 + [2112] * 5),
        ),
    )


@pytest.fixture
def say(
    toy: Geometry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Say:
    """Writes showers, damages the file, and returns what is said of it, lines joined."""
    monkeypatch.chdir(tmp_path)

    def inspect(
        showers: Showers,
        *arguments: str,
        damage: Callable[[h5py.File], None] = lambda file: None,
        points: str = "cells",
        name: str = "toy",
    ) -> str:
        known = {"geometry_name": name, "geometry_hash": toy.hash, "points": points}
        more = {"batch": "7 \x1b[31mred", "pitch": np.array([12.0, 13.5])}
        write("a.h5", showers, source="by hand", attributes=more, **known)
        with h5py.File("a.h5", "a") as file:
            damage(file)
        assert main(["inspect", "a.h5", "batch=6", *arguments]) == 0
        printed = capsys.readouterr().out
        assert all(len(line) <= 100 for line in printed.splitlines())
        assert "\x1b" not in printed
        return " ".join(printed.split())

    return inspect


def test_facts_of_a_good_file(toy: Geometry, say: Say) -> None:
    text = say(good(toy))
    for fact in (
        "layout pointcalo, version 2",
        "gzip to",
        "showers 20 points 160; 8 in a shower, mean 8 rows cells",
        "particles 15 photon, 5 PDG 2112",
        "energy 1 to 2 GeV visible 1.07 % of the incident energy; 0.8 to 1.6 % of a shower's",
        "angle 0 degrees to the z axis entry x 0, y 0, z 0 mm",
        "row energy 2 MeV threshold 0 % of the rows are below it, 0 % of the energy",
        "time 0 to 0.7 ns layers 0-7 hit; 12.5 % of the energy in layer 7",
        f"geometry toy, hash {toy.hash}; the one known here (8 layers, {toy.num_cells} cells)",
        "source by hand",
        "batch 7 [31mred",
        "pitch 2 numbers, 12 to 13.5",
    ):
        assert fact in text
    assert text.endswith("nothing looks wrong")


def changed(showers: Showers, row: int, **columns: float) -> Showers:
    points, layer = showers.points.clone(), showers.layer.clone()
    for name, value in columns.items():
        if name == "layer":
            layer[row] = int(value)
        else:
            points[row, ("x", "y", "energy", "time").index(name)] = value
    return showers.replace(points=points, layer=layer)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"x": 500.0}, "1 row (0.625 %, 0.625 % of the energy) outside every cell of the geometry"),
        ({"layer": 8}, "1 row (0.625 %, 0.625 % of the energy) outside every cell of the geometry"),
        ({"layer": 2}, "1 row (0.625 %, 0.625 % of the energy) repeat a cell that the shower has"),
        ({"x": 0.25}, "lie more than 0.1 mm from the centre of their cell, up to 0.25 mm"),
        ({"energy": 0.0}, "1 row (0.625 %) without energy"),
    ],
)
def test_one_wrong_row_is_found(
    toy: Geometry, say: Say, change: dict[str, float], warning: str
) -> None:
    text = say(changed(good(toy), 8 * 13 + 1, **change))
    assert "1 looks wrong" in text
    assert warning in text and text.endswith("; all in shower 13")


def test_deposits_may_share_a_cell_and_lie_anywhere_in_it(toy: Geometry, say: Say) -> None:
    text = say(changed(good(toy), 9, x=0.25, layer=2), points="deposits")
    assert "rows deposits" in text and text.endswith("nothing looks wrong")


def test_repeated_places_are_found_without_a_geometry(toy: Geometry, say: Say) -> None:
    text = say(changed(good(toy), 9, layer=2), name="mine")
    assert "2 things look wrong" in text
    assert "1 row (0.625 %, 0.625 % of the energy) repeat a cell" in text
    assert "geometry 'mine' is not known here: the cells were not checked; pass geometry=" in text


def incident(showers: Showers, **columns: torch.Tensor) -> Showers:
    kept = {name: getattr(showers.incident, name) for name in ("energy", "direction", "position")}
    return showers.replace(incident=Incident(pdg=showers.incident.pdg, **(kept | columns)))


def test_wrong_incident_particles_are_found(toy: Geometry, say: Say) -> None:
    showers = good(toy)
    energy, direction = showers.incident.energy.clone(), showers.incident.direction.clone()
    energy[[3, 4]] = 8.0
    direction[17] = torch.tensor([0.0, 0.0, -1.0])
    text = say(incident(showers, energy=energy, direction=direction))
    assert "2 things look wrong" in text
    for said in (
        "- 2 showers with more visible than incident energy, up to 2 times as much; the first is 3",
        "- 1 shower of a particle that flies away from every layer, or along them; shower 17",
    ):
        assert said in text


@pytest.mark.parametrize(("factor", "said"), [(100.0, "is 1.07 times"), (1e-5, "is only 1.1e-07")])
def test_another_unit_is_suspected(toy: Geometry, say: Say, factor: float, said: str) -> None:
    showers = good(toy)
    points = showers.points * torch.tensor([1.0, 1.0, factor, 1.0])
    text = say(showers.replace(points=points))
    assert f"the visible energy {said}" in text
    assert "is the unit of the points, or that of the incident particles, another one?" in text


def test_energies_in_another_unit_fall_below_threshold(toy: Geometry, say: Say) -> None:
    showers = good(toy)
    points = showers.points * torch.tensor([1.0, 1.0, 1e-3, 1.0])
    text = say(showers.replace(points=points))
    assert "threshold 100 % of the rows are below it, 100 % of the energy" in text
    assert "- 100 % of the energy lies in cells below threshold; is the unit" in text


def test_empty_showers_and_layers_are_found(toy: Geometry, say: Say) -> None:
    showers = good(toy)
    kept = (showers.index != 5) & (showers.layer != 4) & (showers.layer != 6)
    text = say(showers.keep(kept & (showers.layer != 5)))
    assert (
        "points 95; 0 to 5 in a shower" in text
        and "layers 0-3, 7 hit; 20 % of the energy in layer 7" in text
    )
    assert "2 things look wrong" in text
    assert "- 1 shower without energy; shower 5" in text
    assert "- no row in layer 4-6 of 0-7" in text


def test_the_other_side_of_a_detector_may_stay_empty(
    toy: Geometry, say: Say, tmp_path: Path
) -> None:
    layers = [*toy.layers[:4], *(replace(layer, z=-layer.z) for layer in toy.layers[:4])]
    Geometry("toy", layers).save(tmp_path / "two.yaml")
    showers = good(toy)
    text = say(showers.keep(showers.layer < 3), "geometry=two.yaml")
    assert "- no row in layer 3 of 0-7" in text


def test_showers_that_cannot_be_read_are_counted_and_the_rest_is_read(
    toy: Geometry, say: Say
) -> None:
    def damage(file: h5py.File) -> None:
        file["points/energy"][[8 * 2 + 1, 8 * 3, 8 * 11 + 7]] = [-1.0, -1.0, np.nan]
        file["incident/energy"][19] = 0.0

    text = say(good(toy), damage=damage)
    assert "points 128; 8 in a shower" in text and "1 looks wrong" in text
    assert "4 of 20 showers cannot be read: shower 2: point 1 has x 0, y 0, energy -1" in text
    assert "; shower 3: point 0 has" in text and "; shower 11: point 7 has" in text
    assert "; and 1 more" in text


def test_a_damaged_piece_of_the_file_is_told(toy: Geometry, say: Say, tmp_path: Path) -> None:
    def damage(file: h5py.File) -> None:
        raw = file["points/time"][:]
        del file["points/time"]
        data = file.create_dataset("points/time", data=raw, chunks=(8 * 5,), compression="gzip")
        data.attrs["unit"] = "ns"
        data.id.write_direct_chunk((8 * 10,), b"no deflate stream")

    text = say(good(toy), damage=damage)
    assert "5 of 20 showers cannot be read: shower 10: damaged" in text


def test_another_geometry_is_told(toy: Geometry, say: Say) -> None:
    def damage(file: h5py.File) -> None:
        file.attrs["geometry_hash"] = "0123456789abcdef"

    text = say(good(toy), damage=damage)
    assert "geometry 'toy' is not known here" in text
    text = say(good(toy), "geometry=toy", damage=damage)
    assert "made in another 'toy' (hash 0123456789abcdef" in text and "1 looks wrong" in text
    text = say(good(toy), "geometry=ild")
    assert "made in geometry 'toy', not 'ild'" in text


def nothing(path: Path, toy: Geometry) -> None:
    path.unlink()


def truncated(path: Path, toy: Geometry) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def a_text(path: Path, toy: Geometry) -> None:
    path.write_text("x,y,energy\n1,2,3\n")


def without_times(path: Path, toy: Geometry) -> None:
    with h5py.File(path, "a") as file:
        del file["points/time"]


def foreign(path: Path, toy: Geometry) -> None:
    with h5py.File(path, "w") as file:
        file["temperature"] = [1.0]


def all_negative(path: Path, toy: Geometry) -> None:
    with h5py.File(path, "a") as file:
        file["points/energy"][:] = -1.0


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (nothing, "a b'.h5: no such file"),
        (truncated, "a b'.h5: not a readable HDF5 file"),
        (a_text, "a b'.h5: neither HDF5 nor ROOT nor Parquet"),
        (without_times, "a b'.h5: data set points/time is missing"),
        (foreign, "found temperature"),
        (all_negative, "a b'.h5: no shower can be read: shower 0: point 0 has"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "display"])
def test_files_that_cannot_be_read_are_one_line(
    toy: Geometry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    spoil: Callable[[Path, Geometry], None],
    line: str,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("a b'.h5")
    write(path, good(toy), geometry_name="toy", geometry_hash=toy.hash, source="by hand")
    spoil(path, toy)
    before = sorted(tmp_path.iterdir())
    assert main([command, str(path)]) == 2
    error = capsys.readouterr()
    if command == "inspect":
        assert line in error.err
    assert error.err.startswith(f"pointcalo {command}: ") and error.err.count("\n") == 1
    assert error.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_first_bare_argument_is_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", "batch=3", "no.h5"]) == 2
    assert "pointcalo inspect: no.h5: no such file" in capsys.readouterr().err
    assert main(["inspect", "no.h5", "other.h5"]) == 2
    assert "other.h5 is no KEY=VALUE" in capsys.readouterr().err
    assert main(["inspect", "2024"]) == 2
    assert "pointcalo inspect: 2024: no such file" in capsys.readouterr().err
    assert main(["inspect"]) == 2
    assert "missing: file (file of showers to look into)" in capsys.readouterr().err
    assert main(["inspect", "--help"]) == 0
    assert "usage: pointcalo inspect FILE [KEY=VALUE ...]" in capsys.readouterr().out
