"""What every simulation offers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, Showers
from pointcalo.simulation.checks import check_materials


class Simulation(ABC):
    """Makes showers of incident particles in the materials of a geometry.

    Shower n of a seed is the same whatever batch it is simulated in.

    Args:
        geometry: the detector.

    Raises:
        ValueError: layers without materials.
    """

    def __init__(self, geometry: Geometry) -> None:
        check_materials(geometry)
        self.geometry = geometry
        self.projector = Projector(geometry)

    @property
    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """What a file of these showers says of them, its `source` among it."""

    @abstractmethod
    def stream(self, incident: Incident, seed: int, first: int = 0) -> Iterator[Showers]:
        """Single deposits anywhere in the active layers, some showers after the other.

        Args:
            incident: S particles, S > 0.
            seed: of the random numbers.
            first: number of the first shower; shower first + n has its own random numbers.

        Raises:
            ValueError: a particle that is not simulated, flies away from the layers or has more
                than 100 TeV.
        """

    def deposits(self, incident: Incident, seed: int, first: int = 0) -> Showers:
        """The showers of `stream` in one batch; arguments and errors as there."""
        return Showers.cat(list(self.stream(incident, seed, first)))

    def simulate(self, incident: Incident, seed: int, first: int = 0) -> Showers:
        """Showers on cells: a row for each cell with energy, no threshold applied.

        Returns:
            S showers with cells, sorted by cell; energy outside every cell is lost. Arguments and
            errors as `stream`.
        """
        return Showers.cat([self.projector(s)[0] for s in self.stream(incident, seed, first)])
