"""The energies of lit cells: sampling on the cell graph, turn after turn."""

import torch
from torch import Tensor

from pointcalo.networks.budget import Budget
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.edges import Cells, by_turn
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.seen import Seen
from pointcalo.networks.spectrum import Spectrum
from pointcalo.networks.turn_share import Turn, TurnShare
from pointcalo.showers.noise import Noise

ENERGY_STREAM = 12  # and 13
SHARE_STREAM = 14


def draw_excess(
    field: CellField,
    spectrum: Spectrum,
    share: TurnShare,
    hits: Cells,
    seen: Seen,
    outlook: Outlook,
    budget: Budget,
    context: Tensor,
    place: Tensor,
    noise: Noise,
    proposals: int,
) -> Tensor:
    """Excess energies of the hits in MeV ``[H]``, which sum to the profile in every layer."""
    segment = hits.segment
    relative = torch.zeros(hits.cell.shape[0], device=place.device)
    coming, edges, num_turns = outlook.features(), seen.edges, 2 * budget.num_colours
    hits_of = by_turn(hits.turn, num_turns)
    edges_from = by_turn(hits.turn[edges.source], num_turns)
    for turn in range(num_turns):
        if turn == budget.num_colours:  # the energies in even layers are known
            ahead = edges.where(hits.turn[edges.source] < turn)
            outlook.add_edges(ahead, hits[ahead.target], torch.log1p(relative[ahead.source]))
            coming = outlook.features()
        rows = hits_of[turn]
        here = segment[rows]
        brief = budget.brief(turn % budget.num_colours, coming, with_energy=True)
        layer = field.layer_of(here, context, brief)
        parameters = field(layer, place[rows], seen.features(rows))
        number = torch.arange(proposals, device=rows.device)
        shower, counter = hits.shower[rows], hits.cell[rows, None] * proposals + number
        drawn = spectrum.sample(
            parameters[:, None],
            noise.uniform(shower[:, None], counter, ENERGY_STREAM),
            noise.logistic(shower[:, None], counter, ENERGY_STREAM + 1),
        )
        energy_left = budget.excess_left.clamp_min(0.0) / budget.threshold
        now = Turn.of(spectrum.moments(parameters), here, budget.hits_left, energy_left)
        total = drawn.new_zeros(energy_left.shape[0], proposals).index_add(0, here, drawn)
        odds = share.log_odds(now, total, spectrum)
        proposal = _proposal(now, total, odds, noise, turn)
        taken = drawn.gather(1, proposal[here][:, None])[:, 0]
        relative = relative.index_copy(0, rows, taken)
        budget.spend(here, taken * budget.threshold[here])
        seen.learn(edges.where(edges_from[turn]), relative)
    return rescale(relative * budget.threshold[segment], segment, budget)


def _proposal(turn: Turn, total: Tensor, odds: Tensor, noise: Noise, number: int) -> Tensor:
    """Which of M proposals each layer takes at its turn of this number, ``[Q]``.

    For a layer's last hits that whose sum ``total [Q, M]`` is nearest to what is left. For others
    one of those that leave some energy, by log odds ``[Q, M]``.
    """
    segment = torch.arange(total.shape[0], device=total.device)[:, None]
    num_layers, proposals = total.shape[0] // noise.key.shape[0], total.shape[1]
    counter = (segment % num_layers * 256 + number) * proposals
    counter = counter + torch.arange(proposals, device=total.device)
    chance = noise.uniform(segment // num_layers, counter, SHARE_STREAM)
    score = odds - torch.log(-torch.log(chance))  # the largest: drawn with these odds
    nearest = (total - turn.energy_left[:, None]).abs().argmin(dim=1)
    taken = torch.where(odds.isneginf().all(dim=1), total.argmin(dim=1), score.argmax(dim=1))
    return torch.where(turn.hits == turn.hits_left, nearest, taken)


def rescale(excess: Tensor, segment: Tensor, budget: Budget) -> Tensor:
    """A common factor on the excess of each layer, so that it sums to the profile's."""
    total = excess.new_zeros(budget.counts.shape[0]).index_add(0, segment, excess)
    share = budget.excess / budget.counts.clamp_min(1)  # where every draw was zero: equal parts
    factor = budget.excess / total.clamp_min(1e-12)
    return torch.where(total[segment] > 0, excess * factor[segment], share[segment])
