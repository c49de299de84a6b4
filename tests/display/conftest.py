"""A shower of four points in the toy, by hand."""

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers


@pytest.fixture(scope="session")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="session")
def shower(toy: Geometry) -> Showers:
    """5 and 3 MeV in the central cells of layers 2 and 4, 1 keV in layer 5, 1 MeV outside."""
    points = torch.tensor(
        [[0.0, 0.0, 5.0, 0.1], [0.0, 0.0, 3.0, 0.2], [0.0, 0.0, 1e-3, 0.3], [120.0, 0.0, 1.0, 0.4]]
    )
    return Showers(
        points=points,
        layer=torch.tensor([2, 4, 5, 5]),
        ptr=torch.tensor([0, 4]),
        incident=Incident(
            energy=torch.tensor([50e3]),
            direction=torch.tensor([[0.6, 0.0, 0.8]]),
            position=torch.zeros(1, 3),
            pdg=torch.tensor([22]),
        ),
    )
