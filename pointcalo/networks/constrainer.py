"""The constrainer: reads the incident conditions off the hits of a shower.

A regression of what a shower was made with, trained on real showers; a generator is then held to
showers off which the same can be read (Erdmann et al. 2018, arXiv:1802.03325 and 1807.01954; for
shower energies Buhmann et al. 2020, arXiv:2005.05334).

It sees only what tells it something *and* is the generator's doing:

- Where hits lie in the detector, not about the incident axis, which would say the answer. A
  straight line is fitted through the shower, weighted with energy, and again with less weight for
  hits far from it: its direction is a first reading, and the hits are seen about this line.
- How the energy of a layer is shared among its hits: their energies relative to the layer's mean,
  and averages over the layer. Hits and energy of a layer are the profile's, the same in generated
  showers as in real ones; with them the incident energy could be read off without a look at the
  hits, and the generator would learn nothing.
- No times: that of light to a layer says the polar angle, and is added by the geometry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.place import half_energy_radius
from pointcalo.networks.point_set import PointSet
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.nn.epic import SLOPE
from pointcalo.nn.mlp import mlp
from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident, Showers

OF_HIT = 7  # place about the shower's own line (5), energy in the layer, depth
SMALLEST = 1e-6
REFITS = 2  # of the line, with less weight for hits far from it


@dataclass(frozen=True)
class LocalHits:
    """H hits of S showers in the frame of the detector, with gradients towards their generator.

    Args:
        xy: place in mm, ``[H, 2]``.
        energy: in MeV, ``[H]``.
        weight: 1, with gradients where a hit may be there or not, ``[H]``.
        shower: ``[H]`` int64.
        layer: ``[H]`` int64.
        number: of showers, S.
    """

    xy: Tensor
    energy: Tensor
    weight: Tensor
    shower: Tensor
    layer: Tensor
    number: int


def made_hits(
    generator: CellGenerator | SetGenerator, sample: CellHits | PointSet, incident: Incident
) -> LocalHits:
    """Hits of generated showers.

    Args:
        generator: that made them.
        sample: S showers as a critic sees them.
        incident: S particles, to undo the showers' frame; nothing else of them is passed on.
    """
    geometry = generator.geometry
    if isinstance(sample, CellHits):
        shower, layer = sample.cells.shower, sample.cells.layer
        xy = geometry.position(sample.cells.cell)[:, :2]
        relative, weight = sample.log_energy.exp() - EPS, sample.weight
    else:
        shower, layer = sample.shower, sample.layer
        xy, _ = generator.coordinates.decode(sample, incident)
        relative = generator.coordinates.relative_energy(sample)
        weight = torch.ones_like(relative)
    energy = geometry.layer_threshold[layer] * (1.0 + relative)
    return LocalHits(xy, energy, weight, shower, layer, len(incident))


def real_hits(generator: CellGenerator | SetGenerator, showers: Showers) -> LocalHits:
    """Hits of showers above threshold, on cells; of sets, points anywhere in these cells."""
    if isinstance(generator, SetGenerator):
        return made_hits(generator, generator.real(showers), showers.incident)
    weight = torch.ones_like(showers.energy)
    return LocalHits(showers.xy, showers.energy, weight, showers.index, showers.layer, len(showers))


class Constrainer(nn.Module):
    """Reads log energy, direction (x and y) and extra conditions off hits, all standardised.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        conditions: names of the extra columns of incident particles to read.
    """

    radius: Tensor

    def __init__(
        self, geometry: Geometry, *, width: int = 32, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self.conditions = tuple(conditions)
        size = 3 + len(self.conditions)
        self.standardise = Standardise(size)
        self.register_buffer("radius", torch.tensor(10.0))
        self.hit = mlp([OF_HIT, width, width])
        self.layer = mlp([2 * width + 1, width, width])
        self.head = mlp([width, width, size])

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.standardise.fit(self._conditions(showers.incident))
        self.radius.fill_(half_energy_radius(showers, self.geometry))

    def truth(self, incident: Incident) -> Tensor:
        """What is to be read, ``[S, 3 + K]``: standardised log energy, direction, conditions."""
        return self.standardise(self._conditions(incident))

    def forward(self, hits: LocalHits) -> Tensor:
        """What is read, ``[S, 3 + K]``."""
        slope, about = self._line(hits)
        num_layers = self.geometry.num_layers
        slot, slots = hits.shower * num_layers + hits.layer, hits.number * num_layers
        loaded = hits.weight * hits.energy
        lit = _sums(hits.weight, slot, slots).clamp_min(SMALLEST)
        total = _sums(loaded, slot, slots).clamp_min(SMALLEST)
        relative = torch.log(hits.energy * (lit / total)[slot])
        hidden = leaky_relu(self.hit(self._of_hits(about, relative, hits.layer)), SLOPE).float()
        by_number = _sums(hidden * hits.weight[:, None], slot, slots) / lit[:, None]
        by_energy = _sums(hidden * loaded[:, None], slot, slots) / total[:, None]
        depth = self._depth().repeat(hits.number)
        known = self.layer(torch.cat([by_number, by_energy, depth[:, None]], dim=-1)).float()
        there = (torch.bincount(slot, minlength=slots) > 0).float()
        shown = (known * there[:, None]).view(hits.number, num_layers, -1).sum(dim=1)
        there = there.view(hits.number, num_layers).sum(dim=1, keepdim=True)
        return self.head(shown / there.clamp_min(1.0)).float() + self._first_reading(slope)

    def _conditions(self, incident: Incident) -> Tensor:
        extra = [incident.column(name) for name in self.conditions]
        along = incident.direction[:, :2].unbind(dim=-1)
        return torch.stack([incident.energy.log(), *along, *extra], dim=-1)

    def _line(self, hits: LocalHits) -> tuple[Tensor, Tensor]:
        """Slope dx/dz, dy/dz of each shower ``[S, 2]``, and hits about its line ``[H, 2]``."""
        loaded = hits.weight * hits.energy
        slope, about = self._fitted(hits, loaded)
        for _ in range(REFITS):
            distance = about.square().sum(dim=-1) / self.radius.square()
            slope, about = self._fitted(hits, loaded / (1.0 + distance))
        return slope, about

    def _fitted(self, hits: LocalHits, load: Tensor) -> tuple[Tensor, Tensor]:
        """The line of least squares with loads ``[H]``; see `_line`."""
        share = load / _sums(load, hits.shower, hits.number).clamp_min(SMALLEST)[hits.shower]
        z = self.geometry.layer_z[hits.layer][:, None]
        place = torch.cat([hits.xy, z], dim=-1)
        about = place - _sums(share[:, None] * place, hits.shower, hits.number)[hits.shower]
        z = about[:, 2:]
        together = _sums(share[:, None] * z * about, hits.shower, hits.number)
        slope = together[:, :2] / (together[:, 2:] + 1.0)  # 1 mm2, for showers in one layer
        return slope, about[:, :2] - slope[hits.shower] * z

    def _of_hits(self, about: Tensor, relative: Tensor, layer: Tensor) -> Tensor:
        """Features ``[H, 7]`` of hits about their line ``[H, 2]`` with relative log energies."""
        about = about / self.radius
        r = (about.square().sum(dim=-1, keepdim=True) + SMALLEST).sqrt()
        parts = [about / 4, about / (r + 0.3), r.log1p(), relative[:, None]]
        return torch.cat([*parts, self._depth()[layer, None]], dim=-1)

    def _depth(self) -> Tensor:
        """Depth of each layer, about -1 to 1, ``[L]``."""
        z = self.geometry.layer_z
        return 2.0 * (z - z.mean()) / (z.max() - z.min()).clamp_min(1.0)

    def _first_reading(self, slope: Tensor) -> Tensor:
        """The direction of the line as a reading ``[S, 3 + K]``, 0 for all else."""
        direction = slope / (1.0 + slope.square().sum(dim=-1, keepdim=True)).sqrt()
        mean, deviation = self.standardise.mean[1:3], self.standardise.deviation[1:3]
        read = (direction - mean) / deviation
        return nn.functional.pad(read, (1, len(self.conditions)))


def _sums(values: Tensor, index: Tensor, number: int) -> Tensor:
    """Sums of values ``[H, ...]`` of the same index, ``[number, ...]``."""
    return values.new_zeros(number, *values.shape[1:]).index_add(0, index, values)
