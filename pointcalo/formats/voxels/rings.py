"""Voxels that are rings cut in an angle, as the polar layers of a geometry number them."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.geometry.polar import Polar


def ring_cells(geometry: Geometry, layout: str) -> list[Tensor]:
    """Cells of each layer by ring and by bin of the angle, [R, A] int64 each.

    Args:
        geometry: whole polar layers, each with the same number of bins in all of its rings.
        layout: its name, for the error.

    Raises:
        ValueError: layers of another form.
    """
    cells = []
    start = geometry.layer_start.tolist()
    for number, layer in enumerate(geometry.layers):
        segmentation = layer.segmentation
        bins = segmentation.bins if isinstance(segmentation, Polar) else [0]
        size = start[number + 1] - start[number]
        if size == 0 or size != len(bins) * bins[0] or len(set(bins)) != 1:
            raise ValueError(
                f"geometry {geometry.name!r}: layer {number} is not made of whole rings with as "
                f"many bins of the angle each: a file of {layout} has such layers only: pass the "
                "geometry of the file"
            )
        cells.append(start[number] + torch.arange(size).reshape(len(bins), -1))
    return cells
