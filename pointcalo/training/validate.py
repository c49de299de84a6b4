"""Losses on held-out showers, and the judge's distances from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch

from pointcalo.models.base import Model, Stream
from pointcalo.training.processes import Processes


@torch.no_grad()
def validation_terms(
    model: Model,
    players: list[str],
    stream: Stream,
    processes: Processes,
    *,
    seed: int,
    batches: int | None,
) -> dict[str, dict[str, float]]:
    """Mean of each term over the held-out showers of all processes.

    The random numbers are the same at each call, and those of the training go on afterwards as if
    there had been none.

    Args:
        model: in evaluation mode.
        players: whose losses to compute.
        stream: held-out showers of this process; its epoch 0 is used.
        processes: to average over.
        seed: of the random numbers.
        batches: at most so many; None: all.

    Returns:
        player -> term -> mean per shower.

    Raises:
        ValueError: there are no held-out showers.
    """
    sums: dict[tuple[str, str], float] = {}
    num_showers = 0
    device = processes.device
    with _aside(processes, seed):
        for showers in islice(stream.epoch(0), batches):
            showers = showers.to(device)
            num_showers += len(showers)
            for player in players:
                with processes.fabric.autocast():
                    terms = model.losses(player, showers)
                for term, value in terms.items():
                    key = player, term
                    sums[key] = sums.get(key, 0.0) + len(showers) * float(value)
    if num_showers == 0:
        raise ValueError("validation showers: none; check the file and its split")
    means = torch.tensor([total / num_showers for total in sums.values()], device=device)
    means = processes.mean(means, num_showers)
    result: dict[str, dict[str, float]] = {player: {} for player in players}
    for (player, term), mean in zip(sums, means.tolist(), strict=True):
        result[player][term] = mean
    return result


@torch.no_grad()
def judged_terms(
    model: Model, judge: Callable[[Model], dict[str, float]], processes: Processes, *, seed: int
) -> dict[str, float]:
    """What a judge says of a model, mean over the processes; random numbers as in validation.

    Args:
        model: in evaluation mode.
        judge: gives distances by name, the same names in each process.
        processes: to average over.
        seed: of the random numbers.
    """
    with _aside(processes, seed):
        terms = judge(model)
    values = torch.tensor(list(terms.values()), dtype=torch.float64, device=processes.device)
    return dict(zip(terms, processes.mean(values, 1.0).tolist(), strict=True))


@contextmanager
def _aside(processes: Processes, seed: int) -> Iterator[None]:
    """Random numbers of a seed; those of the training go on afterwards as if there were none."""
    device = processes.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed + processes.rank)
        yield
