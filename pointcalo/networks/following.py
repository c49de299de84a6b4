"""Showers of a cell generator as a critic sees them, with gradients towards the generator.

Energies and times follow the distributions they were drawn from, and each hit's weight the log
odds of its cell to be lit: see `pointcalo.networks.cell_hits`. Which of several proposals a turn's
energies were is not followed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from pointcalo.networks.budget import EPS, Budget
from pointcalo.networks.cell_hits import CellHits, centred
from pointcalo.networks.edges import Cells, edges_beside
from pointcalo.networks.lit import Lit
from pointcalo.networks.order import outwards
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.profile import Profile
from pointcalo.nn.mixture import mixture_follow
from pointcalo.showers import ShowerFrame, Showers

if TYPE_CHECKING:
    from pointcalo.networks.cells import CellGenerator


def followed(
    generator: CellGenerator, showers: Showers, latent: Tensor, profile: Profile
) -> CellHits:
    """Hits of showers that a generator made, with gradients towards its parameters.

    Args:
        generator: who made them.
        showers: on cells.
        latent: that they were made with, ``[S, Z]``.
        profile: likewise.
    """
    made = generator.real(showers)
    budget = Budget(generator.geometry, profile)
    frame = ShowerFrame(showers.incident, generator.geometry.layer_z)
    order, *about_axis = outwards(generator.geometry, frame, budget)
    cells = Cells.of(generator.geometry, showers.index, showers.cell, order)
    made = replace(made, cells=cells)
    contexts = generator.contexts(showers.incident, profile, latent)
    place = generator.place(made.uv, budget.centre[cells.segment], made.area)
    relative = made.log_energy.exp() - EPS
    parameters, *_ = generator.energy_parameters(
        cells, made.edges, made.uv, budget, contexts[1], place, relative
    )
    energy = generator.spectrum.follow(parameters, made.log_energy)
    time = generator.time_parameters(place, relative, contexts[1][cells.segment])
    outlook = generator.outlook_on(*about_axis, budget)
    logit = _lit_logit(generator, made, frame, budget, order, outlook, contexts[0], place)
    log_p = functional.logsigmoid(logit)
    return replace(
        made,
        log_energy=_rescaled(energy, cells.segment, budget),
        delay=mixture_follow(time, made.delay),
        weight=centred(log_p, cells.segment, len(budget.counts)),
    )


def _lit_logit(
    generator: CellGenerator,
    made: CellHits,
    frame: ShowerFrame,
    budget: Budget,
    order: Tensor,
    outlook: Outlook,
    context: Tensor,
    place: Tensor,
) -> Tensor:
    """Log odds of each hit's cell to be lit, given the hits of earlier turns, ``[H]``."""
    cells, edges = made.cells, made.edges
    towards = edges_beside(generator.geometry, frame, cells)
    beside = Cells.of_keys(generator.geometry, towards.target, order)
    ahead = (beside.turn > cells.turn[towards.source]).nonzero()[:, 0]
    outlook.add_edges(towards.where(ahead), beside[ahead])
    left = budget.true_left(cells.segment, cells.step)
    brief = budget.true_briefs(*left, outlook.features())
    layer = generator.occupancy.layer(context[:, None], brief).flatten(0, 1)
    row = cells.segment * budget.num_colours + cells.step
    earlier = edges.where(cells.turn[edges.source] < cells.turn[edges.target])
    key = cells.key(generator.geometry.num_cells)
    lit = Lit(context.device)
    lit.add(cells, replace(earlier, target=key[earlier.target]), cells.turn[earlier.target])
    seen = generator.sight(frame, budget, context)(lit, earlier, made.uv)
    return generator.occupancy(layer[row], place, seen)[:, 0]


def _rescaled(log_energy: Tensor, segment: Tensor, budget: Budget) -> Tensor:
    """Log energies ``[H]`` with the excess of each layer scaled to the profile's."""
    relative = (log_energy.exp() - EPS).clamp_min(0.0)
    total = relative.new_zeros(len(budget.counts)).index_add(0, segment, relative)
    wanted = budget.excess / budget.threshold
    return torch.log(relative * (wanted / total.clamp_min(1e-9))[segment] + EPS)
