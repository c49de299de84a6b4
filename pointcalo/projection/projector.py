"""From continuous deposits to the cells of a geometry."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.utils import segment

from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, TIME, Showers, ptr_from_counts, segment_sum


class Projector:
    """Merges the points of each shower that lie in the same cell.

    A cell gets the sum of the energies and the earliest time of its points; its row holds the
    coordinates of the cell's centre. Points without energy are dropped. Energy is kept to rounding
    but for the points outside every cell, whose share is returned.

    Args:
        geometry: the cells.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def __call__(self, showers: Showers) -> tuple[Showers, Tensor]:
        """Project showers.

        Args:
            showers: S showers, points anywhere.

        Returns:
            (showers on cells, sorted by cell within each shower; share of each shower's energy
            outside every cell, in 0..1, [S] float32).

        Raises:
            ValueError: a point in a layer that the geometry has not.
        """
        showers.check_layers(self.geometry.num_layers)
        cell = self.geometry.cell_at(showers.layer, showers.xy)
        total = _energy_of(showers.energy, showers.ptr)
        inside = (cell >= 0) & (showers.energy > 0)
        held = showers.keep(inside)
        share = 1 - _energy_of(held.energy, held.ptr) / total.clamp(min=torch.finfo().tiny)
        share = torch.where(total > 0, share, 0.0).clamp(min=0).float()
        return merged(held, cell[inside], self.geometry), share


def merged(showers: Showers, cell: Tensor, geometry: Geometry) -> Showers:
    """Rows of a shower on the same cell as one: the sum of energies, the earliest time.

    Args:
        showers: S showers.
        cell: of each point, [P] int64.
        geometry: of the cells.

    Returns:
        showers on cells, sorted by cell within each shower.
    """
    key, order = torch.sort(showers.index * geometry.num_cells + cell, stable=True)
    key, repeats = torch.unique_consecutive(key, return_counts=True)
    ptr = ptr_from_counts(repeats)
    rows = showers.points[order]
    cell = key % geometry.num_cells
    shower = torch.div(key, geometry.num_cells, rounding_mode="floor")
    points = torch.empty((len(key), 4), dtype=rows.dtype, device=rows.device)
    points[:, :ENERGY] = geometry.position(cell)[:, :ENERGY]
    points[:, ENERGY] = _energy_of(rows[:, ENERGY], ptr).float()
    points[:, TIME] = segment(rows[:, TIME].contiguous(), ptr, reduce="min")
    return Showers(
        points=points,
        layer=geometry.layer_of(cell),
        ptr=ptr_from_counts(torch.bincount(shower, minlength=len(showers))),
        incident=showers.incident,
        cell=cell,
    )


class CountingProjector:
    """Projects batch after batch and counts the energy outside every cell.

    Args:
        projector: gives the showers on cells and the share of each outside every cell.

    Attributes:
        energy: of all batches so far, MeV.
        outside: of it outside every cell, MeV.
    """

    def __init__(self, projector: Callable[[Showers], tuple[Showers, Tensor]]) -> None:
        self.projector = projector
        self.energy = self.outside = 0.0

    @property
    def share(self) -> float:
        """Share of the energy outside every cell, 0 without energy."""
        return self.outside / self.energy if self.energy > 0 else 0.0

    def __call__(self, showers: Showers) -> Showers:
        """Showers on cells; arguments and errors as those of the projector."""
        projected, share = self.projector(showers)
        energy = _energy_of(showers.energy, showers.ptr)
        self.energy += float(energy.sum())
        self.outside += float(energy @ share.double())
        return projected


def _energy_of(energy: Tensor, ptr: Tensor) -> Tensor:
    """Sums in double precision, so that the order of the points does not matter."""
    return segment_sum(energy.double(), ptr)
