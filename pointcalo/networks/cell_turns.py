"""Sampling on the cell graph, turn after turn: first which cells are lit, then their energies."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS, Budget, best
from pointcalo.networks.candidates import KINDS, Candidates, Edges, edges_from_hits
from pointcalo.networks.seen import Seen
from pointcalo.nn.mixture import mixture_sample
from pointcalo.showers import ShowerFrame
from pointcalo.showers.noise import Noise

OCCUPANCY_STREAM = 10
ENERGY_STREAM = 12  # and 13
MAX_LOG_RELATIVE = 12.0  # keeps exp finite for an untrained network


class Field(Protocol):
    """The network on every cell; see `pointcalo.networks.cells.CellField`."""

    layer: Callable[[Tensor, Tensor], Tensor]
    __call__: Callable[[Tensor, Tensor, Tensor], Tensor]


def light_cells(
    field: Field,
    geometry: Geometry,
    frame: ShowerFrame,
    candidates: Candidates,
    budget: Budget,
    context: Tensor,
    place: Tensor,
    noise: Noise,
) -> tuple[Tensor, Edges]:
    """Choose the lit cells.

    Returns:
        Indices of the lit candidates, rising, ``[H]``; the edges from lit candidates to candidates.

    Raises:
        ValueError: fewer candidates than hits in a layer.
    """
    seen = torch.zeros(len(candidates), KINDS, device=place.device)
    score = torch.full((len(candidates),), -torch.inf, device=place.device)
    edges, lit = [], []
    for turn in range(2 * budget.num_colours):
        colour = turn % budget.num_colours
        rows = (candidates.turn == turn).nonzero()[:, 0]
        rows = rows[budget.hits_left[candidates.segment[rows]] > 0]
        layer = field.layer(context, budget.brief(colour, with_energy=False))
        logit = field(layer[candidates.segment[rows]], place[rows], seen[rows])[:, 0]
        logit = _given_candidate(logit, candidates.log_inclusion[rows])
        shower, cell = candidates.shower[rows], candidates.cell[rows]
        score[rows] = logit + noise.logistic(shower, cell, OCCUPANCY_STREAM)
        if colour < budget.num_colours - 1:
            rows = rows[score[rows] > 0]
        chosen = rows[best(score[rows], candidates.segment[rows], budget.hits_left)]
        budget.spend(candidates.segment[chosen])
        score[chosen] = -torch.inf
        if colour == budget.num_colours - 1:
            chosen = torch.cat([chosen, _fill(score, candidates, budget, turn)])
        new = edges_from_hits(geometry, candidates, frame, chosen)
        seen = seen + new.count(len(candidates))
        edges.append(new)
        lit.append(chosen)
    missing = int(budget.hits_left.sum())
    if missing:
        raise ValueError(
            f"profile: {missing} hits more than the layers have cells near the axis; expected a "
            "shower that fits the geometry (is the model trained, does its axis cross the cells?)"
        )
    return torch.cat(lit).sort().values, Edges.cat(edges)


def _given_candidate(logit: Tensor, log_inclusion: Tensor) -> Tensor:
    """Log odds of lit among candidates, when a cell is one with probability q: p / q."""
    log_p = torch.nn.functional.logsigmoid(logit) - log_inclusion
    # near cells have q = 1, where the logit itself is exact
    log_p = log_p.clamp_max(-1e-6)
    far = log_p - torch.log(-torch.expm1(log_p))
    return torch.where(log_inclusion < 0, far, logit)


def _fill(score: Tensor, candidates: Candidates, budget: Budget, turn: int) -> Tensor:
    """Candidates of earlier turns for layers in which the last turn had too few."""
    parity = turn // budget.num_colours
    short = (budget.hits_left > 0) & (budget.parity == parity)
    rows = (short[candidates.segment] & (score > -torch.inf)).nonzero()[:, 0]
    chosen = rows[best(score[rows], candidates.segment[rows], budget.hits_left)]
    budget.spend(candidates.segment[chosen])
    return chosen


def draw_excess(
    field: Field,
    candidates: Candidates,
    hit: Tensor,
    edges: Edges,
    budget: Budget,
    context: Tensor,
    place: Tensor,
    noise: Noise,
    proposals: int,
) -> Tensor:
    """Excess energies of the hits in MeV ``[H]``, which sum to the profile in every layer."""
    among = edges.among(hit, len(candidates))
    segment, turn_of_hit = candidates.segment[hit], candidates.turn[hit]
    seen = Seen(among, len(hit))
    relative = torch.zeros(len(hit), device=place.device)
    for turn in range(2 * budget.num_colours):
        rows = (turn_of_hit == turn).nonzero()[:, 0]
        here = segment[rows]
        layer = field.layer(context, budget.brief(turn % budget.num_colours, with_energy=True))
        parameters = field(layer[here], place[rows], seen.features()[rows])
        number = torch.arange(proposals, device=rows.device)
        shower, cell = candidates.shower[hit[rows]], candidates.cell[hit[rows]]
        counter = cell[:, None] * proposals + number
        log_relative = mixture_sample(
            parameters[:, None],
            noise.uniform(shower[:, None], counter, ENERGY_STREAM),
            noise.logistic(shower[:, None], counter, ENERGY_STREAM + 1),
        )
        drawn = (log_relative.clamp_max(MAX_LOG_RELATIVE).exp() - EPS).clamp_min(0.0)
        relative[rows] = _nearest_sum(drawn, here, budget)
        budget.spend(here, relative[rows] * budget.threshold[here])
        seen.learn(among.where(turn_of_hit[among.source] == turn), relative)
    return _rescale(relative * budget.threshold[segment], segment, budget)


def _nearest_sum(drawn: Tensor, segment: Tensor, budget: Budget) -> Tensor:
    """The proposal of ``[R, M]`` whose sum is nearest to what is left, for a layer's last hits."""
    num_segments = len(budget.counts)
    total = drawn.new_zeros(num_segments, drawn.shape[1]).index_add(0, segment, drawn)
    left = budget.excess_left / budget.threshold
    nearest = (total - left[:, None]).abs().argmin(dim=1)
    hits = torch.bincount(segment, minlength=num_segments)
    nearest = torch.where(hits == budget.hits_left, nearest, 0)
    return drawn.gather(1, nearest[segment][:, None])[:, 0]


def _rescale(excess: Tensor, segment: Tensor, budget: Budget) -> Tensor:
    """A common factor on the excess of each layer, so that it sums to the profile's."""
    total = excess.new_zeros(len(budget.counts)).index_add(0, segment, excess)
    share = budget.excess / budget.counts.clamp_min(1)  # where every draw was zero: equal parts
    factor = budget.excess / total.clamp_min(1e-12)
    return torch.where(total[segment] > 0, excess * factor[segment], share[segment])
