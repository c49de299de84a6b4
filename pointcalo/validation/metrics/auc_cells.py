"""`auc_cells`: how well a network on lit cells tells generated showers from the reference.

Gradient boosting sees what someone thought of as a feature; this classifier sees the cells, and
what is lit about each of them. The more showers it learns from, the more it sees.
"""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.validation.metrics.auc_features import MIN_PAIRS, MIN_SHOWERS, auc_over_seeds
from pointcalo.validation.metrics.cell_graphs import MIRRORED, CellGraphs, graphs_of
from pointcalo.validation.metrics.cell_training import scores, trained
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.metric import Metric, Pair

FOLDS = 3
MAX_POINTS = 1_000_000
"""Hits of a side: of more showers the first are used, but MIN_SHOWERS at least."""


def auc_cells(pair: Pair) -> Estimate:
    """AUC of a message-passing network on lit cells, from held-out predictions in 3 folds.

    Folds are of pairs, as in `auc_features`, and the error is estimated as there. Within what a
    fold leaves to learn from, a sixth of the pairs says when to stop.

    Returns:
        The AUC with its error; status "too few" below 1000 showers a side, "different incident
        particles" where the pairs are none, "undefined" below 10 pairs.

    Source: classifiers on hits as a measure of generators: Krause and Shih 2021,
    arXiv:2106.05285 (low-level features); messages: Gilmer et al. 2017, arXiv:1704.01212.
    """
    n = _used(pair)
    if n < MIN_PAIRS:
        return Estimate.missing(n)
    graphs = CellGraphs.cat(graphs_of(pair.reference, n), graphs_of(pair.generated, n))
    return auc_over_seeds(pair, n, partial(held_out_scores, _standardised(graphs)))


def held_out_scores(graphs: CellGraphs, seed: int) -> NDArray[np.float64]:
    """Score of every shower by a network that saw neither it nor its partner.

    Args:
        graphs: 2 n showers, the reference, then their partners.
        seed: Of folds and networks; torch's own random numbers are left as they were.

    Returns:
        Log odds of being generated, [2, n]: reference, generated.
    """
    n = len(graphs) // 2
    fold = torch.from_numpy(np.random.default_rng(seed).permutation(n) % FOLDS)
    held_out = torch.empty(2, n)
    with torch.random.fork_rng(devices=[]):
        for k in range(FOLDS):
            torch.manual_seed(FOLDS * seed + k)
            network = trained(graphs, (fold != k).nonzero()[:, 0])
            judged = (fold == k).nonzero()[:, 0]
            held_out[:, judged] = scores(network, graphs, judged)
    return held_out.double().numpy()


def _used(pair: Pair) -> int:
    """How many pairs: those kept on both sides, up to MAX_POINTS hits of either."""
    sides = (pair.reference.showers, pair.generated.showers)
    kept = min(pair.n, *map(len, sides))
    within = min(int((side.ptr[1:] <= MAX_POINTS).sum()) for side in sides)
    return min(kept, max(within, MIN_SHOWERS))


def _standardised(graphs: CellGraphs) -> CellGraphs:
    """Columns with mean 0 and standard deviation 1, over both sides alike; v keeps its zero."""

    def standardised(columns: Tensor, mean: Tensor) -> Tensor:
        return (columns - mean) / columns.std(0, correction=0).clamp(min=1e-3)

    if not len(graphs.features):
        return graphs
    centre = graphs.features.mean(0)
    centre[MIRRORED] = 0
    return graphs.with_columns(
        standardised(graphs.features, centre),
        standardised(graphs.condition, graphs.condition.mean(0)),
    )


METRICS = (
    Metric(
        "auc_cells",
        "AUC of a classifier on cells",
        "1",
        "area under the ROC curve of a message-passing network on lit cells and their "
        "neighbours, held-out showers",
        "Krause and Shih 2021, arXiv:2106.05285; Gilmer et al. 2017, arXiv:1704.01212",
        auc_cells,
        ideal=0.5,
        group="classifiers",
    ),
)
