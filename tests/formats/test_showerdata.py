"""ShowerData files: there and back, units, and what the library itself reads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import showerdata
import torch

from pointcalo.formats import open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing
from pointcalo.formats.points.showerdata import ShowerDataFile, write_showerdata
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Showers

MakeShowers = Callable[..., Showers]
MEV = Conventions(energy_unit="MeV")


def _write(path: Path, showers: Showers, conventions: Conventions = MEV) -> None:
    batches = [showers[first : first + 8] for first in range(0, len(showers), 8)]
    write_showerdata(path, batches, outgoing=_outgoing(showers), conventions=conventions)


def _outgoing(showers: Showers) -> Outgoing:
    return Outgoing(num_showers=len(showers), points="cells", source="random")


def test_there_and_back(make_showers: MakeShowers, tmp_path: Path) -> None:
    showers = make_showers(20)
    _write(tmp_path / "a.h5", showers)
    file = ShowerDataFile(tmp_path / "a.h5", MEV)
    assert len(file) == 20
    back = Showers.cat(list(file.iterate(7)))
    for name in ("points", "layer", "ptr"):
        assert torch.equal(getattr(back, name), getattr(showers, name)), name
    for name in ("energy", "direction", "position", "pdg"):
        assert torch.equal(getattr(back.incident, name), getattr(showers.incident, name)), name


def test_what_the_library_reads(make_showers: MakeShowers, tmp_path: Path) -> None:
    showers = make_showers(3)
    conventions = Conventions(energy_unit="GeV", incident_energy_unit="MeV", length_unit="cm")
    _write(tmp_path / "a.h5", showers, conventions)
    loaded = showerdata.load(tmp_path / "a.h5")
    rows = loaded.points[2][loaded.points[2][:, 3] > 0]
    torch.testing.assert_close(torch.from_numpy(rows[:, :2]), showers[2].xy / 10)
    assert rows[:, 2].tolist() == showers[2].layer.tolist()
    torch.testing.assert_close(torch.from_numpy(rows[:, 3]), showers[2].energy / 1000)
    assert loaded.energies[:, 0].tolist() == [1, 2, 3]
    assert loaded.shower_ids.tolist() == [0, 1, 2]
    assert loaded.points.shape == (3, int(showers.counts.max()), 5)


def test_file_of_the_library(tmp_path: Path) -> None:
    points = np.zeros((2, 3, 4), dtype=np.float32)
    points[0, :2] = [[1, 2, 0, 0.5], [3, 4, 7, 0.25]]
    showerdata.Showers(points=points, energies=np.array([[10.0], [20.0]]), pdg=22).save(
        tmp_path / "a.h5"
    )
    file = ShowerDataFile(tmp_path / "a.h5", Conventions(energy_unit="GeV"))
    assert file.assumed == ("entry at the origin", "times 0")
    (showers,) = file.iterate()
    assert showers.counts.tolist() == [2, 0]
    assert showers.points.tolist() == [[1, 2, 500, 0], [3, 4, 250, 0]]
    assert showers.layer.tolist() == [0, 7]
    assert showers.incident.energy.tolist() == [10e3, 20e3]
    assert showers.incident.direction.tolist() == [[0, 0, 1]] * 2
    assert not showers.incident.position.any()


def test_depth_as_z(make_showers: MakeShowers, toy: Geometry, tmp_path: Path) -> None:
    showers = make_showers(5)
    conventions = Conventions(energy_unit="MeV", length_unit="m", depth="z", geometry=toy)
    _write(tmp_path / "a.h5", showers, conventions)
    (back,) = ShowerDataFile(tmp_path / "a.h5", conventions).iterate()
    assert torch.equal(back.layer, showers.layer)
    torch.testing.assert_close(back.points, showers.points)
    with pytest.raises(ValueError, match="no layer number: pass depth=z"):
        list(ShowerDataFile(tmp_path / "a.h5", MEV).iterate())


def test_depth_off_every_layer(make_showers: MakeShowers, toy: Geometry, tmp_path: Path) -> None:
    _write(tmp_path / "a.h5", make_showers(5))
    conventions = Conventions(energy_unit="MeV", length_unit="m", depth="z", geometry=toy)
    with pytest.raises(
        ValueError, match=r"a.h5: shower \d: depth \d, z of geometry 'toy' goes from"
    ):
        list(ShowerDataFile(tmp_path / "a.h5", conventions).iterate())


def test_layers_spread_in_depth(toy: Geometry) -> None:
    spread = Conventions(depth="spread")
    depth = torch.tensor([0.0, 0.999, 3.25, 29.75])
    assert spread.layer_numbers(depth, torch.zeros(4)).tolist() == [0, 0, 3, 29]
    assert spread.depths(torch.tensor([0, 29])).tolist() == [0.5, 29.5]
    rounded = Conventions().layer_numbers(torch.tensor([2.9999, 4.0001]), torch.zeros(2))
    assert rounded.tolist() == [3, 4]
    with pytest.raises(ValueError, match="shower 7: depth nan"):
        spread.layer_numbers(torch.tensor([1.0, torch.nan]), torch.tensor([6, 7]))


def test_points_without_energy_are_left_out(make_showers: MakeShowers, tmp_path: Path) -> None:
    showers = make_showers(5)
    points = showers.points.clone()
    points[::2, ENERGY] = 0
    _write(tmp_path / "a.h5", showers.replace(points=points))
    (back,) = ShowerDataFile(tmp_path / "a.h5", MEV).iterate()
    assert torch.equal(back.points, points[points[:, ENERGY] > 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"energy_unit": "J"}, "energy_unit: got 'J'"),
        ({"energy_unit": "MeV", "incident_energy_unit": "mm"}, "incident_energy_unit: got 'mm'"),
        ({"energy_unit": "MeV", "length_unit": "inch"}, "length_unit: got 'inch'"),
        ({"energy_unit": "MeV", "depth": "y"}, "depth: got 'y', expected one of layer, spread, z"),
        ({"energy_unit": "MeV", "depth": "z"}, "pass geometry=NAME"),
    ],
)
def test_units_must_be_known(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conventions(**options)


def test_broken_files(make_showers: MakeShowers, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    _write(path, make_showers(5))
    with pytest.raises(ValueError, match="a file of ShowerData records no units"):
        open_showers(path)
    assert isinstance(open_showers(path, MEV), ShowerDataFile)
    with h5py.File(path, "a") as raw:
        raw["energies"][3] = np.nan
    with pytest.raises(ValueError, match=r"a.h5: shower 3: incident energy is nan"):
        list(ShowerDataFile(path, MEV).iterate(2))
    with h5py.File(path, "a") as raw:
        del raw["pdg"], raw["shape"]
    with pytest.raises(ValueError, match=r"a.h5: no ShowerData file, lacks pdg, shape"):
        ShowerDataFile(path, MEV)


def test_number_of_showers_as_announced(make_showers: MakeShowers, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    outgoing = replace(_outgoing(make_showers(5)), num_showers=9)
    with pytest.raises(ValueError, match="5 showers came, expected 9"):
        write_showerdata(path, [make_showers(5)], outgoing=outgoing, conventions=MEV)
    assert not list(tmp_path.iterdir())
