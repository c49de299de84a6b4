"""The energies of lit cells: sampling on the cell graph, turn after turn."""

import torch
from torch import Tensor

from pointcalo.networks.budget import EPS, LOWEST, Budget
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.edges import Cells
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.seen import Seen
from pointcalo.networks.turn_share import TurnShare, promise
from pointcalo.nn.mixture import mixture_sample
from pointcalo.showers.noise import Noise

ENERGY_STREAM = 12  # and 13
SHARE_STREAM = 14  # and 15
MAX_LOG_RELATIVE = 12.0  # keeps exp finite for an untrained network


def draw_excess(
    field: CellField,
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
    relative = torch.zeros(len(hits), device=place.device)
    coming, edges = outlook.features(), seen.edges
    for turn in range(2 * budget.num_colours):
        if turn == budget.num_colours:  # the energies in even layers are known
            ahead = edges.where(hits.turn[edges.source] < turn)
            outlook.add_edges(ahead, hits[ahead.target], torch.log1p(relative[ahead.source]))
            coming = outlook.features()
        rows = (hits.turn == turn).nonzero()[:, 0]
        here = segment[rows]
        layer = field.layer(
            context, budget.brief(turn % budget.num_colours, coming, with_energy=True)
        )
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
        seen.learn(edges.where(hits.turn[edges.source] == turn), relative)
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
    shower, counter = number // num_layers, number % num_layers * 256 + turn
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
