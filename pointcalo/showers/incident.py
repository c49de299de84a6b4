"""The incident particles of a batch of showers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

UNIT_TOLERANCE = 1e-3


class ShowerError(ValueError):
    """A wrong number in one shower of a batch.

    Args:
        shower: its number in the batch.
        fault: what was wrong and what was expected.
    """

    def __init__(self, shower: int, fault: str) -> None:
        super().__init__(f"shower {shower}: {fault}")
        self.shower = shower
        self.fault = fault


@dataclass(frozen=True, eq=False)
class Incident:
    """Incident particles, one row a shower, in the local frame of the geometry.

    Args:
        energy: kinetic energy (total for photons), MeV, [S] float32, > 0.
        direction: unit vector of the momentum, [S, 3] float32.
        position: where the axis crosses the face z = 0, mm, [S, 3] float32.
        pdg: particle number of the Particle Data Group, [S] int64.

    Raises:
        ValueError: a wrong shape or type, a value that is not finite, a direction that is not a
            unit vector, an energy that is not positive; the message names the shower.

    >>> incident = Incident(
    ...     energy=torch.tensor([50e3, 10e3]),
    ...     direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(2, 1),
    ...     position=torch.zeros(2, 3),
    ...     pdg=torch.tensor([22, 11]),
    ... )
    >>> len(incident), incident[1].pdg
    (2, tensor([11]))
    """

    energy: Tensor
    direction: Tensor
    position: Tensor
    pdg: Tensor

    def __post_init__(self) -> None:
        self._check_shapes()
        wrong = self._wrong_energy() | self._wrong_direction() | self._wrong_position()
        if bool(wrong.any()):
            self._explain(int(wrong.nonzero()[0]))

    def _check_shapes(self) -> None:
        num = len(self.energy) if self.energy.dim() else 0
        expected = {
            "energy": ((num,), torch.float32),
            "direction": ((num, 3), torch.float32),
            "position": ((num, 3), torch.float32),
            "pdg": ((num,), torch.int64),
        }
        for name, (shape, dtype) in expected.items():
            value = getattr(self, name)
            if tuple(value.shape) != shape or value.dtype != dtype:
                raise ValueError(
                    f"incident {name}: got {tuple(value.shape)} {value.dtype}, "
                    f"expected {shape} {dtype}"
                )

    def _wrong_energy(self) -> Tensor:
        return ~(self.energy.isfinite() & (self.energy > 0))

    def _wrong_direction(self) -> Tensor:
        return ~((self.direction.norm(dim=1) - 1).abs() < UNIT_TOLERANCE)

    def _wrong_position(self) -> Tensor:
        return ~self.position.isfinite().all(dim=1)

    def _explain(self, shower: int) -> None:
        if bool(self._wrong_energy()[shower]):
            fault = f"energy is {float(self.energy[shower])} MeV, expected a positive number"
        elif bool(self._wrong_direction()[shower]):
            fault = f"direction is {self.direction[shower].tolist()}, expected a unit vector"
        else:
            fault = f"position is {self.position[shower].tolist()}, expected finite numbers of mm"
        raise ShowerError(shower, f"incident {fault}")

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: int | slice | Tensor) -> "Incident":
        """Incident particles of some showers; an integer gives a batch of one."""
        rows = slice(index, index + 1 or None) if isinstance(index, int) else index
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"shower {index} of {len(self)}")
        return Incident(
            self.energy[rows], self.direction[rows], self.position[rows], self.pdg[rows]
        )

    def to(self, device: torch.device | str) -> "Incident":
        """The same particles on another device."""
        return Incident(
            self.energy.to(device),
            self.direction.to(device),
            self.position.to(device),
            self.pdg.to(device),
        )

    @staticmethod
    def cat(parts: Sequence["Incident"]) -> "Incident":
        """Join batches, in order."""
        return Incident(
            torch.cat([part.energy for part in parts]),
            torch.cat([part.direction for part in parts]),
            torch.cat([part.position for part in parts]),
            torch.cat([part.pdg for part in parts]),
        )
