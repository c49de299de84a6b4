"""From the rows of a file to showers on cells above threshold, with an account of what is lost."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Showers, segment_sum

# A row of a file of cells may lie this far from the centre of its cell, mm.
CENTRE_TOLERANCE = 0.1


class Preparation:
    """Projects showers to the cells of a geometry, applies its thresholds, and counts the loss.

    Args:
        geometry: cells and thresholds; None leaves the showers as they are.
    """

    def __init__(self, geometry: Geometry | None) -> None:
        self.geometry = geometry
        self._energy = self._outside = self._below = 0.0

    @property
    def outside(self) -> float:
        """Share of the energy seen so far that lies outside every cell."""
        return self._outside / self._energy if self._energy else 0.0

    @property
    def below_threshold(self) -> float:
        """Share of the energy on cells seen so far that was below threshold."""
        on_cells = self._energy - self._outside
        return self._below / on_cells if on_cells else 0.0

    def __call__(self, showers: Showers) -> Showers:
        """Prepare showers, those on cells already by their threshold only."""
        if self.geometry is None:
            return showers
        energy = segment_sum(showers.energy.double(), showers.ptr)
        total = float(energy.sum())
        outside = 0.0
        if showers.cell is None:
            showers, share = Projector(self.geometry)(showers)
            outside = float((share * energy).sum())
        showers, below = showers.above_threshold(self.geometry)
        self._energy += total
        self._outside += outside
        self._below += below * (total - outside)
        return showers


def check_centres(showers: Showers, geometry: Geometry, name: str) -> None:
    """Raise ValueError where rows said to be cells do not lie on the cells of the geometry.

    Args:
        showers: some showers of a file of cells.
        geometry: the cells.
        name: the file, named in the error.
    """
    showers.check_layers(geometry.num_layers)
    cell = geometry.cell_at(showers.layer, showers.xy)
    inside = cell >= 0
    away = (geometry.position(cell[inside])[:, :2] - showers.xy[inside]).norm(dim=1)
    farthest = float(away.max()) if len(away) else 0.0
    if farthest > CENTRE_TOLERANCE:
        raise ValueError(
            f"{name}: rows lie up to {farthest:.2g} mm from the cell centres of geometry "
            f"{geometry.name!r}: pass the geometry that the showers were made in"
        )


class WithColumns(Protocol):
    """A source of showers whose incident particles may have extra columns."""

    path: Path | str
    extra_units: Mapping[str, str]


def condition_units(sources: Iterable[WithColumns], names: Iterable[str]) -> dict[str, str]:
    """Units of the extra columns that are conditions, by name.

    Raises:
        ValueError: a source without one of them, or two units; names the source.
    """
    units: dict[str, str] = {}
    for source in sources:
        for name in names:
            unit = source.extra_units.get(name)
            if unit is None:
                there = ", ".join(sorted(source.extra_units)) or "none"
                raise ValueError(
                    f"{source.path}: no column incident/{name} of one finite number a shower; "
                    f"there are: {there}"
                )
            if units.setdefault(name, unit) != unit:
                raise ValueError(
                    f"{source.path}: incident/{name} has unit {unit!r}, elsewhere {units[name]!r}; "
                    "expected one unit"
                )
    return units
