"""Time and memory that measuring a sample takes: all observables, and features of the classifier.

Showers with a given number of hits are drawn about tilted axes, energy and place of each hit by
itself, batch by batch, and measured as `pointcalo validate` does. Making them is not timed:
    python tools/validation_speed.py --showers 2000 --hits 1000
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator

import torch

from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, ShowerFrame, Showers, ptr_from_counts
from pointcalo.units import SPEED_OF_LIGHT
from pointcalo.validation.measurement import measure

BATCH_POINTS = 200_000  # as in pointcalo validate
MEAN_RADIUS_MM = 40.0
SPARE = 2.0  # points for each hit: some fall on one cell


class Source:
    """Batches of showers; the seconds and the processor's seconds that making them took."""

    def __init__(self, geometry: Geometry, showers: int, hits: int, seed: int) -> None:
        self.geometry, self.showers, self.hits = geometry, showers, hits
        self.random = torch.Generator().manual_seed(seed)
        self.seconds, self.cpu_seconds, self.num_points = 0.0, 0.0, 0

    def __iter__(self) -> Iterator[Showers]:
        size = max(1, BATCH_POINTS // self.hits)
        for first in range(0, self.showers, size):
            start, busy = time.perf_counter(), time.process_time()
            batch = self._batch(min(size, self.showers - first))
            self.num_points += batch.num_points
            self.seconds += time.perf_counter() - start
            self.cpu_seconds += time.process_time() - busy
            yield batch

    def _batch(self, number: int) -> Showers:
        """Showers with exactly the number of hits, where their points lie on enough cells."""
        incident = self._incident(number)
        per_shower = int(SPARE * self.hits) + 8
        shower = torch.arange(number).repeat_interleave(per_shower)
        steps = torch.rand(3, len(shower), generator=self.random).log().sum(0) / -9
        last = self.geometry.num_layers - 1
        layer = (steps * self.geometry.num_layers).clamp(max=last).long()
        frame = ShowerFrame(incident, self.geometry.layer_z)
        radius = torch.empty(len(shower)).exponential_(1 / MEAN_RADIUS_MM, generator=self.random)
        azimuth = 2 * torch.pi * torch.rand(len(shower), generator=self.random)
        uv = radius[:, None] * torch.stack([azimuth.cos(), azimuth.sin()], dim=1)
        xy = frame.from_frame(uv, layer, shower)
        energy = torch.empty(len(shower)).exponential_(generator=self.random)
        energy += self.geometry.layer_threshold[layer]
        light = self.geometry.layer_z[layer] / incident.direction[shower, 2] / SPEED_OF_LIGHT
        time_ns = light + torch.empty(len(shower)).exponential_(10.0, generator=self.random)
        points = torch.cat([xy, energy[:, None], time_ns[:, None]], dim=1)
        ptr = ptr_from_counts(torch.full((number,), per_shower))
        return self._cut(Projector(self.geometry)(Showers(points, layer, ptr, incident))[0])

    def _incident(self, number: int) -> Incident:
        slope = 0.6 * torch.rand(number, 2, generator=self.random) - 0.3
        direction = torch.cat([slope, torch.ones(number, 1)], dim=1)
        return Incident(
            energy=1000 * 10 ** (2 * torch.rand(number, generator=self.random)),
            direction=direction / direction.norm(dim=1, keepdim=True),
            position=torch.zeros(number, 3),
            pdg=torch.full((number,), 22),
        )

    def _cut(self, showers: Showers) -> Showers:
        """At most so many hits of each shower, drawn at random."""
        order = torch.rand(showers.num_points, generator=self.random).argsort()
        order = order[showers.index[order].argsort(stable=True)]
        rank = torch.arange(showers.num_points) - showers.ptr[showers.index[order]]
        rows = order[rank < self.hits].sort().values
        return showers.replace(
            points=showers.points[rows],
            layer=showers.layer[rows],
            cell=None if showers.cell is None else showers.cell[rows],
            ptr=ptr_from_counts(showers.counts.clamp(max=self.hits)),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geometry", default="hgcal")
    parser.add_argument("--showers", type=int, default=1000)
    parser.add_argument("--hits", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    geometry = Geometry.load(options.geometry)
    source = Source(geometry, options.showers, options.hits, options.seed)
    start, busy = time.perf_counter(), time.process_time()
    measure(source, geometry)
    seconds = time.perf_counter() - start - source.seconds
    result = {
        "showers": options.showers,
        "hits": source.num_points,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - busy - source.cpu_seconds,
        "hits_per_second": source.num_points / seconds,
        "peak_memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
