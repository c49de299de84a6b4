"""The contract of DDML's class CaloCloudsTwoAngleModel.

DDML (key4hep, github.com/key4hep/DDML) passes energy and angles and takes a buffer of fixed length:
the number of hits of each layer, then x, y, layer and energy of each hit. It turns the directions x
and y of its own frame round before and after, so both are those of the geometry here.
"""

import numpy as np
import torch
from torch import Tensor

from pointcalo.export.drawn import Drawn
from pointcalo.models.base import Model

LAYERS = 30
BUFFER = 6868  # floats


class Ddml(Drawn):
    """One shower a call, as DDML takes it.

    Args:
        model, pdg: see `Drawn`.
        stride: floats that the number of a layer's hits takes: 1, or 4 for versions of DDML that
            read it from every fourth one.

    Raises:
        ValueError: the detector has not 30 layers.
    """

    inputs = {
        "energy": ("float32", [1, 1], "GeV", "kinetic energy of the incident particle"),
        "theta": ("float32", [1, 1], "degrees", "angle of its momentum to the layers' normal"),
        "phi": ("float32", [1, 1], "degrees", "azimuth of its momentum"),
    }
    outputs = {
        "buffer": (
            "float32",
            [BUFFER],
            "mm, mm, 1, MeV",
            "hits of each layer; then x, y from where the particle enters, layer, energy of each",
        )
    }

    def __init__(self, model: Model, pdg: int, stride: int = 1) -> None:
        super().__init__(model, pdg)
        if model.profile.geometry.num_layers != LAYERS:
            raise ValueError(
                f"export: geometry {model.profile.geometry.name!r} has "
                f"{model.profile.geometry.num_layers} layers, expected the {LAYERS} of this format"
            )
        self.stride = stride
        self.most = (BUFFER - LAYERS * stride) // 4

    @staticmethod
    def example(energy_GeV: float, angle: float) -> tuple[Tensor, ...]:
        """The inputs of a particle at an angle in rad."""
        return tuple(torch.tensor([[x]]) for x in (energy_GeV, angle * 180.0 / torch.pi, 30.0))

    def summary(self, buffer: np.ndarray) -> np.ndarray:
        """Hits and energy in MeV of an answer, ``[2]``."""
        start = LAYERS * self.stride
        hits = int(buffer[:start].sum())
        return np.array([hits, buffer[start : start + 4 * hits].reshape(-1, 4)[:, 3].sum()])

    def answer(self, inputs: tuple[Tensor, ...], numbers: Tensor) -> Tensor:
        """See `Drawn`."""
        energy, theta, phi = (x.reshape(1) for x in inputs)
        theta, phi = theta * (torch.pi / 180.0), phi * (torch.pi / 180.0)
        across = torch.sin(theta)
        direction = [across * torch.cos(phi), across * torch.sin(phi), torch.cos(theta)]
        hits = self.hits(energy, torch.stack(direction, dim=1), numbers)
        layer, xy, deposit = merged(*hits, self.most)
        counts = torch.bincount(layer, minlength=LAYERS).float()[:, None]
        counts = torch.cat([counts, counts.new_zeros(LAYERS, self.stride - 1)], dim=1)
        rows = torch.cat([xy, layer.float()[:, None], deposit[:, None]], dim=1)
        parts = counts.reshape(-1), rows.reshape(-1), counts.new_zeros(BUFFER)
        return torch.cat(parts)[:BUFFER]


def merged(layer: Tensor, xy: Tensor, energy: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """At most so many hits: of neighbours in a layer's order the nearest become one.

    Args:
        layer: of the hits, rising, ``[P]``, in a layer row by row.
        xy: their places, mm, ``[P, 2]``.
        energy: MeV, ``[P]``.
        most: number of hits.

    Returns:
        The same of ``min(P, most)`` hits: sums of energy at their centres.
    """
    gap = torch.linalg.vector_norm(xy[1:] - xy[:-1], dim=1)
    gap = torch.where(layer[1:] == layer[:-1], gap, torch.inf)
    excess = ((layer >= 0).sum() - most).clamp_min(0)
    joined = gap.argsort().argsort() < excess
    begins = torch.cat([layer[:1] >= 0, ~joined])
    group, rows = begins.cumsum(0) - 1, begins.nonzero()[:, 0]
    total = torch.zeros_like(energy[rows]).index_add(0, group, energy)
    centre = torch.zeros_like(xy[rows]).index_add(0, group, xy * energy[:, None])
    return layer[rows], centre / total[:, None], total
