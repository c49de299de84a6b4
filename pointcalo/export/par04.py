"""The contract of Geant4's example Par04 (11.4) for generators such as CaloDiT-2.

In goes one vector: energy in GeV, azimuth and polar angle of the momentum in the detector, a barrel
about z, and five numbers that name a detector. Out come the energies of a cylindrical mesh about
the momentum, r slowest and z fastest, in GeV. Source: Geant4,
examples/extended/parameterisations/Par04, Par04InferenceSetup.cc; arXiv:2509.07700 (CaloDiT-2).
"""

import math

import numpy as np
import torch
from torch import Tensor

from pointcalo.export.drawn import Drawn
from pointcalo.geometry.polar import Polar
from pointcalo.models.base import Model

MESH = (9, 16, 45)  # cells in r, phi and z
SIZE = (4.65, 3.4)  # of a cell in r and z, mm
NUMBERS = 8


class Par04(Drawn):
    """One shower a call, as Par04 takes it. What lies outside the mesh is lost.

    Rings lie about the momentum as the mesh does, whatever its direction; all other cells are those
    of a barrel, whose layers' normal points away from the beam.

    Args:
        model, pdg: see `Drawn`.
    """

    inputs = {
        "condition": (
            "float32",
            [1, NUMBERS],
            "GeV, rad, rad",
            "kinetic energy, azimuth and polar angle of the momentum; five that are not used",
        )
    }
    outputs = {
        "energies": (
            "float32",
            [1, math.prod(MESH)],
            "GeV",
            f"of {MESH} cells in r, phi and z, of {SIZE[0]} mm in r and {SIZE[1]} mm in z",
        )
    }

    def __init__(self, model: Model, pdg: int) -> None:
        super().__init__(model, pdg)
        geometry = model.profile.geometry
        self.about_momentum = isinstance(geometry.layers[0].segmentation, Polar)
        self.register_buffer("z", geometry.layer_z.float(), persistent=False)

    @staticmethod
    def example(energy_GeV: float, angle: float) -> tuple[Tensor, ...]:
        """The inputs of a particle at an angle to the layers' normal in rad."""
        return (torch.tensor([[energy_GeV, 0.3, 0.5 * torch.pi - angle, 1.0, 0.0, 0.0, 0.0, 0.0]]),)

    def summary(self, energies: np.ndarray) -> np.ndarray:
        """Cells with energy, and energy in GeV, of an answer, ``[2]``."""
        return np.array([np.count_nonzero(energies), energies.sum()])

    def answer(self, inputs: tuple[Tensor, ...], numbers: Tensor) -> Tensor:
        """See `Drawn`."""
        condition = inputs[0].reshape(-1)
        energy, theta = condition[:1], condition[2:3]
        sine, cosine = torch.sin(theta), torch.cos(theta)
        if self.about_momentum:
            sine, cosine = torch.ones_like(theta), torch.zeros_like(theta)
        # the layers' normal points away from the beam, y along it: the azimuth does not matter
        direction = torch.stack([torch.zeros_like(theta), cosine, sine], dim=1)
        layer, xy, deposit = self.hits(energy, direction, numbers)
        x, y, depth = xy[:, 0], xy[:, 1], self.z[layer]
        # axes of the mesh: polar unit vector, azimuthal unit vector, momentum
        along = cosine * y + sine * depth
        polar, azimuthal = cosine * depth - sine * y, x
        if self.about_momentum:  # the first bin of rings is the first of the mesh
            polar, azimuthal = -x, -y
        radius = torch.sqrt(polar * polar + azimuthal * azimuthal)
        angle = torch.acos((polar / radius.clamp_min(1e-6)).clamp(-1.0, 1.0))
        turn = torch.where(azimuthal < 0, -angle, angle) / (2.0 * torch.pi) + 0.5
        rings, sectors, slices = MESH
        ring = (radius / SIZE[0]).long()
        sector = (turn * sectors).long().clamp(0, sectors - 1)
        piece = torch.floor(along / SIZE[1]).long()
        inside = (ring < rings) & (piece >= 0) & (piece < slices)
        voxel = torch.where(inside, (ring * sectors + sector) * slices + piece, 0)
        mesh = deposit.new_zeros(math.prod(MESH))
        return mesh.index_add(0, voxel, deposit * inside * 1e-3)[None]
