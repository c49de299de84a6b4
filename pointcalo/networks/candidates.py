"""The cells a shower may light: all near its axis or beside a hit, a few at random elsewhere.

Far from the axis hits are rare, so only a random part of the cells is looked at: cell i with the
known probability q_i. Trained on lit cells and such a part of the dark ones, a network that adds
-log q_i to its logit learns the true odds (case-control sampling; King and Zeng 2001,
doi:10.1093/oxfordjournals.pan.a004868); when sampling, a far cell is lit with p_i / q_i. No
importance weight appears. Cells beside a hit that is already decided are always looked at: far
from the axis, too, hits come in clusters.

Everything here comes from the Geometry's `nearest` and `cell_at`, on any layout.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.edges import Cells
from pointcalo.showers import ShowerFrame
from pointcalo.showers.noise import Noise

FAR_PER_HIT = 2  # far draws: 2 N + 5 a layer
FAR_EXTRA = 5
MOST_EXPORTED = 500  # hits of a layer, beyond which an exported generator looks at no more cells
FAR_STREAM = 8  # noise streams used: 8 and 9


@dataclass(frozen=True)
class Beyond:
    """Cells where the detector has none: a shower near an edge is generated on them, too.

    They count within the radius in which the training showers had cells: what falls farther out was
    lost in training already.

    Args:
        parent_cell: the detector's cell for each cell of its extension, -1 where none, ``[N]``.
        radius: about the axis in mm, ``[L]``.
    """

    parent_cell: Tensor
    radius: Tensor

    def may_be_lit(self, cells: Cells, uv: Tensor) -> Tensor:
        """Whether each cell counts, bool ``[C]``, given its place about the axis ``[C, 2]``."""
        near = torch.linalg.vector_norm(uv, dim=-1) < self.radius[cells.layer]
        return near | (self.parent_cell[cells.cell] >= 0)


class Pool:
    """The cells looked at before any hit is known: near the axis, and some far from it.

    Args:
        geometry: the detector.
        frame: the showers' frame.
        counts: hits in each layer, ``[S, L]``; a layer without hits has no candidates.
        order: of the colours of each layer, ``[S L, K]``.
        noise: keys of the showers.
        near: number of cells around the axis that are always looked at in a layer with many hits;
            a third of it with few, and more than it where the layer is crowded.
        beyond: which of the cells lie beyond the detector's edges; None: none does.
    """

    def __init__(
        self,
        geometry: Geometry,
        frame: ShowerFrame,
        counts: Tensor,
        order: Tensor,
        noise: Noise,
        *,
        near: int,
        beyond: Beyond | None = None,
    ) -> None:
        self.geometry, self.frame, self.order, self.beyond = geometry, frame, order, beyond
        shower, layer = counts.nonzero(as_tuple=True)
        hits, axis = counts[shower, layer], frame.axis[shower, layer]
        reach, self.near = _near_keys(geometry, shower, layer, hits, axis, near)
        draws = FAR_PER_HIT * hits + FAR_EXTRA
        self.far = _far_keys(geometry, shower, layer, axis, draws, reach, noise)
        segment = shower * geometry.num_layers + layer
        zero = torch.zeros_like(counts, dtype=torch.float32).flatten()
        self._draws = zero.index_copy(0, segment, draws.float())
        self._reach = (zero + 1.0).index_copy(0, segment, reach)

    def cells(self, key: Tensor) -> Cells:
        """Cells with these keys ``[C]``."""
        return Cells.of_keys(self.geometry, key, self.order)

    def look(self, sure: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
        """Merge keys that are looked at surely and by chance.

        Returns:
            Distinct keys, rising, ``[C]``; whether each is among ``sure``, bool ``[C]``.
        """
        both = torch.unique(torch.cat([2 * sure, 2 * chance + 1]))  # of one key the sure one first
        key = both >> 1
        first = torch.cat([key[:1] >= 0, key[1:] != key[:-1]])
        rows = first.nonzero()[:, 0]
        return key[rows], (both[rows] & 1) == 0

    def uv(self, cells: Cells) -> Tensor:
        """Position of cells about the axis in the shower's frame in mm, ``[C, 2]``."""
        position = self.geometry.position(cells.cell)[:, :2]
        return self.frame.to_frame(position, cells.layer, cells.shower)

    def log_inclusion(self, cells: Cells, uv: Tensor, is_sure: Tensor) -> Tensor:
        """Log probability of being looked at, ``[C]``, 0 where it is sure.

        The density of draws is 0.8 reach / (2 pi r^3) per mm2.
        """
        radius = torch.linalg.vector_norm(uv, dim=-1).clamp_min(1.0)
        weight = self._draws[cells.segment] * 0.8 * self._reach[cells.segment]
        expected = weight * self.geometry.area(cells.cell) / (2.0 * torch.pi * radius**3)
        log_inclusion = torch.log(-torch.expm1(-expected.clamp(1e-12, 50.0)))
        return torch.where(is_sure, 0.0, log_inclusion)


def near_tiers(near: int, most_hits: int) -> list[tuple[int, int]]:
    """Up to how many hits of a layer how many cells near its axis are looked at."""
    tiers = [(3, near // 3), (12, 3 * near // 5), (near // 2, near)]
    while tiers[-1][0] < most_hits:  # crowded: four cells a hit, by doubling
        tiers.append((2 * tiers[-1][0], 8 * tiers[-1][0]))
    return tiers


def _near_keys(
    geometry: Geometry, shower: Tensor, layer: Tensor, hits: Tensor, axis: Tensor, near: int
) -> tuple[Tensor, Tensor]:
    """Radius [Q] around which far cells start, and the keys of the near cells by tier of N."""
    radius = torch.zeros_like(axis[:, 0])
    keys = [torch.zeros(0, dtype=torch.int64, device=axis.device)]
    low = 0
    tracing = torch.jit.is_tracing()
    most = MOST_EXPORTED if tracing else int(hits.max()) if len(hits) else 0
    tiers = near_tiers(near, most)
    if tracing:  # the program does not know how many hits will be asked for
        tiers[-1] = geometry.num_cells, tiers[-1][1]
    for high, size in tiers:
        rows, low = ((hits > low) & (hits <= high)).nonzero()[:, 0], high
        if not tracing and len(rows) == 0:
            continue
        cell = geometry.nearest(layer[rows], axis[rows], size)
        known = cell >= 0
        keys.append((shower[rows, None] * geometry.num_cells + cell)[known])
        area = geometry.area(cell.clamp_min(0).flatten()).reshape(cell.shape) * known
        radius = radius.index_copy(0, rows, torch.sqrt(area.sum(dim=-1) / torch.pi))
    return radius.clamp_min(1.0), torch.cat(keys)


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
    number = torch.arange(row.shape[0], device=row.device) - (draws.cumsum(0) - draws)[row]
    counter = number * geometry.num_layers + layer[row]
    radius = 0.8 * reach[row] / noise.uniform(shower[row], counter, FAR_STREAM)
    angle = 2.0 * torch.pi * noise.uniform(shower[row], counter, FAR_STREAM + 1)
    point = axis[row] + radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    cell = geometry.cell_at(layer[row], point)
    return (shower[row] * geometry.num_cells + cell)[(cell >= 0).nonzero()[:, 0]]
