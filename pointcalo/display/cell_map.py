"""Cells of a layer as pixels: right for cells of any shape, rings and holes too."""

import numpy as np
import torch

from pointcalo.geometry import Geometry

Window = tuple[float, float, float, float]
"""x low, y low, x high, y high in mm."""


def cells_in(geometry: Geometry, layer: int, window: Window, pixels: int) -> np.ndarray:
    """The cell under each pixel of a window, -1 where there is none.

    Args:
        geometry: on the CPU.
        layer: number of the layer.
        window: mm.
        pixels: along each side.

    Returns:
        cell [pixels, pixels] int64, rows along y.
    """
    x = torch.linspace(window[0], window[2], pixels)
    y = torch.linspace(window[1], window[3], pixels)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
    number = torch.full((len(grid),), layer)
    return geometry.cell_at(number, grid).reshape(pixels, pixels).numpy()


def borders(cell: np.ndarray) -> np.ndarray:
    """Pixels beside one of another cell: bool, the shape of `cell`."""
    border = np.zeros(cell.shape, dtype=bool)
    border[:, 1:] |= cell[:, 1:] != cell[:, :-1]
    border[1:, :] |= cell[1:, :] != cell[:-1, :]
    return border


def extent(window: Window) -> Window:
    """The window as matplotlib's imshow wants it: x low, x high, y low, y high."""
    return window[0], window[2], window[1], window[3]
