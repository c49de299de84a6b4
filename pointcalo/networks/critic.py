"""The critics that see what a generator makes."""

from torch import nn

from pointcalo.networks.cell_critic import CellCritic
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.point_critic import PointCritic
from pointcalo.networks.set_critic import SetCritic
from pointcalo.networks.set_generator import SetGenerator


def critic_of(generator: nn.Module, width: int) -> SetCritic | CellCritic:
    """A critic of a generator's showers, with hidden layers of that width.

    Raises:
        ValueError: a generator of another kind.
    """
    if isinstance(generator, CellGenerator):
        return CellCritic(generator.geometry, width=width, conditions=generator.conditions)
    if isinstance(generator, SetGenerator):
        return SetCritic(
            generator.geometry,
            width=width,
            tokens=generator.tokens,
            conditions=generator.conditions,
        )
    raise ValueError(
        f"network: got {type(generator).__name__}, of which there is no critic; expected one of "
        "cells or of sets"
    )


def difference_critic_of(
    generator: CellGenerator | SetGenerator, width: int
) -> CellCritic | PointCritic:
    """A critic of differences of a generator's showers, with hidden layers of that width."""
    kind = CellCritic if isinstance(generator, CellGenerator) else PointCritic
    return kind(generator.geometry, width=width, conditions=generator.conditions)
