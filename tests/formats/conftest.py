"""Showers on the cells of the toy geometry, and files of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from formats.voxels import write_raw

from pointcalo.cli.main import main
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Incident, Showers, ptr_from_counts


@pytest.fixture(scope="session")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="session")
def make_showers(toy: Geometry) -> Callable[..., Showers]:
    """Showers whose incident energy is their number + 1, one row a cell, sorted by cell."""

    def make(num: int = 50, seed: int = 1) -> Showers:
        generator = torch.Generator().manual_seed(seed)
        counts = torch.randint(0, 30, (num,), generator=generator)
        cells = [torch.randperm(toy.num_cells, generator=generator)[:n] for n in counts.tolist()]
        cell = torch.cat([part.sort().values for part in cells])
        points = torch.rand(len(cell), 4, generator=generator)
        points[:, :2] = toy.position(cell)[:, :2]
        points[:, ENERGY] += 0.01
        direction = torch.randn(num, 3, generator=generator)
        direction[:, 2] = 3.0
        position = torch.zeros(num, 3)
        position[:, :2] = torch.randn(num, 2, generator=generator)
        return Showers(
            points=points,
            layer=toy.layer_of(cell),
            ptr=ptr_from_counts(counts),
            incident=Incident(
                energy=torch.arange(num) + 1.0,
                direction=direction / direction.norm(dim=1, keepdim=True),
                position=position,
                pdg=torch.tensor([22, 11]).repeat(num)[:num],
            ),
        )

    return make


@pytest.fixture
def write_toy(toy: Geometry, tmp_path: Path) -> Callable[..., Path]:
    """Writes showers to a file that says it was made in the toy geometry."""

    def write_file(showers: Showers, name: str = "toy.h5") -> Path:
        path = tmp_path / name
        write(path, showers, geometry_name=toy.name, geometry_hash=toy.hash, source="random")
        return path

    return write_file


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The one line with which a file of some data sets (None: left out) is not converted."""

    def convert(
        content: Mapping[str, Any], *keys: str, make: Callable[..., Path] = write_raw
    ) -> str:
        monkeypatch.chdir(tmp_path)
        before = {path.name for path in tmp_path.iterdir()} | {"a.h5"}
        make(tmp_path / "a.h5", {name: v for name, v in content.items() if v is not None})
        assert main(["convert", "input=a.h5", "output=b.h5", *keys]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert {path.name for path in tmp_path.iterdir()} == before
        return error

    return convert
