"""Speed of the hot paths on this machine, as JSON: cells, reading, simulation, sampling.

Each number is the median of several rounds in one process, all on the same number of threads:
    python tools/benchmark.py --run runs/NAME --like showers.h5 --output benchmark.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pointcalo.cli.run_directory import trained_model
from pointcalo.formats import NativeFile
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident
from pointcalo.simulation import ParametricSimulation, ParticleGun

ROUNDS = 7
POINTS = 2_000_000
SHOWERS = 300


def seconds(work: Callable[[], object]) -> float:
    """Median time of one call, after one that is not counted."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds)


def cells(name: str) -> dict[str, float]:
    """Million points a second through `cell_at`; milliseconds for 2600 x 61 nearest cells."""
    geometry = Geometry.load(name)
    generator = torch.Generator().manual_seed(1)
    layer = torch.randint(0, geometry.num_layers, (POINTS,), generator=generator)
    xy = 300 * (torch.rand(POINTS, 2, generator=generator) - 0.5)
    few = slice(0, 2600)
    return {
        "cell_at_million_points_per_second": POINTS
        / seconds(lambda: geometry.cell_at(layer, xy))
        / 1e6,
        "nearest_2600_times_61_ms": 1e3
        * seconds(lambda: geometry.nearest(layer[few], xy[few], 61)),
    }


def simulation(name: str) -> dict[str, float]:
    """Parametric showers a second, photons of 1-100 GeV."""
    geometry = Geometry.load(name)
    incident = ParticleGun.at(geometry).draw(SHOWERS, seed=1)
    simulate = ParametricSimulation(geometry).simulate
    return {"showers_per_second": SHOWERS / seconds(lambda: simulate(incident, 1))}


def reading(path: Path) -> dict[str, float]:
    """Showers a second out of a file."""
    return {"showers_per_second": len(NativeFile(path)) / seconds(lambda: NativeFile(path).read())}


def sampling(run: Path, incident: Incident) -> dict[str, float]:
    """Milliseconds a shower end to end (profile, hits, cells), by size of the batch."""
    model, _ = trained_model(run, "cpu")
    chosen = incident[:SHOWERS]
    result = {"batch_1_ms": sampling_ms(model, incident[:30], 1)}
    result |= {f"batch_{batch}_ms": sampling_ms(model, chosen, batch) for batch in (10, 100)}
    showers = Sampler(model, max_showers=100).sample(chosen, seed=1)
    hits = sum(batch.num_points for batch in showers) / len(chosen)
    per_hit = 1e3 * result["batch_100_ms"] / hits
    return result | {"hits_per_shower": hits, "batch_100_us_per_hit": per_hit}


def sampling_ms(model: Model, incident: Incident, batch: int) -> float:
    """Milliseconds a shower, in batches of so many showers."""
    sampler = Sampler(model, max_showers=batch)
    return 1e3 * seconds(lambda: list(sampler.sample(incident, seed=1))) / len(incident)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geometry", default="hgcal")
    parser.add_argument("--run", type=Path, help="run directory of a training, to time sampling")
    parser.add_argument("--like", type=Path, help="file of showers, to time reading, and sampling")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = {
        "threads": options.threads,
        "torch": str(torch.__version__),
        "cells": cells(options.geometry),
        "simulation": simulation(options.geometry),
    }
    if options.like is not None:
        result["reading"] = reading(options.like)
    if options.run is not None:
        gun = ParticleGun.at(Geometry.load(options.geometry))
        incident = NativeFile(options.like).incident() if options.like else gun.draw(SHOWERS, 1)
        result["sampling"] = sampling(options.run, incident)
    text = json.dumps(result, indent=2)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
