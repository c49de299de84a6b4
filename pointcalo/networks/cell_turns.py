"""Sampling on the cell graph, turn after turn: first which cells are lit, then their energies."""

import torch
from torch import Tensor

from pointcalo.networks.budget import EPS, LOWEST, Budget, best
from pointcalo.networks.candidates import Cells, Edges, Pool, edges_beside
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.lit import Lit, Sight
from pointcalo.networks.place import Place
from pointcalo.networks.seen import Seen
from pointcalo.networks.turn_share import TurnShare, promise
from pointcalo.nn.mixture import mixture_sample
from pointcalo.showers.noise import Noise

OCCUPANCY_STREAM = 10
ENERGY_STREAM = 12  # and 13
SHARE_STREAM = 14  # and 15
LAST_RESORT = 1e4  # off the score of cells that are lit only where nothing else is left
MAX_LOG_RELATIVE = 12.0  # keeps exp finite for an untrained network


def light_cells(
    field: CellField,
    place: Place,
    pool: Pool,
    budget: Budget,
    context: Tensor,
    sight: Sight,
    noise: Noise,
) -> tuple[Cells, Edges]:
    """Choose the lit cells; `sight` says what cells see of those of earlier turns.

    Returns:
        The hits by rising key, and the edges between them.

    Raises:
        ValueError: fewer cells near the axis than hits in a layer.
    """
    near, far = pool.cells(pool.near), pool.cells(pool.far)
    looked: list[tuple[Cells, Tensor]] = []
    lit = Lit(context.device)
    for turn in range(2 * budget.num_colours):
        colour = turn % budget.num_colours
        cells, is_sure, edges = _look(pool, near, far, lit, turn, budget)
        uv = pool.uv(cells)
        layer = field.layer(context, budget.brief(colour, with_energy=False))[cells.segment]
        places = place(uv, pool.geometry.area(cells.cell))
        logit = field(layer, places, sight(lit, edges, uv))[:, 0]
        logit = _given_candidate(logit, pool.log_inclusion(cells, uv, is_sure))
        score = logit + noise.logistic(cells.shower, cells.cell, OCCUPANCY_STREAM)
        if pool.beyond is not None:
            score = torch.where(pool.beyond.may_be_lit(cells, uv), score, score - LAST_RESORT)
        wanted = (score > 0) | (budget.last[cells.segment] == colour)
        chosen = best(score.masked_fill(~wanted, -torch.inf), cells.segment, budget.hits_left)
        chosen &= wanted
        budget.spend(cells.segment[chosen])
        looked.append((cells[~chosen], score[~chosen]))
        hits = cells[chosen]
        if bool((short := _short(budget, turn)).any()):
            hits = Cells.join([hits, _fill(looked, short, budget)])
        edges = edges_beside(pool.geometry, pool.frame, hits)
        lit.add(hits, edges, pool.cells(edges.target).turn)
    missing = int(budget.hits_left.clamp_min(0).sum())
    if missing:
        raise ValueError(
            f"profile: {missing} hits more than the layers have cells near the axis; expected a "
            "shower that fits the geometry (is the model trained, does its axis cross the cells?)"
        )
    return _ordered(*lit.all(), pool.geometry.num_cells)


def _look(
    pool: Pool,
    near: Cells,
    far: Cells,
    lit: Lit,
    turn: int,
    budget: Budget,
) -> tuple[Cells, Tensor, Edges]:
    """Candidates of a turn; whether each is sure to be looked at; the edges onto them."""
    edges = lit.towards(turn)
    key, is_sure = pool.look(
        torch.cat([pool.near[near.turn == turn], edges.target]),
        pool.far[far.turn == turn],
    )
    cells = pool.cells(key)
    wanted = budget.hits_left[cells.segment] > 0
    key, cells = key[wanted], cells[wanted]
    return cells, is_sure[wanted], edges.onto(key)


def _short(budget: Budget, turn: int) -> Tensor:
    """Layers whose turns are over and which have hits left, bool ``[Q]``."""
    if turn % budget.num_colours < budget.num_colours - 1:
        return torch.zeros_like(budget.hits_left, dtype=torch.bool)
    return (budget.hits_left > 0) & (budget.parity == turn // budget.num_colours)


def _fill(looked: list[tuple[Cells, Tensor]], short: Tensor, budget: Budget) -> Cells:
    """The best of the cells that stayed dark, for layers in which the last turn had too few."""
    cells = Cells.join([cells for cells, _ in looked])
    score = torch.cat([score for _, score in looked])
    rows = short[cells.segment].nonzero()[:, 0]
    rows = rows[best(score[rows], cells.segment[rows], budget.hits_left)]
    budget.spend(cells.segment[rows])
    return cells[rows]


def _ordered(hits: Cells, edges: Edges, num_cells: int) -> tuple[Cells, Edges]:
    """Hits by rising key, with the edges between them."""
    key, order = hits.key(num_cells).sort()
    number = torch.empty_like(order)
    number[order] = torch.arange(len(order), device=order.device)
    edges = edges.onto(key)
    return hits[order], Edges(number[edges.source], edges.target, edges.kind)


def _given_candidate(logit: Tensor, log_inclusion: Tensor) -> Tensor:
    """Log odds of lit among candidates, when a cell is one with probability q: p / q."""
    log_p = torch.nn.functional.logsigmoid(logit) - log_inclusion
    # near cells have q = 1, where the logit itself is exact
    log_p = log_p.clamp_max(-1e-6)
    far = log_p - torch.log(-torch.expm1(log_p))
    return torch.where(log_inclusion < 0, far, logit)


def draw_excess(
    field: CellField,
    share: TurnShare,
    hits: Cells,
    seen: Seen,
    budget: Budget,
    context: Tensor,
    place: Tensor,
    noise: Noise,
    proposals: int,
) -> Tensor:
    """Excess energies of the hits in MeV ``[H]``, which sum to the profile in every layer."""
    segment = hits.segment
    relative = torch.zeros(len(hits), device=place.device)
    for turn in range(2 * budget.num_colours):
        rows = (hits.turn == turn).nonzero()[:, 0]
        here = segment[rows]
        layer = field.layer(context, budget.brief(turn % budget.num_colours, with_energy=True))
        parameters = field(layer[here], place[rows], seen.features()[rows])
        number = torch.arange(proposals, device=rows.device)
        shower, counter = hits.shower[rows], hits.cell[rows, None] * proposals + number
        log_relative = mixture_sample(
            parameters[:, None],
            noise.uniform(shower[:, None], counter, ENERGY_STREAM),
            noise.logistic(shower[:, None], counter, ENERGY_STREAM + 1),
            low=LOWEST,
        )
        drawn = (log_relative.clamp_max(MAX_LOG_RELATIVE).exp() - EPS).clamp_min(0.0)
        wanted = _wanted_sum(share, parameters, here, budget, noise, turn)
        relative[rows] = _nearest_sum(drawn, here, wanted, budget)
        budget.spend(here, relative[rows] * budget.threshold[here])
        seen.learn(seen.edges.where(hits.turn[seen.edges.source] == turn), relative)
    return rescale(relative * budget.threshold[segment], segment, budget)


def _wanted_sum(
    share: TurnShare,
    parameters: Tensor,
    segment: Tensor,
    budget: Budget,
    noise: Noise,
    turn: int,
) -> Tensor:
    """What the hits of a turn should sum to, in thresholds, ``[Q]``.

    All that is left for a layer's last hits, NaN for a hit alone, which is drawn as it is.
    """
    energy_left = budget.excess_left.clamp_min(0.0) / budget.threshold
    hits = torch.bincount(segment, minlength=len(energy_left))
    promised = promise(parameters, segment, budget.hits_left, energy_left)
    number = torch.arange(len(hits), device=hits.device)
    num_layers = len(hits) // len(noise)
    shower, counter = number // num_layers, number % num_layers * 64 + turn
    drawn = share.sample(
        promised,
        noise.uniform(shower, counter, SHARE_STREAM),
        noise.logistic(shower, counter, SHARE_STREAM + 1),
    )
    wanted = torch.where(hits > 1, drawn * energy_left, torch.nan)
    return torch.where(hits == budget.hits_left, energy_left, wanted)


def _nearest_sum(drawn: Tensor, segment: Tensor, wanted: Tensor, budget: Budget) -> Tensor:
    """The proposal of ``[R, M]`` whose sum is nearest to the wanted one ``[Q]``.

    Where none is wanted (NaN), the first that leaves energy for the other hits.
    """
    total = drawn.new_zeros(len(wanted), drawn.shape[1]).index_add(0, segment, drawn)
    energy_left = (budget.excess_left / budget.threshold)[:, None]
    wanted = wanted[:, None]
    distance = torch.where(wanted.isnan(), (total >= energy_left).float(), (total - wanted).abs())
    return drawn.gather(1, distance.argmin(dim=1)[segment][:, None])[:, 0]


def rescale(excess: Tensor, segment: Tensor, budget: Budget) -> Tensor:
    """A common factor on the excess of each layer, so that it sums to the profile's."""
    total = excess.new_zeros(len(budget.counts)).index_add(0, segment, excess)
    share = budget.excess / budget.counts.clamp_min(1)  # where every draw was zero: equal parts
    factor = budget.excess / total.clamp_min(1e-12)
    return torch.where(total[segment] > 0, excess * factor[segment], share[segment])
