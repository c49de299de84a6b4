"""Hits to the cells of another lattice: each taken apart into particles inside its cell."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection.projector import Projector
from pointcalo.projection.resegmentation import check_layers, points_inside
from pointcalo.showers import (
    ENERGY,
    ShowerFrame,
    Showers,
    index_from_ptr,
    ptr_from_counts,
    rows_of,
    segment_sum,
)
from pointcalo.showers.noise import Noise

PLACES = 32  # in a cell, of which each particle takes one
MOST = 64  # particles in a hit: more no longer show
STREAM = 60  # of random numbers, and the two after it

# Set on Geant4 photons, hgcal to hgcal_8mm; docs/generator.md says how good they are.
SHARED = 5.0  # thresholds: mean energy, of hit and of cells beside it, that is another particle
LEAST = 3.5  # thresholds: energy of a hit for each of its particles
EVEN = 0.3  # part that each particle has for sure of the mean share, beside an exponential one
CORE = 6.0  # mm: radius of a shower's core
BESIDE = 2.0  # a place counts as much more where a hit continues


class Transfer:
    """Puts hits on the cells of another geometry, as if particles had made them.

    `Resegmentation` spreads the energy of a cell evenly and so makes several small hits of a
    particle that crossed a single cell. Here a hit is one particle, or more where it has the energy
    and hits beside it; each takes one of 32 places in the hit's cell, rather near the axis and
    where the shower goes on in the same layer or in those before and behind. Energy is kept but for
    particles outside every cell and cells below the threshold of the target.

    Args:
        source: cells that the showers are on, with thresholds.
        target: cells to put them on; as many layers at the same depths.

    Raises:
        ValueError: other numbers or depths of layers.
    """

    def __init__(self, source: Geometry, target: Geometry) -> None:
        check_layers(source, target)
        self.source, self.target = source, target
        self.project = Projector(target)

    def __call__(self, showers: Showers, noise: Noise) -> tuple[Showers, Tensor]:
        """Put showers on the cells of the target.

        Args:
            showers: S showers on cells of the source, above its thresholds.
            noise: keys of the S showers.

        Returns:
            (showers on cells of the target, above its thresholds, sorted by cell; share of each
            shower's energy outside every cell, in 0..1, [S] float32).
        """
        lit = _Lit(showers, self.source.num_cells)
        hit, number, energy = self._particles(showers, lit, noise)
        shower, layer = showers.index[hit], showers.layer[hit]
        counter = showers.cell[hit] * MOST + number
        xy = self._places(showers, lit).draw(hit, noise.uniform(shower, counter, STREAM + 1))
        points = showers.points[hit]
        points[:, :2], points[:, ENERGY] = xy, energy
        counts = torch.bincount(shower, minlength=len(showers))
        apart = Showers(
            points=points, layer=layer, ptr=ptr_from_counts(counts), incident=showers.incident
        )
        there, outside = self.project(apart)
        return there.above_threshold(self.target)[0], outside

    def _particles(
        self, showers: Showers, lit: "_Lit", noise: Noise
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Hit, number within the hit, and energy in MeV of each particle, [N]."""
        threshold = self.source.layer_threshold[showers.layer]
        table = self.source.neighbour_table(showers.cell)
        beside = lit.energy(showers.index[:, None].expand_as(table), table).sum(dim=1)
        beside = beside / (table >= 0).sum(dim=1).clamp_min(1)
        more = (showers.energy * beside).sqrt() / (SHARED * threshold)
        # rounded up or down at random, so that the mean is kept
        more = (more + noise.uniform(showers.index, showers.cell, STREAM)).floor()
        most = (showers.energy / (LEAST * threshold) - 1).round().clamp(0, MOST - 1)
        counts = 1 + more.minimum(most).long()
        hit = torch.repeat_interleave(counts)
        number = torch.arange(len(hit), device=hit.device) - (counts.cumsum(0) - counts)[hit]
        counter = showers.cell[hit] * MOST + number
        share = EVEN - noise.uniform(showers.index[hit], counter, STREAM + 2).log()
        share = share / segment_sum(share, ptr_from_counts(counts))[hit]
        return hit, number, showers.energy[hit] * share

    def _places(self, showers: Showers, lit: "_Lit") -> "_Places":
        """Places inside the cell of each hit with their weights."""
        different, which = torch.unique(showers.cell, return_inverse=True)
        row, xy = points_inside(different, self.source, PLACES)
        order = row.argsort(stable=True)
        ptr = ptr_from_counts(torch.bincount(row, minlength=len(different)))
        xy = xy[order][rows_of(ptr, which)]
        counts = ptr.diff()[which]
        hit = index_from_ptr(ptr_from_counts(counts))
        return _Places(xy, self._weight(showers, lit, hit, xy), ptr_from_counts(counts))

    def _weight(self, showers: Showers, lit: "_Lit", hit: Tensor, xy: Tensor) -> Tensor:
        """Weights of places [M] in the cells of hits."""
        frame = ShowerFrame(showers.incident, self.source.layer_z)
        shower, layer = showers.index[hit], showers.layer[hit]
        away = (xy - frame.axis[shower, layer]).square().sum(dim=1)
        weight = (away + CORE**2) ** -2.0  # as the core's density (Grindhammer and Peters)
        centre = self.source.position(showers.cell)[hit, :2]
        outwards = self.source.cell_at(layer, 2.0 * xy - centre)
        weight = weight * (1.0 + BESIDE * (lit.energy(shower, outwards) > 0))
        for step in (-1, 1):
            other = (layer + step).clamp(0, self.source.num_layers - 1)
            shift = frame.axis[shower, other] - frame.axis[shower, layer]
            cell = self.source.cell_at(other, xy + shift).masked_fill(other == layer, -1)
            weight = weight * (1.0 + BESIDE * (lit.energy(shower, cell) > 0))
        return weight


class _Lit:
    """Energies of hits by shower and cell."""

    def __init__(self, showers: Showers, num_cells: int) -> None:
        self.num_cells = num_cells
        self.key, order = (showers.index * num_cells + showers.cell).sort()
        self.value = showers.energy[order]

    def energy(self, shower: Tensor, cell: Tensor) -> Tensor:
        """Energy of the hit on each cell in MeV, 0 where there is none or no cell (-1)."""
        if len(self.key) == 0:
            return torch.zeros(cell.shape, device=cell.device)
        key = shower * self.num_cells + cell
        at = torch.searchsorted(self.key, key).clamp_max(len(self.key) - 1)
        return self.value[at] * ((self.key[at] == key) & (cell >= 0))


@dataclass(frozen=True)
class _Places:
    """Places of H hits, M in all, with weights.

    Args:
        xy: mm, [M, 2].
        weight: above 0, [M].
        ptr: hit h has the places ptr[h]:ptr[h+1], at least one.
    """

    xy: Tensor
    weight: Tensor
    ptr: Tensor

    def draw(self, hit: Tensor, uniform: Tensor) -> Tensor:
        """A place of each of these hits [N] in mm, [N, 2], by uniform numbers [N]."""
        total = self.weight.double().cumsum(0)
        before = torch.cat([total.new_zeros(1), total])[self.ptr]
        wanted = before[hit] + uniform.double() * before.diff()[hit]
        place = torch.searchsorted(total, wanted)
        return self.xy[place.clamp(self.ptr[hit], self.ptr[hit + 1] - 1)]
