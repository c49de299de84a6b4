"""The particles that a run was trained on: their ranges, and what lies outside them."""

import math
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from pointcalo.showers import Incident
from pointcalo.showers.incident import FIELDS
from pointcalo.units import GeV, degree

ENERGY, ANGLE, CONDITIONS = "energy_GeV", "theta_deg", "conditions"
SLACK = 0.02  # share of a range that a finite sample may have missed on either side
SAME = 1e-3  # of a number: nearer is not outside


def condition_names(config: DictConfig) -> tuple[str, ...]:
    """The extra columns of incident particles that a training depends on.

    Raises:
        ValueError: no list of names, or one that every particle has.
    """
    given = config.get(CONDITIONS) or []
    names = [] if isinstance(given, str) else list(given)
    if not all(isinstance(name, str) and name for name in names) or (given and not names):
        raise ValueError(f"conditions: got {given}; expected a list of names: conditions=[NAME]")
    if taken := sorted(set(names) & set(FIELDS)) or sorted(n for n in names if names.count(n) > 1):
        raise ValueError(f"conditions: got {taken[0]}, which is one already; leave it out")
    return tuple(names)


def ranges(incident: Incident, units: Mapping[str, str]) -> dict[str, Any]:
    """Smallest and largest energy, angle and condition of particles, as plain numbers.

    Args:
        incident: the particles.
        units: of the extra columns that count, by name.
    """
    return {
        ENERGY: _range(incident.energy / GeV),
        ANGLE: _range(_angle(incident)),
        CONDITIONS: {
            name: {"unit": unit, "range": _range(incident.column(name))}
            for name, unit in units.items()
        },
    }


def constant(trained: Mapping[str, Any]) -> list[str]:
    """A line on each condition that is the same in all training showers."""
    return [
        f"condition {name}: is {found['range'][0]:g} {found['unit']}".rstrip()
        + " in all training showers; what it changes cannot be learned"
        for name, found in trained[CONDITIONS].items()
        if found["range"][0] == found["range"][1]
    ]


def outside(trained: Mapping[str, Any], incident: Incident) -> list[str]:
    """A line on each quantity of which some particles lie outside the range of the training.

    Args:
        trained: from `ranges`; empty where it is not known.
        incident: the particles to be sampled.
    """
    if not trained:
        return []
    found = [
        _outside("energy", "GeV", trained[ENERGY], incident.energy / GeV, logarithmic=True),
        _outside("angle to the normal", "degrees", trained[ANGLE], _angle(incident)),
    ]
    for name, known in trained[CONDITIONS].items():
        found.append(_outside(name, known["unit"], known["range"], incident.column(name)))
    return [line for line in found if line]


def units_of(trained: Mapping[str, Any]) -> dict[str, str]:
    """Units of the conditions, by name."""
    return {name: found["unit"] for name, found in trained.get(CONDITIONS, {}).items()}


def _angle(incident: Incident) -> Tensor:
    return incident.direction[:, 2].clamp(-1.0, 1.0).acos() / degree


def _range(values: Tensor) -> list[float]:
    return [float(f"{float(value):.6g}") for value in (values.min(), values.max())]


def _outside(
    name: str, unit: str, limits: list[float], values: Tensor, *, logarithmic: bool = False
) -> str:
    """A line where some values lie outside limits, else an empty one."""
    low, high = (math.log(x) for x in limits) if logarithmic else limits
    placed = values.log() if logarithmic else values
    slack = SLACK * (high - low) + SAME * (1.0 if logarithmic else max(abs(low), abs(high)))
    beyond = (placed < low - slack) | (placed > high + slack)
    if not bool(beyond.any()):
        return ""
    share = 100.0 * float(beyond.float().mean())
    return (
        f"{share:.3g} % of the particles lie outside the training: {name} {_span(_range(values))} "
        f"{unit}".rstrip()
        + f", trained on {_span(limits)}"
    )


def _span(limits: list[float]) -> str:
    low, high = (f"{limit:.4g}" for limit in limits)
    return low if low == high else f"{low} to {high}"
