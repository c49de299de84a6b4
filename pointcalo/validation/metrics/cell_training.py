"""Training of the message-passing classifier, until it stops improving."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel

from pointcalo.validation.metrics.cell_graphs import CellGraphs
from pointcalo.validation.metrics.cell_network import CellNetwork

# Chosen on Geant4 photons in hgcal, 1362 of the training split, against showers of a generator for
# the same particles. The test split, on which results are read, was not looked at.
BATCH_POINTS = 14_000  # both sides
MIN_BATCHES = 10
MAX_EPOCHS = 60
PAIRS_AN_EPOCH = 25
PATIENCE = 8  # epochs
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.3
LARGEST_GRADIENT = 1.0
MEMORY = 50  # steps that weights are averaged over
INNER = 6  # one part in so many says when to stop


def trained(graphs: CellGraphs, pairs: Tensor) -> CellNetwork:
    """A classifier trained on pairs, by torch's global random numbers.

    A sixth of the pairs is not learnt from, but says when to stop: the weights, averaged over the
    last steps, that have the least loss there are kept, and PATIENCE epochs without a better one
    end the training. Below 1500 pairs there are at most a 25th of them epochs: passes over so few
    showers teach nothing more.

    Args:
        graphs: 2 n showers; k and k + n are a pair, the second generated.
        pairs: Those to use, [m] in 0..n-1.
    """
    pairs = pairs[torch.randperm(len(pairs))]
    inner, learn = pairs[: len(pairs) // INNER], pairs[len(pairs) // INNER :]
    network = CellNetwork(
        graphs.features.shape[1],
        graphs.condition.shape[1],
        int(graphs.layer.max()) + 1 if len(graphs.layer) else 1,
        len(graphs.layer) / len(graphs),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    mean = AveragedModel(network, avg_fn=_running_mean)
    best, least, waited = copy.deepcopy(network), float("inf"), 0
    for _ in range(min(MAX_EPOCHS, max(1, len(pairs) // PAIRS_AN_EPOCH))):
        network.train()
        for chosen in _batches(graphs, learn[torch.randperm(len(learn))], MIN_BATCHES):
            sign = torch.where(torch.rand(len(chosen)) < 0.5, 1.0, -1.0)
            odds = network(_of_pairs(graphs, chosen).mirrored(sign.repeat(2)))
            optimizer.zero_grad()
            _loss(odds.view(2, -1)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            mean.update_parameters(network)
        loss = float(_loss(scores(mean.module, graphs, inner)))
        waited += 1
        if loss < least:
            best, least, waited = copy.deepcopy(mean.module), loss, 0
        if waited == PATIENCE:
            break
    return best


def scores(network: CellNetwork, graphs: CellGraphs, pairs: Tensor) -> Tensor:
    """Log odds of pairs [m], [2, m]: reference, generated; the mean of a shower and its mirror."""
    network.eval()
    parts = []
    with torch.no_grad():
        for chosen in _batches(graphs, pairs):
            batch = _of_pairs(graphs, chosen)
            mirror = batch.mirrored(-torch.ones(len(batch)))
            parts.append((network(batch) + network(mirror)).view(2, -1) / 2)
    return torch.cat(parts, dim=1)


def _running_mean(mean: Tensor, value: Tensor, number: Tensor) -> Tensor:
    """Mean of weights over all steps, over the last MEMORY of them when there are more."""
    return mean.lerp(value, max(1 / MEMORY, 1 / (int(number) + 1)))


def _loss(odds: Tensor) -> Tensor:
    """Cross-entropy of log odds, [2, m]."""
    truth = torch.tensor([[0.0], [1.0]]).expand_as(odds)
    return binary_cross_entropy_with_logits(odds, truth)


def _of_pairs(graphs: CellGraphs, pairs: Tensor) -> CellGraphs:
    return graphs[torch.cat([pairs, pairs + len(graphs) // 2])]


def _batches(graphs: CellGraphs, pairs: Tensor, at_least: int = 1) -> Iterator[Tensor]:
    """Pairs in batches of about BATCH_POINTS hits, or in about so many as are asked for."""
    counts = graphs.ptr.diff().view(2, -1).sum(0)[pairs]
    size = max(1, min(BATCH_POINTS, int(counts.sum()) // at_least))
    number = (counts.cumsum(0) - counts) // size
    return iter(pairs.split(torch.unique_consecutive(number, return_counts=True)[1].tolist()))
