"""Showers with random numbers in them."""

from collections.abc import Callable

import pytest
import torch

from pointcalo.showers import Incident, Showers, ptr_from_counts

MakeShowers = Callable[..., Showers]


@pytest.fixture
def make_showers() -> MakeShowers:
    def make(counts: tuple[int, ...] = (3, 0, 5, 1), seed: int = 1) -> Showers:
        generator = torch.Generator().manual_seed(seed)
        num, num_points = len(counts), sum(counts)
        direction = torch.randn(num, 3, generator=generator)
        direction[:, 2] = direction[:, 2].abs() + 1
        position = torch.randn(num, 3, generator=generator)
        position[:, 2] = 0
        points = torch.randn(num_points, 4, generator=generator)
        points[:, 2:] = points[:, 2:].abs() + 0.1
        return Showers(
            points=points,
            layer=torch.randint(0, 4, (num_points,), generator=generator),
            ptr=ptr_from_counts(torch.tensor(counts)),
            incident=Incident(
                energy=torch.rand(num, generator=generator) * 1e4 + 1,
                direction=direction / direction.norm(dim=1, keepdim=True),
                position=position,
                pdg=torch.full((num,), 22),
            ),
        )

    return make
