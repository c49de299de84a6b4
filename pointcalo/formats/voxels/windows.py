"""Voxels that are rectangles of cells in the middle of Cartesian layers."""

from collections.abc import Iterable

import torch
from torch import Tensor

from pointcalo.geometry import Cartesian, Geometry

# A voxel's centre may lie this share of the pitch from that of its cell.
CENTRE_TOLERANCE = 0.01


def window(geometry: Geometry, layer: int, nx: int, ny: int) -> Tensor:
    """Cells of a window around the middle of a layer, x along the first axis.

    Args:
        geometry: the detector.
        layer: a layer that is one array of rectangles.
        nx: voxels along x.
        ny: voxels along y.

    Returns:
        [nx, ny] int64; -1 for a voxel beyond the cells of the layer.

    Raises:
        ValueError: cells of another kind, or voxels that lie between the cells.
    """
    segmentation = geometry.layers[layer].segmentation
    if not isinstance(segmentation, Cartesian):
        raise ValueError(
            f"geometry {geometry.name!r}: layer {layer} has {segmentation.kind} cells, expected "
            "one array of rectangles (cartesian): pass the geometry of the file"
        )
    axes = [
        middle + pitch * (torch.arange(size, dtype=torch.float64) - 0.5 * (size - 1))
        for middle, pitch, size in zip(
            segmentation.offset_mm, segmentation.pitch_mm, (nx, ny), strict=True
        )
    ]
    centres = torch.cartesian_prod(*axes)
    cell = geometry.cell_at(torch.full((nx * ny,), layer), centres)
    inside = cell >= 0
    away = (geometry.position(cell[inside])[:, :2] - centres[inside]).abs()
    if bool((away > CENTRE_TOLERANCE * torch.tensor(segmentation.pitch_mm)).any()):
        raise ValueError(
            f"geometry {geometry.name!r}: a window of {nx} x {ny} voxels in the middle of layer "
            f"{layer} lies between the cells: pass the geometry of the file"
        )
    return cell.reshape(nx, ny)


def windows(geometry: Geometry, layers: Iterable[int], nx: int, ny: int) -> Tensor:
    """The same window in several layers, [L, nx, ny] int64 (see `window`)."""
    return torch.stack([window(geometry, layer, nx, ny) for layer in layers])


def check_layers(geometry: Geometry, layers: int, layout: str, *, exactly: bool = True) -> None:
    """Raise ValueError where a geometry has not as many layers as the voxels of a layout."""
    if geometry.num_layers != layers and (exactly or geometry.num_layers < layers):
        raise ValueError(
            f"geometry {geometry.name!r} has {geometry.num_layers} layers, a file of {layout} has "
            f"{layers}: pass the geometry of the file"
        )
