"""What the showers of a run ask of a machine: operations of torch, matrix products, memory; JSON.

    python tools/shower_work.py runs/hgcal_vae

With the particles of the training's file, on one thread of the CPU. Operations are those of one
shower alone (what keeps `engine=eager` from being quick there), products those of 100 showers
beside what torch reaches in a large one (the least time they can take), memory what batches of
different sizes add to a process of their own. docs/performance.md tells what follows.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from benchmark import shower_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pointcalo.cli.run_directory import trained_model
from pointcalo.models import Model
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident

SHOWERS = 100
BATCHES = (5_000, 50_000, 200_000)  # most hits of a batch
SHOWERS_IN_MEMORY = 1000
SIDE, PRODUCTS = 1000, 20  # of a large matrix; how many products


class Counter(TorchDispatchMode):
    """Counts operations of torch."""

    number = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.number += 1
        return function(*args, **(kwargs or {}))


def operations(model: Model, incident: Incident) -> float:
    """Operations of torch for a shower alone, mean of some."""
    sampler, counter = Sampler(model, max_showers=1), Counter()
    list(sampler.sample(incident[:1], seed=1))
    with counter:
        for number in range(10):
            list(sampler.sample(incident[number : number + 1], seed=1))
    return counter.number / 10


def products(model: Model, incident: Incident) -> dict[str, Any]:
    """Million floating point operations of matrix products a shower, of all and by network."""
    cells = 0

    def count(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal cells
        cells += len(inputs[0])

    occupancy = getattr(model.generator, "occupancy", None)
    hook = occupancy.register_forward_pre_hook(count) if occupancy is not None else None
    with FlopCounterMode(display=False) as counter:
        hits = sum(batch.num_points for batch in Sampler(model).sample(incident, seed=1))
    if hook is not None:
        hook.remove()
    top = type(model.generator).__name__
    parts = {
        name.removeprefix(f"{top}."): sum(found.values()) / 1e6 / len(incident)
        for name, found in counter.get_flop_counts().items()
        if name.startswith(f"{top}.") and name.count(".") == 1
    }
    return {
        "hits": hits / len(incident),
        "cells_looked_at": cells / len(incident),
        "MFLOP": counter.get_total_flops() / 1e6 / len(incident),
        "MFLOP_by_network_of_the_generator": parts,
        "GFLOP_per_second_of_large_products": peak(),
    }


def peak() -> float:
    """What torch reaches in products of large matrices."""
    matrix = torch.randn(SIDE, SIDE)
    best = float("inf")
    for _ in range(PRODUCTS):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * SIDE**3 / best / 1e9


def memory(model: Model, incident: Incident, max_points: int) -> dict[str, float]:
    """Hits of the largest batch, and MB that sampling adds to this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sampler = Sampler(model, max_points=max_points, max_showers=10**6)
    largest = max(batch.num_points for batch in sampler.sample(incident, seed=1))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return {"hits": largest, "MB": (after - before) / 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run directory of a training")
    parser.add_argument("--max_points", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, _ = trained_model(options.run, "cpu")
    incident = shower_file(options.run).incident()
    if options.max_points is not None:
        print(json.dumps(memory(model, incident[:SHOWERS_IN_MEMORY], options.max_points)))
        return
    found: dict[str, Any] = {"operations_of_a_shower_alone": operations(model, incident)}
    found |= products(model, incident[:SHOWERS])
    commands = [[sys.executable, __file__, options.run, "--max_points", str(b)] for b in BATCHES]
    found["memory"] = [json.loads(subprocess.check_output(command)) for command in commands]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
