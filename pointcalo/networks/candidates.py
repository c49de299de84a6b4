"""The cells a shower may light: all near its axis, a few at random far from it.

Far from the axis hits are rare, so only a random part of the cells is looked at: cell i with the
known probability q_i. Trained on lit cells and such a part of the dark ones, a network that adds
-log q_i to its logit learns the true odds (case-control sampling; King and Zeng 2001,
doi:10.1093/oxfordjournals.pan.a004868); when sampling, a far cell is lit with p_i / q_i. No
importance weight appears.

Everything here comes from the Geometry's `nearest`, `cell_at`, `neighbour_table` and `colour`, on
any layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame
from pointcalo.showers.noise import Noise

# Kinds of edges: same layer; on and around the counterpart in the layer behind; the same in front.
KINDS = 5
FAR_PER_HIT = 2  # far draws: 2 N + 5 a layer
FAR_EXTRA = 5
FAR_STREAM = 8  # noise streams used: 8 and 9


@dataclass(frozen=True)
class Candidates:
    """Candidate cells of a batch of showers, sorted by (shower, cell).

    Args:
        shower, layer, cell: of each candidate, ``[C]`` int64.
        log_inclusion: logarithm of the probability q of being looked at, ``[C]``; 0 near the axis.
        uv: position about the axis in the shower's frame in mm, ``[C, 2]``.
        turn: in which turn the cell is decided, ``[C]`` int64; even layers' colours, then
            odd layers': no two cells of a turn are neighbours.
        colour: of the cell in its layer, ``[C]`` int64.
        segment: layer of shower, ``s L + l``, ``[C]`` int64.
        num_cells: of the geometry.
    """

    shower: Tensor
    layer: Tensor
    cell: Tensor
    log_inclusion: Tensor
    uv: Tensor
    turn: Tensor
    colour: Tensor
    segment: Tensor
    num_cells: int

    def find(self, shower: Tensor, cell: Tensor) -> Tensor:
        """Index of the candidate for (shower, cell), -1 where there is none; same shape."""
        key = self.shower * self.num_cells + self.cell
        wanted = shower * self.num_cells + cell
        index = torch.searchsorted(key, wanted).clamp_max(len(key) - 1)
        return torch.where((key[index] == wanted) & (cell >= 0), index, -1)

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True)
class Edges:
    """Directed edges from hits to cells beside them.

    Args:
        source, target: indices, ``[E]`` int64.
        kind: 0 to 4, ``[E]`` int64.
    """

    source: Tensor
    target: Tensor
    kind: Tensor

    @staticmethod
    def cat(parts: "Sequence[Edges]") -> "Edges":
        """All edges of several sets."""
        return Edges(
            torch.cat([part.source for part in parts]),
            torch.cat([part.target for part in parts]),
            torch.cat([part.kind for part in parts]),
        )

    def where(self, mask: Tensor) -> "Edges":
        """Some of the edges, by a bool ``[E]``."""
        return Edges(self.source[mask], self.target[mask], self.kind[mask])

    def among(self, hit: Tensor, num_candidates: int) -> "Edges":
        """Edges between candidates as edges between hits ``[H]``: those that end on a hit."""
        number = torch.full((num_candidates,), -1, dtype=torch.int64, device=hit.device)
        number[hit] = torch.arange(len(hit), device=hit.device)
        kept = number[self.target] >= 0
        return Edges(number[self.source[kept]], number[self.target[kept]], self.kind[kept])

    def count(self, num_targets: int, weight: Tensor | None = None) -> Tensor:
        """Number of edges, or the sum of their weights ``[E]``, by target and kind: ``[T, 5]``."""
        weight = torch.ones_like(self.target, dtype=torch.float32) if weight is None else weight
        flat = torch.zeros(num_targets * KINDS, device=weight.device)
        slot = self.target * KINDS + self.kind
        return flat.index_add(0, slot, weight).reshape(num_targets, KINDS)


def build_candidates(
    geometry: Geometry,
    frame: ShowerFrame,
    counts: Tensor,
    noise: Noise,
    *,
    near: int,
    lit: tuple[Tensor, Tensor] | None = None,
) -> Candidates:
    """Candidate cells of showers with the profile ``counts``.

    Args:
        geometry: the detector.
        frame: the showers' frame.
        counts: hits in each layer, ``[S, L]``; a layer without hits has no candidates.
        noise: keys of the showers.
        near: number of cells around the axis that are always looked at.
        lit: shower and cell of true hits (each ``[P]``), looked at always, for training.

    Returns:
        At least ``counts`` candidates in every layer, wherever it has so many cells.
    """
    shower, layer = counts.nonzero(as_tuple=True)
    hits = counts[shower, layer]
    axis = frame.axis[shower, layer]
    reach, keys = _near_keys(geometry, shower, layer, hits, axis, near)
    draws = FAR_PER_HIT * hits + FAR_EXTRA
    far = _far_keys(geometry, shower, layer, axis, draws, reach, noise)
    every = [*keys, far]
    if lit is not None:
        every.append(lit[0] * geometry.num_cells + lit[1])
    key, is_near = _merge(torch.cat(keys), torch.cat(every))
    shower_of, cell = key // geometry.num_cells, key % geometry.num_cells
    position, layer_of = geometry.position(cell)[:, :2], geometry.layer_of(cell)
    uv = frame.to_frame(position, layer_of, shower_of)
    slot = torch.zeros_like(counts)
    slot[shower, layer] = torch.arange(len(hits), device=hits.device)
    colour = geometry.colour(cell)
    log_inclusion = _log_inclusion(
        torch.linalg.vector_norm(uv, dim=-1),
        geometry.area(cell),
        draws[slot[shower_of, layer_of]],
        reach[slot[shower_of, layer_of]],
    )
    return Candidates(
        shower=shower_of,
        layer=layer_of,
        cell=cell,
        log_inclusion=torch.where(is_near, 0.0, log_inclusion),
        uv=uv,
        turn=(layer_of % 2) * geometry.num_colours + colour,
        colour=colour,
        segment=shower_of * geometry.num_layers + layer_of,
        num_cells=geometry.num_cells,
    )


def _near_keys(
    geometry: Geometry, shower: Tensor, layer: Tensor, hits: Tensor, axis: Tensor, near: int
) -> tuple[Tensor, list[Tensor]]:
    """Radius [Q] around which far cells start, and the keys of the near cells by tier of N."""
    radius = torch.zeros_like(axis[:, 0])
    keys = [torch.zeros(0, dtype=torch.int64, device=axis.device)]
    most = int(hits.max()) if len(hits) else 0
    limits = [0, 3, 12, near // 2, most]
    sizes = [near // 3, 3 * near // 5, near, 4 * most]
    for low, high, size in zip(limits[:-1], limits[1:], sizes, strict=True):
        rows = ((hits > low) & (hits <= high)).nonzero()[:, 0]
        if len(rows) == 0:
            continue
        cell = geometry.nearest(layer[rows], axis[rows], size)
        known = cell >= 0
        keys.append((shower[rows, None] * geometry.num_cells + cell)[known])
        area = geometry.area(cell.clamp_min(0).flatten()).reshape(cell.shape) * known
        radius[rows] = torch.sqrt(area.sum(dim=-1) / torch.pi)
    return radius.clamp_min(1.0), keys


def _far_keys(
    geometry: Geometry,
    shower: Tensor,
    layer: Tensor,
    axis: Tensor,
    draws: Tensor,
    reach: Tensor,
    noise: Noise,
) -> Tensor:
    """Keys of far cells: points about the axis from a density that falls as r^-3."""
    row = torch.repeat_interleave(draws)
    number = torch.arange(len(row), device=row.device) - (draws.cumsum(0) - draws)[row]
    counter = number * geometry.num_layers + layer[row]
    radius = 0.8 * reach[row] / noise.uniform(shower[row], counter, FAR_STREAM)
    angle = 2.0 * torch.pi * noise.uniform(shower[row], counter, FAR_STREAM + 1)
    point = axis[row] + radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    cell = geometry.cell_at(layer[row], point)
    return (shower[row] * geometry.num_cells + cell)[cell >= 0]


def _log_inclusion(radius: Tensor, area: Tensor, draws: Tensor, reach: Tensor) -> Tensor:
    """Log probability of a draw in the cell, from the density 0.8 reach / (2 pi r^3) per mm2."""
    expected = draws * area * 0.8 * reach / (2.0 * torch.pi * radius.clamp_min(1.0) ** 3)
    return torch.log(-torch.expm1(-expected.clamp(1e-12, 50.0)))


def _merge(near: Tensor, every: Tensor) -> tuple[Tensor, Tensor]:
    """Sorted distinct keys, and which of them are near ones."""
    key = torch.unique(every)
    is_near = torch.zeros(len(key), dtype=torch.bool, device=key.device)
    is_near[torch.searchsorted(key, near)] = True
    return key, is_near


def edges_from_hits(
    geometry: Geometry, candidates: Candidates, frame: ShowerFrame, hit: Tensor
) -> Edges:
    """Edges from hits to the candidates beside them, in their own and in both adjacent layers.

    In an adjacent layer the counterpart is the cell at the same place about the axis.

    Args:
        geometry: the detector.
        candidates: of the batch.
        frame: the showers' frame.
        hit: indices of candidates, ``[H]``.

    Returns:
        Edges from candidates to candidates.
    """
    shower, layer, cell = candidates.shower[hit], candidates.layer[hit], candidates.cell[hit]
    targets = [geometry.neighbour_table(cell)]
    for step in (1, -1):
        beside = layer + step
        inside = (beside >= 0) & (beside < geometry.num_layers)
        beside = beside.clamp(0, geometry.num_layers - 1)
        point = (
            geometry.position(cell)[:, :2] + frame.axis[shower, beside] - frame.axis[shower, layer]
        )
        there = torch.where(inside, geometry.cell_at(beside, point), -1)
        around = geometry.neighbour_table(there.clamp_min(0)).masked_fill((there < 0)[:, None], -1)
        targets += [there[:, None], around]
    target = torch.cat(targets, dim=1)
    widths = torch.tensor([part.shape[1] for part in targets], device=cell.device)
    kind = torch.repeat_interleave(widths)
    source, column = (target >= 0).nonzero(as_tuple=True)
    index = candidates.find(shower[source], target[source, column])
    found = index >= 0
    return Edges(hit[source[found]], index[found], kind[column[found]])
