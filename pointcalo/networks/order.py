"""In which order the colours of a layer are decided: outwards from the shower's own axis.

The cell that the axis crosses is nearly always lit, those around it often. They come first, and the
turns after them know how many hits are left; a last turn, which has to make up the number, is left
to the colour whose nearest cell is farthest.
"""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.edges import Cells
from pointcalo.showers import ShowerFrame

NEAR = 19  # cells about the own axis that are looked at in each layer


def outwards(
    geometry: Geometry, frame: ShowerFrame, budget: Budget
) -> tuple[Tensor, Cells, Tensor]:
    """The order of the colours of each layer, and the cells about the own axis that give it.

    Returns:
        The place of each colour in the order of its layer, 0 first, ``[Q, K]``; the cells, in this
        order, of layers with hits; their places about the incident axis in mm, ``[C, 2]``.
    """
    segment = budget.counts.nonzero()[:, 0]
    shower, layer = segment // geometry.num_layers, segment % geometry.num_layers
    xy = frame.from_frame(budget.centre[segment], layer, shower)
    cell = geometry.nearest(layer, xy, NEAR)
    row, column = (cell >= 0).nonzero(as_tuple=True)
    segment, shower, layer, cell = segment[row], shower[row], layer[row], cell[row, column]
    uv = frame.to_frame(geometry.position(cell)[:, :2], layer, shower)
    distance = torch.linalg.vector_norm(uv - budget.centre[segment], dim=-1)
    shape = (budget.counts.shape[0], budget.num_colours)
    nearest = torch.full((shape[0] * shape[1],), torch.inf, device=uv.device)
    slot = segment * budget.num_colours + geometry.colour(cell)
    nearest = nearest.scatter_reduce(0, slot, distance, "amin").reshape(shape)
    # stable: colours that are not near, or that the layer has not, come last in their own order
    order = nearest.argsort(dim=1, stable=True).argsort(dim=1)
    return order, Cells.of(geometry, shower, cell, order), uv
