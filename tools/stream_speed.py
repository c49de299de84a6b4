"""Training steps a second from files of each layout against the same showers in memory.

The showers of a file are written in each layout. An epoch of training from memory and one from the
file, of which a fifth fits the buffer, take turns, so that other work on the machine hits both:
    python tools/stream_speed.py --data showers.h5 --layouts pointcalo,showerdata,parquet
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

from pointcalo.formats import ShowerStream, open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named
from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.showers import Showers
from pointcalo.showers.particles import PDG_NUMBERS

SHARE = 5  # of the points of a file, one in so many fits the buffer


def write_as(name: str, showers: Showers, folder: Path, said: Conventions) -> Path:
    """The showers in a file of a layout."""
    path = folder / f"showers.{name}"
    outgoing = Outgoing(
        num_showers=len(showers),
        points="cells",
        source="a copy",
    )
    batches = (showers[first : first + 500] for first in range(0, len(showers), 500))
    layout_named(name).write(path, batches, outgoing, said)
    return path


def particle(showers: Showers) -> str:
    """Name of the first incident particle, for layouts that do not hold it."""
    number = int(showers.incident.pdg[0])
    return next(name for name, pdg in PDG_NUMBERS.items() if pdg == number)


def train(model: Model, optimiser: torch.optim.Optimizer, stream: ShowerStream, epoch: int) -> None:
    """One epoch of updates of all players."""
    for showers in stream.epoch(epoch):
        terms = [loss for name in model.players() for loss in model.losses(name, showers).values()]
        optimiser.zero_grad()
        torch.stack(terms).sum().backward()
        optimiser.step()


def measure(path: Path, memory: ShowerStream, said: Conventions, rounds: int) -> dict[str, float]:
    """Times of one layout, seconds, and the ratio of speeds: 1 where the file costs nothing."""
    geometry = said.geometry
    start = time.perf_counter()
    file = open_showers(path, said)
    points = int(file.offset[-1])
    opened = time.perf_counter() - start
    stream = ShowerStream(
        [file], batch=memory.batch, geometry=geometry, buffer_points=points // SHARE
    )
    profile, generator = ProfileModel(geometry), CellGenerator(geometry)
    model = VAE(profile=profile, generator=generator)
    model.prepare(memory)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ratios, seconds = [], []
    for epoch in range(rounds):
        took = []
        for source in (memory, stream) if epoch % 2 else (stream, memory):
            start = time.perf_counter()
            train(model, optimiser, source, epoch)
            took.append(time.perf_counter() - start)
        of_memory, of_file = took if epoch % 2 else took[::-1]
        ratios.append(of_memory / of_file)
        seconds.append(of_file)
    return {
        "opening_s": opened,
        "epoch_s": statistics.median(seconds),
        "showers_per_second": stream.num_showers / statistics.median(seconds),
        "speed_relative_to_memory": statistics.median(ratios),
        "file_MB": path.stat().st_size / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="file of showers")
    parser.add_argument("--geometry", help="its detector, where the file does not name it")
    parser.add_argument("--layouts", default="pointcalo", help="layouts, separated by commas")
    parser.add_argument("--showers", type=int, default=2000, help="at most so many of the file")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    data = open_showers(options.data)
    geometry = Geometry.load(options.geometry or data.geometry_name)
    showers = data.read(slice(0, options.showers))
    said = Conventions(
        geometry=geometry, energy_unit="MeV", rows="cells", incident_particle=particle(showers)
    )
    memory = ShowerStream(showers, batch=options.batch, geometry=geometry)
    list(memory.epoch(0))  # from now on it is in memory, on cells
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.layouts.split(","):
            path = write_as(name, showers, Path(folder), said)
            result[name] = measure(path, memory, said, options.rounds)
            print(name, json.dumps(result[name]), flush=True)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
