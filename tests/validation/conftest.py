from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, Showers, ptr_from_counts
from pointcalo.validation.measurement import Measurement, measure


@pytest.fixture(scope="session")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="session")
def make_showers(toy: Geometry) -> Callable[..., Showers]:
    """Random showers on the toy: a bell of hits in depth, a spot about a tilted axis."""

    def make(number: int, *, seed: int, incident_seed: int = 0, spot_mm: float = 25.0) -> Showers:
        incident = _incident(number, incident_seed)
        random = torch.Generator().manual_seed(seed)
        depth = torch.arange(8.0)
        mean = 0.02 * incident.energy[:, None].sqrt() * torch.exp(-((depth - 3) ** 2) / 6)
        counts = torch.poisson(4 * mean, generator=random).long()
        layer = torch.arange(8).repeat(number).repeat_interleave(counts.flatten())
        shower = torch.arange(number).repeat_interleave(counts.sum(1))
        axis = incident.position[shower, :2] + (
            incident.direction[shower, :2] * toy.layer_z[layer, None]
        )
        xy = axis + spot_mm * torch.randn(len(layer), 2, generator=random)
        energy = 0.08 + 0.6 * torch.empty(len(layer)).exponential_(generator=random)
        points = torch.stack([*xy.unbind(1), energy, layer.float() / 10], dim=1)
        ptr = ptr_from_counts(counts.sum(1))
        return Projector(toy)(Showers(points, layer, ptr, incident))[0]

    return make


def _incident(number: int, seed: int) -> Incident:
    random = torch.Generator().manual_seed(seed)
    slope = 0.3 * torch.rand(number, generator=random)
    direction = torch.stack([slope, torch.zeros(number), torch.ones(number)], dim=1)
    position = 12 * torch.rand(number, 3, generator=random) - 6
    position[:, 2] = 0
    return Incident(
        energy=1000 * 10 ** torch.rand(number, generator=random),
        direction=direction / direction.norm(dim=1, keepdim=True),
        position=position,
        pdg=torch.full((number,), 22),
    )


@pytest.fixture(scope="session")
def place(toy: Geometry) -> Callable[..., Showers]:
    """Showers along the axis x = y = 0 from rows (shower, layer, x mm, y mm, energy MeV)."""

    def make(rows: list[tuple[float, ...]], number: int = 1) -> Showers:
        table: Tensor = torch.tensor(rows).reshape(-1, 5)
        incident = Incident(
            energy=torch.full((number,), 1000.0),
            direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(number, 1),
            position=torch.zeros(number, 3),
            pdg=torch.full((number,), 22),
        )
        counts = torch.bincount(table[:, 0].long(), minlength=number)
        points = torch.cat([table[:, 2:5], torch.zeros(len(table), 1)], dim=1)
        return Showers(points, table[:, 1].long(), ptr_from_counts(counts), incident)

    return make


@pytest.fixture(scope="session")
def measure_toy(toy: Geometry) -> Callable[[Showers], Measurement]:
    """Measure showers on the toy, cut at threshold."""
    return lambda showers: measure([showers.above_threshold(toy)[0]], toy)
