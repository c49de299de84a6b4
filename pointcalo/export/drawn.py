"""One shower a call for programs that pass no random numbers: it draws them itself."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from pointcalo.export.program import Program
from pointcalo.geometry import Geometry
from pointcalo.geometry.polar import Polar
from pointcalo.models.base import Model
from pointcalo.programs.tables import Table
from pointcalo.projection.resegmentation import points_inside

BITS = 21  # of the seed, from each of three uniform numbers
NUMBERS = 4  # that a shower takes
PLACES = 4096  # in a cell, where a particle may enter


class Injected(nn.Module):
    """A `Drawn` whose random numbers are its last input, to compare it with."""

    def __init__(self, drawn: "Drawn") -> None:
        super().__init__()
        self.drawn = drawn
        self.inputs = {**drawn.inputs, "numbers": ("float32", [NUMBERS], "", "uniform numbers")}
        self.outputs = drawn.outputs

    def forward(self, *inputs: Tensor) -> Tensor:
        """As `Drawn.forward`."""
        return self.drawn.answer(inputs[:-1], inputs[-1])


class Drawn(nn.Module, ABC):
    """One shower a call. Where in a cell the particle enters is drawn, too.

    Args:
        model: in evaluation mode.
        pdg: the particle.

    Raises:
        ValueError: no cell of the first layer is about the origin.
    """

    inputs: Table
    outputs: Table
    places: Tensor
    pdg: Tensor

    def __init__(self, model: Model, pdg: int) -> None:
        super().__init__()
        self.program = Program(model, ())
        self.register_buffer("places", _places(model.profile.geometry), persistent=False)
        self.register_buffer("pdg", torch.tensor([pdg]), persistent=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """One shower; inputs and output are those of ``inputs`` and ``outputs``."""
        return self.answer(inputs, torch.rand(NUMBERS))

    @abstractmethod
    def answer(self, inputs: tuple[Tensor, ...], numbers: Tensor) -> Tensor:
        """One shower from four uniform numbers ``[4]``."""

    @staticmethod
    @abstractmethod
    def example(energy_GeV: float, angle: float) -> tuple[Tensor, ...]:
        """The inputs of a particle at an angle to the layers' normal in rad."""

    @abstractmethod
    def summary(self, answer: np.ndarray) -> np.ndarray:
        """Hits and energy of an answer, ``[2]``."""

    def hits(
        self, energy_GeV: Tensor, direction: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of a particle ``[1]``, ``[1, 3]`` that enters anywhere in a cell.

        Returns:
            Layers ``[P]``; x and y from where it enters, mm, ``[P, 2]``; energies in MeV ``[P]``.
        """
        first, second, third = (numbers[:3] * 2.0**BITS).to(torch.int64).unbind()
        seed = (first * 2**BITS + second) * 2**BITS + third
        most = len(self.places)
        place = self.places[(numbers[3:] * most).long().clamp_max(most - 1)]
        position = torch.cat([place, torch.zeros(1, 1)], dim=1)
        none = torch.zeros(1, 0), seed, torch.tensor(0)
        _, layer, _, points = self.program(1e3 * energy_GeV, direction, position, self.pdg, *none)
        return layer, points[:, :2] - place, points[:, 2]


def _places(geometry: Geometry) -> Tensor:
    """Where particles may enter, mm, ``[N, 2]``: evenly spread in the first layer's middle cell.

    Rings are drawn about the particle, which enters in their middle.

    Raises:
        ValueError: no cell of the first layer is about the origin.
    """
    middle = torch.zeros(1, 2)
    if isinstance(geometry.layers[0].segmentation, Polar):
        return middle
    cell = geometry.cell_at(torch.zeros(1, dtype=torch.int64), middle)
    if int(cell) < 0:
        raise ValueError(
            f"export: geometry {geometry.name!r} has no cell about the origin of its first layer, "
            "where the showers of this format begin"
        )
    return points_inside(cell, geometry, PLACES)[1]
