"""Neighbours of neighbours, and graph colouring: no two neighbours share a colour."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def greedy_colours(table: Tensor, taken: Tensor | None = None) -> Tensor:
    """Colours [N] of a graph, each the lowest that its coloured neighbours leave free.

    In every round the vertices take a colour whose priority is above that of all neighbours
    without one; the number of rounds grows with log N. With D neighbours at most D + 1 colours.

    Args:
        table: [N, D] int64 neighbours, -1 padded, symmetric; fewer than 63 of each.
        taken: [N, K] int64, bits of colours that each must not have.

    Source: M. T. Jones and P. E. Plassmann, SIAM J. Sci. Comput. 14 (1993) 654.
    """
    count = len(table)
    generator = torch.Generator().manual_seed(0)
    # One more entry for the padding: it never waits and has no colour.
    priority = torch.cat((torch.randperm(count, generator=generator), torch.tensor([-1])))
    table = torch.where(table < 0, count, table)
    mask = torch.zeros(count + 1, dtype=torch.int64)
    waiting = torch.arange(count)
    while len(waiting):
        near = table[waiting]
        blocked = (mask[near] == 0) & (priority[near] > priority[waiting][:, None])
        free = ~blocked.any(dim=1)
        ready = waiting[free]
        used = _union(mask[near[free]])
        if taken is not None:
            used |= _union(taken[ready])
        # The lowest zero bit.
        mask[ready] = ~used & (used + 1)
        waiting = waiting[~free]
    return torch.log2(mask[:count].double()).round().long()


def second_neighbours(
    cell: Tensor, first: Tensor, neighbours: Callable[[Tensor], Tensor]
) -> Tensor:
    """Neighbours of neighbours [N, D^2], without these and the cells themselves, -1 padded.

    Args:
        cell: [N].
        first: their neighbours [N, D], -1 padded.
        neighbours: of cells [M], [M, D].
    """
    width = first.shape[1]
    second = neighbours(first.clamp_min(0).flatten()).reshape(-1, width, width)
    second = second.masked_fill((first < 0)[:, :, None], -1).flatten(1)
    second = second.masked_fill(second == cell[:, None], -1)
    for known in first.unbind(dim=1):
        second = second.masked_fill(second == known[:, None], -1)
    second = second.sort(dim=1, descending=True).values
    again = second[:, 1:] == second[:, :-1]
    return torch.cat([second[:, :1], second[:, 1:].masked_fill(again, -1)], dim=1)


def padded_table(pairs: np.ndarray, count: int) -> Tensor:
    """Neighbours [count, D] int32, -1 padded, from pairs [2, E] sorted by their first row."""
    one, other = torch.from_numpy(pairs.astype(np.int64))
    degree = torch.bincount(one, minlength=count)
    table = torch.full((count, int(degree.max()) if count else 0), -1, dtype=torch.int32)
    column = torch.arange(len(one)) - (torch.cumsum(degree, 0) - degree)[one]
    table[one, column] = other.to(torch.int32)
    return table


def _union(masks: Tensor) -> Tensor:
    """Bitwise or over the columns of [N, D]."""
    union = torch.zeros(len(masks), dtype=torch.int64)
    for column in masks.unbind(1):
        union |= column
    return union
