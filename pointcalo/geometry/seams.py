"""Neighbours and colours where parts of a layer meet."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from pointcalo.geometry.colouring import greedy_colours, padded_table
from pointcalo.geometry.touching import touching_between


@dataclass(frozen=True)
class Seams:
    """What cells beside other parts of their layer have in addition to what their part knows.

    Args:
        cell: cells that touch another part, rising, ``[B]`` int64.
        neighbours: cells of other parts that each touches, ``[B, X]`` int64, -1 padded.
        colour: of each, ``[B]`` int64: that of its part, or another where two neighbours shared it.
    """

    cell: Tensor
    neighbours: Tensor
    colour: Tensor

    def rows(self, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Which of cells ``[N]`` lie at a seam, and their index in `cell`, each ``[M]``."""
        if len(self.cell) == 0:
            return cell[:0], cell[:0]
        index = torch.searchsorted(self.cell, cell).clamp_max(len(self.cell) - 1)
        found = (self.cell[index] == cell).nonzero()[:, 0]
        return found, index[found]

    def to(self, device: torch.device) -> "Seams":
        """The same on a device."""
        return Seams(*(getattr(self, field.name).to(device) for field in fields(self)))


def pairs_between_parts(centres: list[Tensor], areas: list[Tensor]) -> Tensor:
    """Pairs ``[2, E]`` of touching cells of different parts of a layer, both ways, sorted.

    Args:
        centres: of the cells of each part in mm, ``[N, 2]``.
        areas: of the same in mm2, ``[N]``.

    Returns:
        Cells counted through all parts.
    """
    xy = [part.cpu().numpy() for part in centres]
    side = [part.sqrt().cpu().numpy() for part in areas]
    start = np.cumsum([0, *(len(part) for part in xy)])
    found = [np.zeros((2, 0), dtype=np.int64)]
    for one in range(len(xy)):
        for other in range(one + 1, len(xy)):
            pairs = touching_between(xy[one], side[one], xy[other], side[other])
            pairs = pairs + start[[one, other]][:, None]
            found += [pairs, pairs[::-1]]
    return torch.from_numpy(np.unique(np.concatenate(found, axis=1), axis=1))


def seams_of(
    pairs: Tensor,
    own_neighbours: Callable[[Tensor], Tensor],
    own_colour: Callable[[Tensor], Tensor],
) -> Seams:
    """Neighbours and colours at seams.

    Where two neighbours of different parts share a colour, the cell of the later part takes the
    lowest that is free.

    Args:
        pairs: ``[2, E]`` touching cells of different parts, both ways, sorted.
        own_neighbours: of cells ``[B]`` within their part, ``[B, D]``, -1 padded.
        own_colour: of cells ``[B]`` within their part.
    """
    cell, row = torch.unique(pairs[0], return_inverse=True)
    table = padded_table(torch.stack((row, pairs[1])).cpu().numpy(), len(cell)).to(pairs)
    colour = own_colour(cell)
    equal = colour[row] == colour[torch.searchsorted(cell, pairs[1])]
    clash = row[equal & (pairs[0] > pairs[1])].unique()
    if len(clash):
        around = torch.cat((table[clash], own_neighbours(cell[clash])), dim=1)
        there, known = around >= 0, around.clamp_min(0)
        index = torch.searchsorted(cell[clash], known).clamp_max(len(clash) - 1)
        waiting = torch.where(there & (cell[clash][index] == known), index, -1)
        taken = (1 << own_colour(known.flatten()).reshape(known.shape)) * (there & (waiting < 0))
        colour[clash] = greedy_colours(waiting.cpu(), taken.cpu()).to(colour)
    return Seams(cell, table, colour)
