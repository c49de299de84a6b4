"""The incident particles of a batch of showers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

UNIT_TOLERANCE = 1e-3
FIELDS = ("energy", "direction", "position", "pdg")
"""What every incident particle has; names that no extra column may have."""


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
        extra: more numbers by name (a magnetic field, a temperature), each [S] float32, in the unit
            of the file that they are from.

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
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", dict(self.extra))
        self._check_shapes()
        wrong = self._wrong_energy() | self._wrong_direction() | self._wrong_position()
        for values in self.extra.values():
            wrong = wrong | ~values.isfinite()
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
        if taken := sorted(self.extra.keys() & set(FIELDS)):
            raise ValueError(f"incident: got an extra column {taken[0]}; expected another name")
        expected |= dict.fromkeys(self.extra, ((num,), torch.float32))
        for name, (shape, dtype) in expected.items():
            value = self.extra[name] if name in self.extra else getattr(self, name)
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
        elif bool(self._wrong_position()[shower]):
            fault = f"position is {self.position[shower].tolist()}, expected finite numbers of mm"
        else:
            values = {name: float(column[shower]) for name, column in self.extra.items()}
            fault = f"columns are {values}, expected finite numbers"
        raise ShowerError(shower, f"incident {fault}")

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: int | slice | Tensor) -> "Incident":
        """Incident particles of some showers; an integer gives a batch of one."""
        rows = slice(index, index + 1 or None) if isinstance(index, int) else index
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"shower {index} of {len(self)}")
        return self.each(lambda column: column[rows])

    def to(self, device: torch.device | str) -> "Incident":
        """The same particles on another device."""
        return self.each(lambda column: column.to(device))

    def only(self, names: Iterable[str]) -> "Incident":
        """The same particles with these extra columns and no other.

        Raises:
            ValueError: a column is missing.
        """
        return replace(self, extra={name: self.column(name) for name in names})

    def tensors(self, names: Sequence[str]) -> tuple[Tensor, ...]:
        """Energy, direction, position, pdg and these extra columns side by side, [S, K].

        Raises:
            ValueError: a column is missing.
        """
        columns = [self.column(name) for name in names]
        extra = torch.stack(columns, 1) if columns else self.energy.new_zeros(len(self), 0)
        return self.energy, self.direction, self.position, self.pdg, extra

    @classmethod
    def of_tensors(cls, tensors: Sequence[Tensor], names: Sequence[str]) -> "Incident":
        """The particles that `tensors` gives."""
        *own, extra = tensors
        return cls(*own, dict(zip(names, extra.unbind(dim=1), strict=True)))

    def column(self, name: str) -> Tensor:
        """An extra column, [S].

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.extra:
            there = ", ".join(sorted(self.extra)) or "none"
            raise ValueError(f"incident particles have no column {name}; there are: {there}")
        return self.extra[name]

    @staticmethod
    def cat(parts: Sequence["Incident"]) -> "Incident":
        """Join batches, in order.

        Raises:
            ValueError: extra columns in some parts only.
        """
        names = set(parts[0].extra)
        for part in parts:
            if differing := sorted(names ^ part.extra.keys()):
                raise ValueError(
                    f"incident particles: some have a column {differing[0]} and some have not; "
                    "expected the same columns in all"
                )
        columns = {name: torch.cat([getattr(part, name) for part in parts]) for name in FIELDS}
        extra = {name: torch.cat([part.extra[name] for part in parts]) for name in parts[0].extra}
        return Incident(**columns, extra=extra)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Incident":
        """Particles with every column changed."""
        columns = {name: change(getattr(self, name)) for name in FIELDS}
        return Incident(**columns, extra={name: change(c) for name, c in self.extra.items()})
