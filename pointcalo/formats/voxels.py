"""Writing the voxels of showers, whatever else a layout holds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointcalo.formats.dense import Columns, Grid, Losses
from pointcalo.showers import Showers

Rows = Mapping[str, NDArray[Any]]


def write_voxels(
    columns: Columns,
    batches: Iterable[Showers],
    grid: Grid,
    losses: Losses,
    *,
    voxels: tuple[str, ...],
    factor: float,
    others: Callable[[Showers], Rows],
) -> list[str]:
    """Write a file of voxels batch by batch, complete or not at all.

    Args:
        columns: data sets to be filled.
        batches: showers.
        grid: which cell each voxel is.
        losses: takes note of what is lost.
        voxels: data sets that make up a shower, in the order of the grid.
        factor: MeV in a unit of the file.
        others: rows of the other data sets.

    Returns:
        what was lost, one phrase each.

    Raises:
        OSError, ValueError: as `Columns.write`.
    """
    cuts = np.cumsum([np.prod(columns.shapes[name]) for name in voxels])[:-1]

    def rows() -> Iterator[Rows]:
        for batch in batches:
            showers = batch.to("cpu")
            values, outside = grid.values(showers)
            losses.note(showers, outside)
            parts = np.split(values if factor == 1 else values / factor, cuts, axis=1)
            yield dict(zip(voxels, parts, strict=True)) | dict(others(showers))

    columns.write(rows())
    return losses.phrases()
