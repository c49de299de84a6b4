"""One shower as it is drawn: on its cells, above threshold, with what lies outside."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, Showers, axis_xy
from pointcalo.showers.particles import particle_name
from pointcalo.units import GeV, degree

SHOWN_ENERGY = 0.985  # share of the energy within the radius that is drawn
LEAST_CELLS = 4.0  # and the radius in cells at least


@dataclass(frozen=True, eq=False)
class Event:
    """One shower to draw; see `event_of`.

    Attributes:
        showers: the shower, P hits on cells.
        stray: the shower's points outside every cell.
        geometry: the cells.
        outside: share of the energy outside every cell.
        below: share of the energy on cells that was below threshold and is left out.
        title: which shower of what.
        source: who made it, in words.
    """

    showers: Showers
    stray: Showers
    geometry: Geometry
    outside: float
    below: float
    title: str
    source: str

    @cached_property
    def axis(self) -> Tensor:
        """Where the axis crosses each layer, mm, [L, 2]."""
        return axis_xy(self.showers.incident, self.geometry.layer_z)[0]

    @cached_property
    def layers(self) -> Tensor:
        """Layers from the first to the last that was hit, int64."""
        hit = self.showers.layer
        return torch.arange(int(hit.min()), int(hit.max()) + 1)

    @cached_property
    def radius(self) -> float:
        """Distance from the axis in mm that holds nearly all of the energy."""
        distance, order = self.away(self.showers).sort()
        held = self.showers.energy[order].double().cumsum(0)
        reach = distance[int((held < SHOWN_ENERGY * held[-1]).sum())]
        size = self.geometry.area(self.showers.cell).sqrt().median()
        return float(torch.maximum(1.1 * reach, LEAST_CELLS * size))

    def away(self, points: Showers) -> Tensor:
        """Distance of points from the axis in their layer, mm, [P]."""
        return (points.xy - self.axis[points.layer]).norm(dim=1)

    @property
    def account(self) -> str:
        """Hits, energy, and what is not among them."""
        showers = self.showers
        text = f"{showers.num_points} cells hit, {float(showers.energy.sum()):.4g} MeV visible"
        if self.below > 0:
            text += f", {100 * self.below:.2g} % of the energy below threshold left out"
        if self.outside > 0:
            text += f", {100 * self.outside:.2g} % outside every cell"
        return text

    def hottest(self, number: int) -> list[int]:
        """The layers with the most energy, at most that many, in the order of depth."""
        energy = self.showers.layer_sums(self.geometry.num_layers)[1][0]
        return sorted(energy.topk(min(number, int((energy > 0).sum()))).indices.tolist())


def event_of(
    shower: Showers, geometry: Geometry, *, name: str, source: str = "", threshold: bool = True
) -> Event:
    """Put one shower on its cells.

    Args:
        shower: one shower, on cells or not.
        geometry: the cells, on the CPU.
        name: which shower it is, for the title.
        source: who made it, in words.
        threshold: leave out the cells below the threshold of their layer.

    Raises:
        ValueError: nothing is left to draw.
    """
    known = shower.layer < geometry.num_layers
    held = shower.keep(known)
    stray = held.keep(geometry.cell_at(held.layer, held.xy) < 0)
    on_cells, _ = Projector(geometry)(held)
    total, known_energy, lost = (
        float(part.energy.double().sum()) for part in (shower, held, stray)
    )
    below = 0.0
    if threshold:
        on_cells, below = on_cells.above_threshold(geometry)
    if on_cells.num_points == 0:
        raise ValueError(
            f"{name}: no energy in the cells of geometry {geometry.name!r}, of "
            f"{shower.num_points} points; nothing to draw"
            + (" (threshold=false shows cells below threshold)" if below > 0 else "")
        )
    return Event(
        showers=on_cells,
        stray=stray,
        geometry=geometry,
        outside=(total - known_energy + lost) / total,
        below=below,
        title=f"{describe(shower.incident)}, {geometry.name}, {name}",
        source=source,
    )


def describe(incident: Incident) -> str:
    """The first of some incident particles in words, as "54 GeV photon at 21°"."""
    particle = particle_name(int(incident.pdg[0]))
    angle = float(incident.direction[0, 2].clamp(-1.0, 1.0).acos()) / degree
    return f"{float(incident.energy[0]) / GeV:.3g} GeV {particle} at {angle:.0f}°"
