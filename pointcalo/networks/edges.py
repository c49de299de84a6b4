"""Cells of showers in the turns in which they are decided, and the edges between them.

First the colours of the even layers one after the other (`order.py`), then those of the odd ones: a
cell can see which cells beside it are lit, in its own layer and in both adjacent ones. A key is the
number ``shower * num_cells + cell``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame

# Kinds of edges: to the neighbours in the layer; onto and around the counterpart in the layer
# behind; the same in front; to the second ring of neighbours.
KINDS = 6
BEHIND, IN_FRONT, SECOND = 1, 3, 5
MARKS = 8  # places in the table of marks for a key
SPREAD = 0x1E3779B97F4A7C15  # odd: spreads the bits of keys (Fibonacci hashing)


@dataclass(frozen=True)
class Cells:
    """Cells of showers.

    Args:
        shower, layer, cell: ``[C]`` int64.
        step: which of its layer's turns is the cell's, ``[C]`` int64: no two cells of a turn are
            neighbours.
        turn: which of all turns, ``[C]`` int64.
        segment: layer of shower, ``s L + l``, ``[C]`` int64.
    """

    shower: Tensor
    layer: Tensor
    cell: Tensor
    step: Tensor
    turn: Tensor
    segment: Tensor

    @classmethod
    def of(
        cls, geometry: Geometry, shower: Tensor, cell: Tensor, order: Tensor | None = None
    ) -> "Cells":
        """Cells ``[C]`` of showers ``[C]``.

        Args:
            geometry: the detector.
            shower: number of the shower.
            cell: number of the cell.
            order: place of each colour among the turns of its segment, ``[Q, K]``; None: as the
                colours are numbered, for whom turns do not matter.
        """
        layer, colour = geometry.layer_of(cell), geometry.colour(cell)
        segment = shower * geometry.num_layers + layer
        step = colour if order is None else order[segment, colour]
        return cls(shower, layer, cell, step, (layer % 2) * geometry.num_colours + step, segment)

    @classmethod
    def of_keys(cls, geometry: Geometry, key: Tensor, order: Tensor | None = None) -> "Cells":
        """Cells with these keys ``[C]``; see `of`."""
        shower = torch.div(key, geometry.num_cells, rounding_mode="floor")
        return cls.of(geometry, shower, key - shower * geometry.num_cells, order)

    def key(self, num_cells: int) -> Tensor:
        """Key of each cell, ``[C]``."""
        return self.shower * num_cells + self.cell

    @classmethod
    def join(cls, parts: "Sequence[Cells]") -> "Cells":
        """All cells of several sets, in order."""
        columns = zip(
            *([getattr(part, f.name) for f in fields(cls)] for part in parts), strict=True
        )
        return cls(*(torch.cat(column) for column in columns))

    def __len__(self) -> int:
        return len(self.cell)

    def __getitem__(self, rows: Tensor) -> "Cells":
        return Cells(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class Edges:
    """Directed edges from hits to what lies beside them.

    Args:
        source: index of the hit, ``[E]`` int64.
        target: key of a cell, or index of a hit, ``[E]`` int64.
        kind: 0 to 5, ``[E]`` int64.
    """

    source: Tensor
    target: Tensor
    kind: Tensor

    @classmethod
    def join(cls, parts: "Sequence[Edges]") -> "Edges":
        """All edges of several sets, in order."""
        return cls(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def where(self, mask: Tensor) -> "Edges":
        """Some of the edges, by a bool ``[E]`` or by their indices."""
        return Edges(self.source[mask], self.target[mask], self.kind[mask])

    @property
    def touch(self) -> "Edges":
        """Those to the cells next to the hit, in its own layer and in both adjacent ones."""
        return self.where(self.kind < SECOND)

    def onto(self, key: Tensor) -> "Edges":
        """Edges with keys as targets as edges to indices into ``key [T]``, rising; others go."""
        if torch.jit.is_tracing():  # a size that depends on the number of keys would be constant
            return self._found(key)
        if len(key) == 0:
            return self.where(self.target < 0)
        # most targets are no keys: a table of marks tells most of them apart, sooner than a search
        size = 1 << (MARKS * len(key)).bit_length()
        marks = torch.zeros(size, dtype=torch.bool, device=key.device)
        marks[_mark(key, size)] = True
        return self.where(marks[_mark(self.target, size)].nonzero()[:, 0])._found(key)

    def _found(self, key: Tensor) -> "Edges":
        index = torch.searchsorted(key, self.target)
        beyond = torch.cat([key, key.new_full((1,), -1)])
        found = (beyond[index] == self.target).nonzero()[:, 0]
        return Edges(self.source[found], index[found], self.kind[found])

    def among(self, key: Tensor) -> "Edges":
        """Edges with keys as targets as edges between hits with these keys ``[H]``; others go."""
        order = torch.argsort(key)
        edges = self.onto(key[order])
        return Edges(edges.source, order[edges.target], edges.kind)

    def count(self, num_targets: int, weight: Tensor | None = None) -> Tensor:
        """Number of edges, or the sum of their weights ``[E]``, by target and kind: ``[T, 6]``."""
        weight = torch.ones_like(self.target, dtype=torch.float32) if weight is None else weight
        flat = torch.zeros(num_targets * KINDS, device=weight.device)
        slot = self.target * KINDS + self.kind
        return flat.index_add(0, slot, weight).reshape(num_targets, KINDS)


def by_turn(turn: Tensor, num_turns: int = 0) -> list[Tensor]:
    """Which rows ``[R]`` belong to each turn, in their order; so many turns, or up to the last."""
    if torch.jit.is_tracing():
        return [(turn == number).nonzero()[:, 0] for number in range(num_turns)]
    sizes = torch.bincount(turn, minlength=num_turns).tolist()
    return list(torch.argsort(turn, stable=True).split(sizes))


def _mark(key: Tensor, size: int) -> Tensor:
    """A place for each key in a table of a power of two; keys may share one."""
    return (key * SPREAD >> 24) & (size - 1)


def edges_beside(geometry: Geometry, frame: ShowerFrame, hits: Cells) -> Edges:
    """Edges from hits to the cells beside them, in their own and in both adjacent layers.

    In an adjacent layer the counterpart is the cell at the same place about the axis.

    Args:
        geometry: the detector.
        frame: the showers' frame.
        hits: H of them.

    Returns:
        Edges with keys as targets.
    """
    every = torch.arange(hits.cell.shape[0], device=hits.cell.device)
    first = geometry.neighbour_table(hits.cell)
    second = geometry.second_neighbour_table(hits.cell, first)
    parts = [_edges(geometry, hits, every, first, 0), _edges(geometry, hits, every, second, SECOND)]
    for step, kind in ((1, BEHIND), (-1, IN_FRONT)):
        layer = hits.layer + step
        rows = ((layer >= 0) & (layer < geometry.num_layers)).nonzero()[:, 0]
        there = _counterpart(geometry, frame, hits[rows], layer[rows])
        known = (there >= 0).nonzero()[:, 0]
        rows, there = rows[known], there[known]
        around = geometry.neighbour_table(there)
        parts.append(_edges(geometry, hits, rows, there[:, None], kind))
        parts.append(_edges(geometry, hits, rows, around, kind + 1))
    return Edges.join(parts)


def _counterpart(geometry: Geometry, frame: ShowerFrame, hits: Cells, layer: Tensor) -> Tensor:
    """The cells in other layers ``[H]`` at the hits' places about the axis; -1 where none is."""
    shift = frame.axis[hits.shower, layer] - frame.axis[hits.shower, hits.layer]
    return geometry.cell_at(layer, geometry.position(hits.cell)[:, :2] + shift)


def _edges(geometry: Geometry, hits: Cells, rows: Tensor, table: Tensor, kind: int) -> Edges:
    """Edges of one kind from some of the hits to a table ``[R, K]`` of cells, -1 for none."""
    row, column = (table >= 0).nonzero(as_tuple=True)
    source = rows[row]
    key = hits.shower[source] * geometry.num_cells + table[row, column]
    return Edges(source, key, torch.full_like(source, kind))
