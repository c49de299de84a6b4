"""Which cells are lit: sampling on the cell graph, turn after turn."""

import torch
from torch import Tensor

from pointcalo.networks.budget import Budget
from pointcalo.networks.candidates import Pool
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.deciding import TurnNumber, best, decided
from pointcalo.networks.edges import Cells, Edges, edges_beside
from pointcalo.networks.lit import Lit, Sight
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.place import Place
from pointcalo.showers.noise import Noise

OCCUPANCY_STREAM = 10
START_STREAM = 11
COIN_STREAM = 18
LAST_RESORT = 1e4  # off the score of cells that are lit only where nothing else is left


class Lighting:
    """Lights the cells of S showers; for one use.

    Args:
        field: log odds of cells.
        number: of hits in a turn.
        place: features of their places.
        pool: cells to look at.
        budget: hits of each layer, spent on the way.
        context: of the layers, ``[S L, W]``.
        sight: what cells see of the hits beside them.
        outlook: on the cells of later turns.
        noise: keys of the showers.
    """

    def __init__(
        self,
        field: CellField,
        number: TurnNumber,
        place: Place,
        pool: Pool,
        budget: Budget,
        context: Tensor,
        sight: Sight,
        outlook: Outlook,
        noise: Noise,
    ) -> None:
        self.field, self.number, self.place = field, number, place
        self.pool, self.budget = pool, budget
        self.outlook, self.coming = outlook, outlook.features()
        self.context, self.sight, self.noise = context, sight, noise
        self.near, self.far = pool.cells(pool.near), pool.cells(pool.far)
        self.lit = Lit(context.device)
        self.dark: list[tuple[Cells, Tensor]] = []

    def hits(self) -> tuple[Cells, Edges]:
        """The lit cells by rising key, and the edges between them.

        Raises:
            ValueError: fewer cells near the axis than hits in a layer.
        """
        for turn in range(2 * self.budget.num_colours):
            if turn == self.budget.num_colours:  # even layers are decided
                self.coming = self.outlook.features()
            self._add(self._decided(turn), turn)
        missing = int(self.budget.hits_left.clamp_min(0).sum())
        if missing and not torch.jit.is_tracing():  # a program leaves them out
            raise ValueError(
                f"profile: {missing} hits more than the layers have cells near the axis; expected "
                "a shower that fits the geometry (is the model trained, does its axis cross the "
                "cells?)"
            )
        return _ordered(*self.lit.all(), self.pool.geometry.num_cells)

    def _decided(self, turn: int) -> Cells:
        """New hits of a turn, given those of earlier ones."""
        budget, step = self.budget, turn % self.budget.num_colours
        edges = self.lit.towards(turn)
        key, is_sure = self._candidates(turn, edges.touch.target, budget.hits_left)
        brief = budget.brief(step, self.coming, with_energy=False)
        cells, logit = self._log_odds(key, is_sure, edges.onto(key), brief)
        noise = self.noise.logistic(cells.shower, cells.cell, OCCUPANCY_STREAM)
        score = logit + noise
        chosen = decided(
            self.number,
            logit,
            noise,
            cells.segment,
            brief=brief,
            left=budget.hits_left,
            last=budget.last == step,
            start=self._uniform(turn, START_STREAM),
            coin=self._uniform(turn, COIN_STREAM),
        )
        dark, chosen = (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]
        budget.spend(cells.segment[chosen])
        self.dark.append((cells[dark], score[dark]))
        short = self._short(turn)
        if torch.jit.is_tracing() or bool(short.any()):
            return Cells.join([cells[chosen], self._fill(short)])
        return cells[chosen]

    def _add(self, hits: Cells, turn: int) -> None:
        edges = edges_beside(self.pool.geometry, self.pool.frame, hits)
        beside = self.pool.cells(edges.target)
        self.lit.add(hits, edges, beside.turn)
        if turn < self.budget.num_colours:  # odd layers are yet to come
            self.outlook.add_edges(edges, beside)

    def _candidates(self, turn: int, known: Tensor, hits: Tensor) -> tuple[Tensor, Tensor]:
        """Keys of the cells of a turn to choose ``hits [Q]`` from; whether each is there surely."""
        key, is_sure = self.pool.look(
            torch.cat([self.pool.near[self.near.turn == turn], known]),
            self.pool.far[self.far.turn == turn],
        )
        wanted = (hits[self.pool.cells(key).segment] > 0).nonzero()[:, 0]
        return key[wanted], is_sure[wanted]

    def _log_odds(
        self, key: Tensor, is_sure: Tensor, edges: Edges, brief: Tensor
    ) -> tuple[Cells, Tensor]:
        """Candidates and their log odds to be lit, ``[C]``."""
        cells = self.pool.cells(key)
        uv = self.pool.uv(cells)
        logit = self._logit(cells, uv, edges, brief)
        logit = _given_candidate(logit, self.pool.log_inclusion(cells, uv, is_sure))
        if self.pool.beyond is not None:
            logit = torch.where(self.pool.beyond.may_be_lit(cells, uv), logit, logit - LAST_RESORT)
        return cells, logit

    def _uniform(self, turn: int, stream: int) -> Tensor:
        """A uniform number for each layer, ``[Q]``."""
        segment = torch.arange(self.budget.counts.shape[0], device=self.budget.counts.device)
        num_layers = self.pool.geometry.num_layers
        return self.noise.uniform(segment // num_layers, segment % num_layers * 256 + turn, stream)

    def _logit(self, cells: Cells, uv: Tensor, edges: Edges, brief: Tensor) -> Tensor:
        """Log odds of cells to be lit, ``[C]``."""
        layer = self.field.layer_of(cells.segment, self.context, brief)
        area = self.pool.geometry.area(cells.cell)
        place = self.place(uv, self.budget.centre[cells.segment], area)
        return self.field(layer, place, self.sight(self.lit, edges, uv))[:, 0]

    def _short(self, turn: int) -> Tensor:
        """Layers whose turns are over and which have hits left, bool ``[Q]``."""
        budget = self.budget
        if turn % budget.num_colours < budget.num_colours - 1:
            return torch.zeros_like(budget.hits_left, dtype=torch.bool)
        return (budget.hits_left > 0) & (budget.parity == turn // budget.num_colours)

    def _fill(self, short: Tensor) -> Cells:
        """The best of the cells that stayed dark, for layers in which the last turn had too few."""
        cells = Cells.join([cells for cells, _ in self.dark])
        score = torch.cat([score for _, score in self.dark])
        rows = short[cells.segment].nonzero()[:, 0]
        rows = rows[best(score[rows], cells.segment[rows], self.budget.hits_left)]
        self.budget.spend(cells.segment[rows])
        return cells[rows]


def _ordered(hits: Cells, edges: Edges, num_cells: int) -> tuple[Cells, Edges]:
    """Hits by rising key, with the edges between them."""
    key, order = hits.key(num_cells).sort()
    every = torch.arange(order.shape[0], device=order.device)
    number = every.index_copy(0, order, every)
    edges = edges.onto(key)
    return hits[order], Edges(number[edges.source], edges.target, edges.kind)


def _given_candidate(logit: Tensor, log_inclusion: Tensor) -> Tensor:
    """Log odds of lit among candidates, when a cell is one with probability q: p / q."""
    log_p = torch.nn.functional.logsigmoid(logit) - log_inclusion
    # near cells have q = 1, where the logit itself is exact
    log_p = log_p.clamp_max(-1e-6)
    far = log_p - torch.log(-torch.expm1(log_p))
    return torch.where(log_inclusion < 0, far, logit)
