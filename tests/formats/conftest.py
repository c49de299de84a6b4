"""Showers on the cells of the toy geometry, and files of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

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
