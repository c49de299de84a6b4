"""Incident particles: names, and the sampler that simulate, train and sample share.

Angles are polar angles to the layers' normal; a pseudorapidity eta is theta = 2 atan(exp(-eta)),
about the same normal: the detector's eta in an endcap, but not in a barrel, where a particle from
the interaction point comes in at theta_deg = 0 whatever its eta.
Shower n of a seed is the same particle however many are asked for at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident
from pointcalo.showers.noise import GUN, Noise
from pointcalo.showers.particles import pdg_number
from pointcalo.simulation import streams
from pointcalo.units import GeV, degree

DEFAULT_ETA = (1.5, 3.0)

NUM_DRAWN = 5  # energy, two angles, two coordinates

Range = float | Sequence[float]


@dataclass(frozen=True, kw_only=True)
class ParticleGun:
    """Draws incident particles.

    Args:
        particle: photon, electron, positron, pion+ or pion-.
        energy_GeV: one energy, or (low, high) with a log-uniform energy.
        direction: a fixed direction (any length), or None: see eta and theta_deg.
        eta: pseudorapidity or (low, high), uniform; the default where nothing else is given.
        theta_deg: polar angle or (low, high) in degrees, uniform, instead of eta.
        phi_deg: azimuth or (low, high) in degrees, uniform.
        position: (x, y) in mm where the axis crosses the face, or None: uniform in a square about
            the origin.
        half_width: half the side of that square, mm; see `at`.

    Raises:
        ValueError: a number out of range, or two ways to give the angle.
    """

    particle: str = "photon"
    energy_GeV: Range = (1.0, 100.0)  # noqa: N815 (the unit is part of the name)
    direction: Sequence[float] | None = None
    eta: Range | None = None
    theta_deg: Range | None = None
    phi_deg: Range = (0.0, 360.0)
    position: Sequence[float] | None = None
    half_width: float = 0.0

    def __post_init__(self) -> None:
        pdg_number(self.particle)
        low, _ = _range("energy_GeV", self.energy_GeV)
        if low <= 0:
            raise ValueError(f"energy_GeV: got {self.energy_GeV}; expected numbers above 0")
        given = [self.direction, self.eta, self.theta_deg]
        if sum(value is not None for value in given) > 1:
            raise ValueError("got more than one of direction, eta and theta_deg; expected one")
        if self.direction is not None:
            _vector("direction", self.direction, 3)
            if float(self.direction[2]) == 0:
                raise ValueError("direction: got z = 0; expected one that crosses the layers")
        if self.position is not None:
            _vector("position", self.position, 2)
        low, high = _range("theta_deg", 0.0 if self.theta_deg is None else self.theta_deg)
        if low < 0 or high >= 90:
            raise ValueError(f"theta_deg: got {self.theta_deg}; expected 0 to below 90 degrees")
        low, _ = _range("eta", DEFAULT_ETA if self.eta is None else self.eta)
        if low <= 0:
            raise ValueError(
                f"eta: got {self.eta}; expected numbers above 0: eta is about the layers' normal, "
                "in a barrel too; give theta_deg=0 for a particle that comes in straight"
            )
        _range("phi_deg", self.phi_deg)

    @classmethod
    def at(cls, geometry: Geometry, **options: Any) -> "ParticleGun":
        """A gun that shoots at the central cell of a geometry; options as for the class.

        At the origin where there is no such cell: at z = 0, the interaction point of an endcap.
        """
        return cls(half_width=central_half_width(geometry), **options)

    def draw(self, number: int, seed: int, first: int = 0) -> Incident:
        """Particles of the showers first, first + 1, ... of a seed.

        Args:
            number: how many, S.
            seed: of the random numbers.
            first: number of the first one.

        Raises:
            ValueError: no shower asked for.
        """
        if number < 1:
            raise ValueError(f"showers: got {number}; expected at least 1")
        noise = Noise.for_showers(seed, torch.arange(first, first + number), GUN)
        u = torch.stack([_uniform(noise, counter) for counter in range(NUM_DRAWN)])
        low, high = _range("energy_GeV", self.energy_GeV)
        energy = low * (high / low) ** u[0] * GeV
        return Incident(
            energy=energy.float(),
            direction=self._direction(u[1], u[2]).float(),
            position=self._position(u[3], u[4]).float(),
            pdg=torch.full((number,), pdg_number(self.particle), dtype=torch.int64),
        )

    def _direction(self, u: Tensor, v: Tensor) -> Tensor:
        if self.direction is not None:
            vector = torch.tensor([float(x) for x in self.direction], dtype=torch.float64)
            return (vector / vector.norm()).expand(len(u), 3)
        if self.theta_deg is not None:
            theta = _between(_range("theta_deg", self.theta_deg), u) * degree
        else:
            eta = _between(_range("eta", DEFAULT_ETA if self.eta is None else self.eta), u)
            theta = 2 * torch.atan(torch.exp(-eta))
        phi = _between(_range("phi_deg", self.phi_deg), v) * degree
        sine = theta.sin()
        return torch.stack([sine * phi.cos(), sine * phi.sin(), theta.cos()], dim=1)

    def _position(self, u: Tensor, v: Tensor) -> Tensor:
        if self.position is not None:
            x, y = (torch.full_like(u, float(value)) for value in self.position)
        else:
            x, y = ((2 * w - 1) * self.half_width for w in (u, v))
        return torch.stack([x, y, torch.zeros_like(x)], dim=1)


def draw_columns(ranges: Mapping[str, Range], number: int, seed: int) -> dict[str, Tensor]:
    """Extra columns of the particles of a seed, each one number or uniform in (low, high).

    Args:
        ranges: by the name of the column.
        number: of particles, S.
        seed: of the random numbers.

    Returns:
        [S] float32 by name.

    Raises:
        ValueError: neither a number nor two.
    """
    noise = Noise.for_showers(seed, torch.arange(number), GUN)
    return {
        name: _between(_range(name, ranges[name]), _uniform(noise, NUM_DRAWN + place)).float()
        for place, name in enumerate(sorted(ranges))
    }


def central_half_width(geometry: Geometry) -> float:
    """Half the side in mm of the square that holds the central cell of the first layer.

    The cell nearest to the origin; half its mean distance to the neighbours of the same layer. 0
    where there is no cell at the origin: particles of an endcap all start from there.
    """
    first, origin = torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2)
    if int(geometry.cell_at(first, origin)) < 0:
        return 0.0
    cell = geometry.nearest(first, origin, 2)[0]
    pair = geometry.position(cell[cell >= 0])[:, :2]
    return float((pair[0] - pair[-1]).norm()) / 2


def _uniform(noise: Noise, counter: int) -> Tensor:
    shower = torch.arange(len(noise))
    return noise.uniform(shower, torch.full_like(shower, counter), streams.PARTICLE).double()


def _between(limits: tuple[float, float], u: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * u


def _range(name: str, value: Range) -> tuple[float, float]:
    numbers = [value, value] if isinstance(value, int | float) else _numbers(value)
    if len(numbers) != 2 or not all(_is_number(x) for x in numbers) or numbers[0] > numbers[1]:
        raise ValueError(f"{name}: got {value}; expected a number or [low, high], low <= high")
    return float(numbers[0]), float(numbers[1])


def _vector(name: str, value: Sequence[float], size: int) -> None:
    numbers = _numbers(value)
    if len(numbers) != size or not all(_is_number(x) for x in numbers):
        raise ValueError(f"{name}: got {value}; expected {size} finite numbers")


def _numbers(value: object) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
