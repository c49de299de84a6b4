"""What a cell generator is trained on besides times: likelihoods of lit cells and of energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from pointcalo.networks.budget import Budget
from pointcalo.networks.candidates import Pool
from pointcalo.networks.edges import Cells, Edges
from pointcalo.networks.lit import Lit
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.turn_share import Turn
from pointcalo.showers.noise import Noise

if TYPE_CHECKING:
    from pointcalo.networks.cells import CellGenerator

PROPOSAL_STREAM = 22  # noise streams used: 22 and 23


def occupancy_terms(
    generator: CellGenerator,
    pool: Pool,
    hits: Cells,
    edges: Edges,
    budget: Budget,
    outlook: Outlook,
    context: Tensor,
) -> tuple[Tensor, Tensor]:
    """Log likelihoods of which cells are lit (composite) and of how many, each ``[S]``."""
    hit_key = hits.key(generator.geometry.num_cells)
    beside = pool.cells(edges.target)
    ahead = (beside.turn > hits.turn[edges.source]) & (budget.counts[beside.segment] > 0)
    edges = edges.where(ahead)
    lit = Lit(context.device)
    lit.add(hits, edges, beside.turn[ahead])
    key, is_sure = pool.look(
        torch.cat([pool.near, edges.touch.target]), torch.cat([pool.far, hit_key])
    )
    cells = pool.cells(key)
    uv = pool.uv(cells)
    left, excess_left = budget.true_left(hits.segment, hits.step)
    outlook.add_edges(edges, beside[ahead])
    brief = budget.true_briefs(left, excess_left, outlook.features())
    layer = generator.occupancy.layer(context[:, None], brief).flatten(0, 1)
    row = cells.segment * budget.num_colours + cells.step
    place = generator.place(uv, budget.centre[cells.segment], generator.geometry.area(cells.cell))
    seen = generator.sight(pool.frame, budget, context)(lit, edges.onto(key), uv)
    logit = generator.occupancy(layer[row], place, seen)[:, 0]
    logit = logit - pool.log_inclusion(cells, uv, is_sure)
    is_lit = torch.zeros_like(logit).index_fill(0, torch.searchsorted(key, hit_key), 1.0)
    loss = functional.binary_cross_entropy_with_logits(logit, is_lit, reduction="none")
    is_open = (left > 0).flatten()[row]
    zero = loss.new_zeros(len(budget.counts) // generator.geometry.num_layers)
    occupancy = zero.index_add(0, cells.shower, -loss * is_open)
    p = torch.sigmoid(logit) * is_open
    number = generator.number.log_prob(brief.flatten(0, 1), p, is_lit, row)
    return occupancy, number.reshape(len(zero), -1).sum(dim=1)


def energy_terms(
    generator: CellGenerator,
    hits: Cells,
    edges: Edges,
    uv: Tensor,
    budget: Budget,
    context: Tensor,
    place: Tensor,
    relative: Tensor,
    noise: Noise,
) -> tuple[Tensor, Tensor]:
    """Log likelihoods of the energies of hits and of the sums of turns, each ``[S]``."""
    among = edges.among(hits.key(generator.geometry.num_cells))
    parameters, left, excess_left = generator.energy_parameters(
        hits, among, uv, budget, context, place, relative
    )
    row = hits.segment * budget.num_colours + hits.step
    log_prob = generator.spectrum.log_prob(parameters, relative)
    log_prob = log_prob * (left.flatten()[row] > 1)  # the last hit has what is left
    energy_left = (excess_left / budget.threshold[:, None]).flatten()
    parameters = parameters.detach()
    drawn = generator.spectrum.sample(
        parameters,
        noise.uniform(hits.shower, hits.cell, PROPOSAL_STREAM),
        noise.logistic(hits.shower, hits.cell, PROPOSAL_STREAM + 1),
    )
    true, drawn = (
        torch.zeros_like(energy_left).index_add(0, row, energy) for energy in (relative, drawn)
    )
    turns = Turn.of(generator.spectrum.moments(parameters), row, left.flatten(), energy_left)
    share = generator.share.log_prob(turns, true, drawn, generator.spectrum)
    num_showers = len(budget.counts) // generator.geometry.num_layers
    energy = log_prob.new_zeros(num_showers).index_add(0, hits.shower, log_prob)
    return energy, share.reshape(num_showers, -1).sum(dim=1)
