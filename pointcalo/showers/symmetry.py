"""Showers under the symmetries of their detector."""

from dataclasses import replace

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers.showers import ENERGY, Showers


def under_symmetry(showers: Showers, geometry: Geometry, number: Tensor) -> Showers:
    """Turn and mirror showers, each with its incident particle, onto the cells they then lie on.

    Energies and times stay as they are. Points are those of the original, in their order.

    Args:
        showers: S showers with cells.
        geometry: their detector.
        number: of one of `geometry.symmetries` for each shower, [S] int64.

    Raises:
        ValueError: showers without cells.
    """
    if showers.cell is None:
        raise ValueError("showers: have no cells; project them to the geometry first")
    symmetries, incident = geometry.symmetries, showers.incident
    direction, position = incident.direction.clone(), incident.position.clone()
    direction[:, :2] = symmetries.turned(number, direction[:, :2])
    position[:, :2] = symmetries.moved(number, position[:, :2])
    cell = symmetries.cell(number[showers.index], showers.cell)
    xy = geometry.position(cell)[:, :2]
    return showers.replace(
        points=torch.cat([xy, showers.points[:, ENERGY:]], dim=1),
        incident=replace(incident, direction=direction, position=position),
        cell=cell,
    )
