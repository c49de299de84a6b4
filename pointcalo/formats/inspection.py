"""What a file of showers holds and what looks wrong in it, gathered batch by batch."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointcalo.formats.preparation import CENTRE_TOLERANCE
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.showers import TIME, Showers, segment_sum

# Sums of float32 and the few MeV of an annihilation do not count as more than the incident energy.
ENERGY_TOLERANCE = 1e-3


@dataclass
class Span:
    """Smallest and largest of the numbers seen."""

    low: float = float("inf")
    high: float = float("-inf")

    def add(self, values: Tensor) -> None:
        """Take in more numbers, any shape."""
        if values.numel():
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))


@dataclass
class Fault:
    """Rows or showers with one fault.

    Attributes:
        rows: rows that have it.
        energy: of these rows, MeV.
        showers: showers that have it, or such rows.
        first: number of the first such shower.
    """

    rows: int = 0
    energy: float = 0.0
    showers: int = 0
    first: int = -1

    def add_rows(self, wrong: Tensor, showers: Showers, number: int) -> None:
        """Count rows [P] bool of showers of which the first has this number."""
        self.rows += int(wrong.sum())
        self.energy += float(showers.energy[wrong].sum(dtype=torch.float64))
        self.add_showers(torch.bincount(showers.index[wrong], minlength=len(showers)) > 0, number)

    def add_showers(self, wrong: Tensor, number: int) -> None:
        """Count showers [S] bool of which the first has this number."""
        if self.showers == 0 and bool(wrong.any()):
            self.first = number + int(wrong.nonzero()[0])
        self.showers += int(wrong.sum())


class Inspection:
    """What was seen of a file so far.

    Args:
        points: what a row is: cells or deposits.
        geometry: the cells to compare with; None where they are not known.

    Attributes:
        num_showers, num_points: how many were seen.
        particles: showers of each PDG number.
        spans: of energy (incident, MeV), theta (rad), x, y, z (entry, mm), points (of a shower),
            row_energy (MeV), time (ns), response (visible by incident energy), away (of a row from
            the centre of its cell, mm).
        incident, visible: energy in MeV.
        layer_rows: rows in each layer, [L] int64, as many layers as were hit or the geometry has.
        layer_energy: energy in each of them, MeV, [L] float64.
        layers_ahead: whether a particle flies towards each layer of the geometry, [L] bool.
        faults: by name, of rows: outside (every cell), repeated (cell of a shower), off_centre,
            below (threshold), no_energy; of showers: empty, above_incident, no_layer_ahead.
    """

    def __init__(self, points: str, geometry: Geometry | None) -> None:
        self.points, self.geometry = points, geometry
        self.num_showers = self.num_points = 0
        self.incident = self.visible = 0.0
        self.particles: Counter[int] = Counter()
        self.spans: defaultdict[str, Span] = defaultdict(Span)
        self.faults: defaultdict[str, Fault] = defaultdict(Fault)
        num_layers = 0 if geometry is None else geometry.num_layers
        self.layer_rows = torch.zeros(num_layers, dtype=torch.int64)
        self.layer_energy = torch.zeros(num_layers, dtype=torch.float64)
        self.layers_ahead = torch.zeros(num_layers, dtype=torch.bool)

    def add(self, showers: Showers, number: int) -> None:
        """Take in showers of which the first has this number in the file."""
        self.num_showers += len(showers)
        self.num_points += showers.num_points
        self._add_incident(showers, number)
        self._add_rows(showers, number)
        self._add_energy(showers, number)
        cell = self._add_cells(showers, number)
        if self.points == "cells":
            self.faults["repeated"].add_rows(_repeated(showers, cell), showers, number)

    def _add_incident(self, showers: Showers, number: int) -> None:
        incident = showers.incident
        self.particles.update(incident.pdg.tolist())
        for name, values in incident.extra.items():
            self.spans[f"incident/{name}"].add(values)
        self.spans["energy"].add(incident.energy)
        along = incident.direction[:, 2]
        self.spans["theta"].add(along.clamp(-1.0, 1.0).acos())
        for name, column in zip("xyz", incident.position.T, strict=True):
            self.spans[name].add(column)
        ahead = along > 0
        if self.geometry is not None:
            depth = self.geometry.layer_z - incident.position[:, 2:]
            layers = depth * along[:, None] > 0
            self.layers_ahead |= layers.any(dim=0)
            ahead = layers.any(dim=1)
        self.faults["no_layer_ahead"].add_showers(~ahead, number)

    def _add_rows(self, showers: Showers, number: int) -> None:
        self.spans["points"].add(showers.counts)
        self.spans["row_energy"].add(showers.energy)
        self.spans["time"].add(showers.points[:, TIME])
        self.faults["no_energy"].add_rows(showers.energy == 0, showers, number)
        num_layers = len(self.layer_rows)
        rows = torch.bincount(showers.layer, minlength=num_layers)
        energy = torch.bincount(showers.layer, showers.energy.double(), minlength=num_layers)
        rows[:num_layers] += self.layer_rows
        energy[:num_layers] += self.layer_energy
        self.layer_rows, self.layer_energy = rows, energy

    def _add_energy(self, showers: Showers, number: int) -> None:
        visible = segment_sum(showers.energy.double(), showers.ptr)
        response = visible / showers.incident.energy.double()
        self.visible += float(visible.sum())
        self.incident += float(showers.incident.energy.double().sum())
        self.spans["response"].add(response)
        self.faults["empty"].add_showers(visible == 0, number)
        self.faults["above_incident"].add_showers(response > 1 + ENERGY_TOLERANCE, number)

    def _add_cells(self, showers: Showers, number: int) -> Tensor | None:
        """The cell of each row [P], -1 outside; None where the cells are not known."""
        geometry = self.geometry
        if geometry is None:
            return None
        cell = torch.full_like(showers.layer, -1)
        known = showers.layer < geometry.num_layers
        cell[known] = geometry.cell_at(showers.layer[known], showers.xy[known])
        self.faults["outside"].add_rows(cell < 0, showers, number)
        if self.points == "cells":
            inside = cell >= 0
            away = torch.zeros(len(cell))
            centre = geometry.position(cell[inside])[:, :2]
            away[inside] = (centre - showers.xy[inside]).norm(dim=1)
            self.spans["away"].add(away)
            self.faults["off_centre"].add_rows(away > CENTRE_TOLERANCE, showers, number)
            least = torch.zeros(len(cell))
            least[inside] = geometry.layer_threshold[showers.layer[inside]]
            self.faults["below"].add_rows(showers.energy < least, showers, number)
        return cell


def readable(file: ShowerFile, batch: int) -> Iterator[tuple[int, Showers | str]]:
    """Read a file from front to end, whatever lies in it.

    Args:
        file: opened.
        batch: showers in memory at a time.

    Yields:
        (number of the first shower, showers), and (number, reason) for each shower that the reader
        refuses.
    """
    for first in range(0, len(file), batch):
        yield from _readable(file, first, min(first + batch, len(file)))


def _readable(file: ShowerFile, first: int, last: int) -> Iterator[tuple[int, Showers | str]]:
    """Halve what cannot be read until the showers stand alone that are to blame."""
    try:
        read: Showers | str = file.read(slice(first, last))
    except (ValueError, OSError) as error:
        if last - first > 1:
            middle = (first + last) // 2
            yield from _readable(file, first, middle)
            yield from _readable(file, middle, last)
            return
        read = " ".join(str(error).removeprefix(f"{file.path}: ").split())
    yield first, read


def _repeated(showers: Showers, cell: Tensor | None) -> Tensor:
    """Rows [P] bool of a cell that the same shower has had already.

    Without cells rows in the same place of the same layer count as one cell.
    """
    keys = [showers.index]
    keys += [showers.layer, *showers.xy.T] if cell is None else [cell]
    table = np.stack([key.numpy().astype(np.float64) for key in keys])
    order = np.lexsort(table[::-1])
    same = np.zeros(showers.num_points, dtype=bool)
    same[order[1:]] = (np.diff(table[:, order], axis=1) == 0).all(axis=0)
    repeated = torch.from_numpy(same)
    return repeated if cell is None else repeated & (cell >= 0)
