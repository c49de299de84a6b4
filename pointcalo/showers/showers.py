"""The ragged batch of showers that everything in this package reads and makes.

Legend of shapes, used in every docstring of the package: S showers, P points of all showers,
N cells, L detector layers, E edges, F point features, C condition, Z latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers.incident import Incident, ShowerError
from pointcalo.showers.ragged import index_from_ptr, ptr_from_counts, rows_of

X, Y, ENERGY, TIME = range(4)


@dataclass(frozen=True, eq=False)
class Showers:
    """A frozen ragged batch of showers in physical units and the local frame of the geometry.

    Args:
        points: x mm, y mm, energy MeV, time ns of every point, [P, 4] float32.
        layer: detector layer of every point, [P] int64.
        ptr: shower s owns the points ptr[s]:ptr[s+1], [S+1] int64.
        incident: the incident particles, S of them.
        cell: cell of the geometry that every point lies on, [P] int64, or None for deposits.

    Raises:
        ValueError: a wrong shape or type, a pointer that decreases, a number that is not finite,
            a negative energy, layer or cell; the message names the shower.

    >>> incident = Incident(
    ...     energy=torch.tensor([50e3, 10e3]),
    ...     direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(2, 1),
    ...     position=torch.zeros(2, 3),
    ...     pdg=torch.tensor([22, 22]),
    ... )
    >>> showers = Showers(
    ...     points=torch.tensor([[0.0, 0.0, 1.5, 0.1], [5.0, 0.0, 0.5, 0.2], [0.0, 5.0, 2.0, 0.1]]),
    ...     layer=torch.tensor([0, 1, 0]),
    ...     ptr=torch.tensor([0, 2, 3]),
    ...     incident=incident,
    ... )
    >>> len(showers), showers.counts, showers.index
    (2, tensor([2, 1]), tensor([0, 0, 1]))
    >>> showers[1].energy
    tensor([2.])
    >>> showers.layer_sums(2)[1]
    tensor([[1.5000, 0.5000],
            [2.0000, 0.0000]])
    """

    points: Tensor
    layer: Tensor
    ptr: Tensor
    incident: Incident
    cell: Tensor | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_ptr()
        if self.num_points and not self._all_right():
            self._explain(int(self._wrong().nonzero()[0]))

    def _all_right(self) -> bool:
        """Whether no point is wrong, in one pass over each tensor."""
        low, high = torch.aminmax(self.points)  # a NaN makes both NaN
        whole = [self.layer] if self.cell is None else [self.layer, self.cell]
        least = torch.stack([values.min() for values in whole]).min()
        return bool(low.isfinite() & high.isfinite() & (self.energy.min() >= 0) & (least >= 0))

    def _wrong(self) -> Tensor:
        wrong = ~self.points.isfinite().all(dim=1) | (self.energy < 0) | (self.layer < 0)
        return wrong if self.cell is None else wrong | (self.cell < 0)

    def _check_shapes(self) -> None:
        num = len(self.points) if self.points.dim() else 0
        expected: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "points": ((num, 4), torch.float32),
            "layer": ((num,), torch.int64),
            "ptr": ((len(self.incident) + 1,), torch.int64),
        }
        if self.cell is not None:
            expected["cell"] = ((num,), torch.int64)
        for name, (shape, dtype) in expected.items():
            value = getattr(self, name)
            if tuple(value.shape) != shape or value.dtype != dtype:
                raise ValueError(
                    f"showers {name}: got {tuple(value.shape)} {value.dtype}, "
                    f"expected {shape} {dtype}"
                )

    def _check_ptr(self) -> None:
        first, last = int(self.ptr[0]), int(self.ptr[-1])
        if first != 0 or last != len(self.points) or bool((self.ptr.diff() < 0).any()):
            raise ValueError(
                f"showers ptr: got {first} to {last}, expected numbers that never decrease "
                f"from 0 to {len(self.points)}, the number of points"
            )

    def _explain(self, point: int) -> None:
        shower = int(torch.searchsorted(self.ptr, point, right=True)) - 1
        names = ("x", "y", "energy", "time")
        values = dict(zip(names, self.points[point].tolist(), strict=True))
        values["layer"] = int(self.layer[point])
        if self.cell is not None:
            values["cell"] = int(self.cell[point])
        listed = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise ShowerError(
            shower,
            f"point {point - int(self.ptr[shower])} has {listed}; expected finite numbers, "
            "energy >= 0 MeV, layer and cell >= 0",
        )

    @property
    def num_points(self) -> int:
        """Number of points of all showers, P."""
        return len(self.points)

    @property
    def counts(self) -> Tensor:
        """Number of points of each shower, [S] int64."""
        return self.ptr.diff()

    @cached_property
    def index(self) -> Tensor:
        """Shower of each point, [P] int64."""
        return index_from_ptr(self.ptr)

    @property
    def energy(self) -> Tensor:
        """Energy of each point, MeV, [P]."""
        return self.points[:, ENERGY]

    @property
    def xy(self) -> Tensor:
        """Transverse coordinates of each point, mm, [P, 2]."""
        return self.points[:, : Y + 1]

    def __len__(self) -> int:
        return len(self.incident)

    def __getitem__(self, index: int | slice | Tensor) -> Showers:
        """Some showers, in the order named; an integer gives a batch of one.

        Args:
            index: number, slice, bool [S] or int64 [K] tensor.
        """
        incident = self.incident[index]
        chosen = torch.arange(len(self), device=self.ptr.device)
        chosen = chosen[index].reshape(len(incident))
        rows = rows_of(self.ptr, chosen)
        return Showers(
            points=self.points[rows],
            layer=self.layer[rows],
            ptr=ptr_from_counts(self.counts[chosen]),
            incident=incident,
            cell=None if self.cell is None else self.cell[rows],
        )

    def replace(self, **changes: Any) -> Showers:
        """The same showers with some fields changed, checked again."""
        return replace(self, **changes)

    def to(self, device: torch.device | str) -> Showers:
        """The same showers on another device."""
        return Showers(
            points=self.points.to(device),
            layer=self.layer.to(device),
            ptr=self.ptr.to(device),
            incident=self.incident.to(device),
            cell=None if self.cell is None else self.cell.to(device),
        )

    @staticmethod
    def cat(parts: Sequence[Showers]) -> Showers:
        """Join batches, in order.

        Raises:
            ValueError: nothing to join, or cells in some parts only.
        """
        if not parts:
            raise ValueError("no showers to join: got an empty list")
        cells = [part.cell for part in parts if part.cell is not None]
        if cells and len(cells) != len(parts):
            raise ValueError(f"cells: {len(cells)} of {len(parts)} parts have them, expected all")
        return Showers(
            points=torch.cat([part.points for part in parts]),
            layer=torch.cat([part.layer for part in parts]),
            ptr=ptr_from_counts(torch.cat([part.counts for part in parts])),
            incident=Incident.cat([part.incident for part in parts]),
            cell=torch.cat(cells) if cells else None,
        )

    def keep(self, points: Tensor) -> Showers:
        """The same showers with some of their points; a shower may become empty.

        Args:
            points: True for the points that stay, [P] bool.
        """
        before = torch.cat([self.ptr.new_zeros(1), points.cumsum(0)])
        return Showers(
            points=self.points[points],
            layer=self.layer[points],
            ptr=before[self.ptr],
            incident=self.incident,
            cell=None if self.cell is None else self.cell[points],
        )

    def above_threshold(self, geometry: Geometry) -> tuple[Showers, float]:
        """Keep the points with E >= the threshold of their layer.

        Args:
            geometry: gives `layer_threshold [L]` in MeV.

        Returns:
            (showers, share of the energy of all showers that was dropped, in 0..1).

        Raises:
            ValueError: a layer that the geometry has not.
        """
        self.check_layers(geometry.num_layers)
        kept = self.energy >= geometry.layer_threshold[self.layer]
        total = float(self.energy.sum(dtype=torch.float64))
        lost = float(self.energy[~kept].sum(dtype=torch.float64))
        return self.keep(kept), lost / total if total > 0 else 0.0

    def layer_sums(self, num_layers: int) -> tuple[Tensor, Tensor]:
        """Number of points and energy in each detector layer.

        Args:
            num_layers: L.

        Returns:
            (counts [S, L] int64, energy [S, L] MeV).

        Raises:
            ValueError: a point in layer L or beyond.
        """
        self.check_layers(num_layers)
        slot = self.index * num_layers + self.layer
        size = len(self) * num_layers
        counts = torch.bincount(slot, minlength=size)
        energy = self.points.new_zeros(size).index_add(0, slot, self.energy)
        return counts.reshape(-1, num_layers), energy.reshape(-1, num_layers)

    def check_layers(self, num_layers: int) -> None:
        """Raise ValueError where a point lies in layer `num_layers` or beyond."""
        highest = int(self.layer.max()) if self.num_points else -1
        if highest >= num_layers:
            raise ValueError(
                f"showers have points in layer {highest}, but the geometry has layers 0 to "
                f"{num_layers - 1}: take the geometry that the showers were made with"
            )
