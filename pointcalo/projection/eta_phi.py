"""A window in pseudorapidity and azimuth, as the layers are seen from the collision."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from pointcalo.geometry import EtaPhi as EtaPhiCells
from pointcalo.geometry import Geometry, Placement
from pointcalo.geometry.composite import parts_of
from pointcalo.projection.windows import FULL_TURN, Window, check_edges, turned_from

Bins = tuple[float, float, int]
"""Lowest edge, highest edge, number of equal bins."""


@dataclass(frozen=True)
class EtaPhi(Window):
    """Equal bins of eta in columns and of phi in rows; eta and phi in the experiment's frame.

    Layers of eta-phi cells are cylinders about the beams, unrolled. Any other layer is a plane
    that stands where the placement says: that of the geometry, or one given here. A calorimeter
    at a radius r has `Placement(kind="barrel", face_mm=r)`, a forward one at a distance d from
    the collision `Placement(kind="endcap", face_mm=d)`.

    Args:
        geometry: the layers.
        eta: (lowest, highest, number of bins).
        phi: the same, rad.
        placement: in place of that of the geometry.
        face: the stave of a barrel, or end (0 or 1) of an endcap, that the showers are in.

    Raises:
        ValueError: edges that do not rise, more than a full turn, or no placement.
    """

    geometry: Geometry
    eta: Bins
    phi: Bins
    placement: Placement | None = None
    face: int = 0

    def __post_init__(self) -> None:
        check_edges("eta", self.columns)
        check_edges("phi", self.rows)
        if self.phi[1] - self.phi[0] > FULL_TURN + 1e-9:
            raise ValueError(f"window: phi is {self.phi}, expected at most a full turn")
        _ = self._view

    @cached_property
    def rows(self) -> Tensor:
        """Edges in phi, rad."""
        return _edges(self.phi)

    @cached_property
    def columns(self) -> Tensor:
        """Edges in eta."""
        return _edges(self.eta)

    def coordinates(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        """(eta, phi in rad)."""
        eta, phi = self._view.eta_phi(layer, xy)
        return eta, turned_from(self.phi[0], phi)

    def point(self, layer: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Points at (eta, phi)."""
        return self._view.point(layer, column, row)

    @cached_property
    def _view(self) -> "_View":
        cells = [parts_of(layer.segmentation)[0] for layer in self.geometry.layers]
        cylinders = [part for part in cells if isinstance(part, EtaPhiCells)]
        if self.placement is None and len(cylinders) == len(cells):
            return _Cylinders(cylinders)
        placement = self.placement or self.geometry.placement
        if placement is not None:
            return _Planes(placement, self.face, self.geometry.layer_z)
        raise ValueError(
            f"window: geometry {self.geometry.name!r} does not say where it stands; pass "
            "placement=Placement(kind='barrel' or 'endcap', face_mm=...)"
        )


class _View(Protocol):
    """How the layers are seen from the collision."""

    def eta_phi(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Eta and phi of points."""

    def point(self, layer: Tensor, eta: Tensor, phi: Tensor) -> Tensor:
        """Points at eta and phi."""


class _Cylinders:
    """Layers on cylinders of radius r: x = r (phi - phi_0), y = r (sinh eta - sinh eta_0)."""

    def __init__(self, cells: list[EtaPhiCells]) -> None:
        origins = [(part.radius_mm, math.sinh(part.eta_0), part.phi_0) for part in cells]
        self.origins = torch.tensor(origins, dtype=torch.float64)

    def eta_phi(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        radius, sinh, phi = self.origins.to(xy.device)[layer].unbind(1)
        return torch.asinh(xy[:, 1] / radius + sinh), xy[:, 0] / radius + phi

    def point(self, layer: Tensor, eta: Tensor, phi: Tensor) -> Tensor:
        radius, sinh, origin = self.origins.to(eta.device)[layer].unbind(1)
        return torch.stack([radius * (phi - origin), radius * (eta.sinh() - sinh)], dim=1)


class _Planes:
    """Layers that are planes in depth z of a face."""

    def __init__(self, placement: Placement, face: int, z: Tensor) -> None:
        if not 0 <= face < len(placement.axes):
            raise ValueError(f"window: face is {face}, expected 0 to {len(placement.axes) - 1}")
        self.placement, self.face, self.z = placement, face, z.double().cpu()

    def eta_phi(self, layer: Tensor, xy: Tensor) -> tuple[Tensor, Tensor]:
        local = torch.cat([xy.cpu(), self.z[layer.cpu()][:, None]], dim=1)
        x, y, z = self.placement.to_global(local, self._faces(local)).to(xy.device).unbind(1)
        return torch.asinh(z / torch.hypot(x, y)), torch.atan2(y, x)

    def point(self, layer: Tensor, eta: Tensor, phi: Tensor) -> Tensor:
        """Where the straight line from the collision crosses the layer."""
        ray = torch.stack([phi.cos(), phi.sin(), eta.sinh()], dim=1).cpu()
        face = self._faces(ray)
        start = self.placement.to_local(torch.zeros_like(ray), face)
        step = self.placement.turned(ray, face)
        path = (self.z[layer.cpu()] - start[:, 2]) / step[:, 2]
        return (start + path[:, None] * step)[:, :2].to(eta.device)

    def _faces(self, like: Tensor) -> Tensor:
        return torch.full((len(like),), self.face)


def _edges(bins: Bins) -> Tensor:
    low, high, number = bins
    return torch.linspace(low, high, max(number, 0) + 1, dtype=torch.float64)
