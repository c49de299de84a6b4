"""Which lattice sites can be among the k nearest to any point of one cell."""

from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from pointcalo.geometry.tracing import untraced

SAMPLES = 32


class Lattice(Protocol):
    """What is known of a lattice of pitch 1: base vectors, cell area and radius, look-up."""

    basis: tuple[tuple[float, float], tuple[float, float]]
    cell_area: float
    circumradius: float

    @staticmethod
    def site_of(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Site around points."""


@lru_cache(maxsize=64)
def nearest_template(lattice: type[Lattice], aspect: float, k: int) -> Tensor:
    """Offsets [M, 2] of the sites that are among the k nearest to some point of the cell at 0.

    The distance to a site and the distance to the k-th nearest site both change by at most d when
    the point moves by d. So a site counts if it is within the k-th distance plus 2 h of one of a
    grid of points that leaves no point of the cell farther than h from the grid.

    Args:
        lattice: class with `basis`, `cell_area`, `circumradius` and `site_of`.
        aspect: pitch along y over pitch along x.
        k: number of cells.
    """
    return untraced(_nearest_template)(lattice, aspect, k)


def _nearest_template(lattice: type[Lattice], aspect: float, k: int) -> Tensor:
    (ax, ay), (bx, by) = lattice.basis
    a, b = torch.tensor([ax, ay * aspect]), torch.tensor([bx, by * aspect])
    spacing = float(a.norm() + b.norm()) / (2 * SAMPLES)
    circumradius = lattice.circumradius * max(1.0, aspect)
    area = lattice.cell_area * aspect
    reach = (k * area / torch.pi) ** 0.5 + 2.0 * circumradius + 2.0 * spacing
    sites = _sites_within(a, b, reach)
    points = _points_of_cell(lattice, a, b, aspect)
    distance = torch.cdist(points, sites.float() @ torch.stack((a, b)))
    farthest = distance.kthvalue(k, dim=1).values[:, None] + 2.0 * spacing
    return sites[(distance <= farthest).any(0)]


def _sites_within(a: Tensor, b: Tensor, reach: float) -> Tensor:
    """Sites [M, 2] at most `reach` from 0."""
    area = abs(float(a[0] * b[1] - a[1] * b[0]))
    i_most, j_most = int(reach * float(b.norm()) / area), int(reach * float(a.norm()) / area)
    i = torch.arange(-i_most, i_most + 1)
    j = torch.arange(-j_most, j_most + 1)
    sites = torch.cartesian_prod(i, j)
    return sites[(sites.float() @ torch.stack((a, b))).norm(dim=1) <= reach]


def _points_of_cell(lattice: type[Lattice], a: Tensor, b: Tensor, aspect: float) -> Tensor:
    """Points [SAMPLES^2, 2] spread evenly over the cell at 0."""
    step = torch.arange(SAMPLES) / SAMPLES
    points = torch.cartesian_prod(step, step) @ torch.stack((a, b))
    i, j = lattice.site_of(points[:, 0].clone(), points[:, 1] / aspect)
    return points - torch.stack((i, j), dim=1) @ torch.stack((a, b))
