"""Images of a sample about the axis of each shower, for comparison with models of grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection import Rectangle, images, layer_groups
from pointcalo.validation.features import median_pitch_mm
from pointcalo.validation.measurement import Measurement

PIXELS = 16
DEPTHS = 10
BATCH_SHOWERS = 200


@dataclass(frozen=True)
class Images:
    """Images of S showers, most of whose pixels are dark.

    Attributes:
        energy: In MeV, [S, G * ny * nx].
        shape: Groups of layers, rows and columns, (G, ny, nx).
        outside: Energy of each shower outside its image in MeV, [S] float32.
    """

    energy: csr_array
    shape: tuple[int, int, int]
    outside: Tensor

    @property
    def shares(self) -> csr_array:
        """Share of the energy in its image that each pixel has, [S, G * ny * nx]."""
        total = self.energy.sum(axis=1)
        rows = np.repeat(np.arange(len(total)), np.diff(self.energy.indptr))
        shares = self.energy.copy()
        shares.data = shares.data / total[rows]
        return shares

    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pixels that share a side, in the image or in depth, each pair once, [K] and [K]."""
        number = np.arange(np.prod(self.shape)).reshape(self.shape)
        first, second = [], []
        for axis in range(3):
            first.append(np.delete(number, -1, axis).ravel())
            second.append(np.delete(number, 0, axis).ravel())
        return np.concatenate(first), np.concatenate(second)


def image_window(geometry: Geometry) -> Rectangle:
    """16 x 16 pixels of one median cell pitch, about the axis."""
    pitch = median_pitch_mm(geometry)
    return Rectangle((PIXELS, PIXELS), (pitch, pitch))


def images_of(measurement: Measurement, number: int | None = None) -> Images:
    """Images of the first showers: 16 x 16 pixels in u, v, up to 10 groups of layers.

    Args:
        measurement: A sample.
        number: How many of the showers that it kept; None for all.
    """
    showers, geometry = measurement.showers[:number], measurement.geometry
    groups = layer_groups(geometry.num_layers, DEPTHS)
    window = image_window(geometry)
    parts, outside = [], []
    for start in range(0, len(showers), BATCH_SHOWERS):
        batch = showers[start : start + BATCH_SHOWERS]
        image, lost = images(batch, window, geometry, groups=groups, about_axis=True)
        parts.append(csr_array(image.flatten(1).double().numpy()))
        outside.append(lost)
    shape = (int(groups[-1]) + 1, *window.shape)
    return Images(vstack(parts, format="csr"), shape, torch.cat(outside))


def average_shower(measurement: Measurement) -> Tensor:
    """Mean image of the showers that a sample kept, about their axes.

    Pixels are in u (columns) and v (rows), a median cell pitch wide, with the axis in the middle;
    layers are added in up to 10 groups.

    Args:
        measurement: A sample.

    Returns:
        Mean energy in MeV, [depth groups, rows, columns] float64.
    """
    sample = images_of(measurement)
    return torch.from_numpy(sample.energy.mean(axis=0).reshape(sample.shape))
