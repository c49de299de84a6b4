"""Speed of the hot paths on this machine: sampling, training, reading, cells; JSON and a table.

    python tools/benchmark.py --geant4 20 --output performance.json runs/hgcal_vae runs/ild_vae

Every run is sampled with the particles of its training file by each engine that knows it, with one
thread and with all, in batches of 1, 10, 100 and 1000: from incident particles to hits on cells.
Each engine and number of threads has a process of its own, whose first call and peak memory are
measured. Beside them stand the parametric simulation and, if asked for, Geant4, for the same
particles. Numbers are medians of several rounds; nothing else should run.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from pointcalo.cli.run_directory import run_config, trained_model
from pointcalo.formats import ShowerStream, open_files
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.sampling import Sampler
from pointcalo.sampling.sampler import ENGINES
from pointcalo.showers import Incident
from pointcalo.simulation import ParametricSimulation

ROUNDS = 3
POINTS = 2_000_000
SHOWERS = 300
BATCHES = (1, 10, 100, 1000)
FEW = 30  # showers to time one by one
TRAINING_BATCH = 32
ONE_THREAD = ("onnx",)  # engines that take no more


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of one call, after one that is not counted."""
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def cells(geometry: Geometry) -> dict[str, float]:
    """Million points a second through `cell_at`; milliseconds for 2600 x 61 nearest cells."""
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


def simulation(geometry: Geometry, incident: Incident, geant4: int) -> dict[str, float]:
    """Milliseconds a shower of the parametric simulation, and of Geant4 for its first showers."""
    parametric = ParametricSimulation(geometry).simulate
    taken = {"parametric_ms": 1e3 * seconds(lambda: parametric(incident, 1)) / len(incident)}
    if geant4:
        from pointcalo.simulation.geant4 import Geant4Simulation

        some = incident[:geant4]
        with Geant4Simulation(geometry, physics="G4EmStandardPhysics") as g4:
            taken["geant4_ms"] = 1e3 * seconds(lambda: g4.simulate(some, 1), 1) / geant4
    return taken


def reading(file: ShowerFile) -> dict[str, float]:
    """Showers a second out of a file."""
    whole = slice(len(file))
    return {"showers_per_second": len(file) / seconds(lambda: file.read(whole))}


def training(model: Model, file: ShowerFile, geometry: Geometry) -> dict[str, float]:
    """Training showers a second of every player: losses and their gradients."""
    stream = ShowerStream([file], batch=TRAINING_BATCH, split="train", geometry=geometry)
    showers = next(iter(stream.epoch(0)))
    model.train()
    found = {}
    for name in model.players():

        def step(name: str = name) -> None:
            sum(model.losses(name, showers).values()).backward()

        found[name] = len(showers) / seconds(step)
    return found


def sampling_ms(model: Model, incident: Incident, batch: int, engine: str = "eager") -> float:
    """Milliseconds a shower, in batches of so many showers."""
    sampler = Sampler(model, max_showers=batch, max_points=10**9, engine=engine)
    return 1e3 * seconds(lambda: list(sampler.sample(incident, seed=1))) / len(incident)


def sampling(run: Path, engine: str) -> dict[str, Any]:
    """Sampling of a run by an engine, in this process."""
    model, _ = trained_model(run, "cpu")
    incident = shower_file(run).incident()
    start = time.perf_counter()
    list(Sampler(model, engine=engine).sample(incident[:1], seed=1))
    found: dict[str, Any] = {"first_call_ms": 1e3 * (time.perf_counter() - start)}
    for batch in BATCHES:
        some = incident[: FEW if batch == 1 else max(SHOWERS, batch)]
        found[f"batch_{batch}_ms"] = sampling_ms(model, some, batch, engine)
    hits = [b.num_points for b in Sampler(model, engine=engine).sample(incident[:1000], seed=1)]
    found["hits_per_shower"] = sum(hits) / min(1000, len(incident))
    found["batch_1000_us_per_hit"] = 1e3 * found["batch_1000_ms"] / found["hits_per_shower"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return found | {"peak_memory_MB": peak / 1e3}


def of_run(run: Path, engines: Sequence[str], geant4: int, most_threads: int) -> dict[str, Any]:
    """All of a run."""
    model, geometry = trained_model(run, "cpu")
    config, file = run_config(run), shower_file(run)
    rows = []
    for engine in engines:
        for threads in sorted({1, 1 if engine in ONE_THREAD else most_threads}):
            command = [sys.executable, __file__, str(run), "--worker", engine]
            done = subprocess.run(
                [*command, "--threads", str(threads)], capture_output=True, text=True
            )
            if done.returncode == 0:
                rows.append({"engine": engine, "threads": threads, **json.loads(done.stdout)})
            else:
                said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
                print(f"{run.name}, {engine}: {said[-1]}", file=sys.stderr)
    return {
        "run": run.name,
        "model": config.model._target_.rpartition(".")[2],
        "network": config.network._target_.rpartition(".")[2],
        "geometry": geometry.name,
        "cells": cells(geometry),
        "simulation": simulation(geometry, file.incident()[:SHOWERS], geant4),
        "reading": reading(file),
        "training": training(model, file, geometry),
        "sampling": rows,
    }


def shower_file(run: Path) -> ShowerFile:
    """The showers that a run was trained on."""
    return open_files(run_config(run).data or run / "showers.h5")[0]


def table(results: list[dict[str, Any]]) -> str:
    """Sampling in Markdown."""
    head = [
        "run",
        "model",
        "network",
        "geometry",
        "engine",
        "threads",
        *(f"batch {b}" for b in BATCHES),
    ]
    head += ["us / hit", "first call", "memory, MB"]
    lines = [head, ["---"] * len(head)]
    for result in results:
        for row in result["sampling"]:
            times = [f"{row[f'batch_{batch}_ms']:.2f}" for batch in BATCHES]
            rest = [f"{row['batch_1000_us_per_hit']:.1f}", f"{row['first_call_ms']:.0f}"]
            name = [f"{result['run']} ({row['hits_per_shower']:.0f} hits)"]
            name += [result[part] for part in ("model", "network", "geometry")]
            name += [row["engine"], str(row["threads"])]
            lines.append([*name, *times, *rest, f"{row['peak_memory_MB']:.0f}"])
        for kind, ms in result["simulation"].items():
            label = "Geant4" if kind.startswith("geant4") else "parametric simulation"
            blank = [""] * (len(head) - 9)
            name = [label, "", "", result["geometry"], "", "1"]
            lines.append([*name, "", "", f"{ms:.2f}", *blank])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run directories of trainings")
    parser.add_argument("--geant4", type=int, default=0, help="showers of Geant4 to time; 0: none")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--output", type=Path, help="file of the numbers, JSON")
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="most threads; 1: one alone"
    )
    options = parser.parse_args()
    if options.worker is not None:
        torch.set_num_threads(options.threads)
        print(json.dumps(sampling(options.runs[0], options.worker)))
        return
    torch.set_num_threads(1)
    results = []
    for run in options.runs:
        results.append(of_run(run, options.engines, options.geant4, options.threads))
        if options.output is not None:
            text = json.dumps({"torch": str(torch.__version__), "runs": results}, indent=2)
            options.output.write_text(text + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
