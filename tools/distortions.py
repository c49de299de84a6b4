"""What `pointcalo validate` sees of known distortions, and of nothing: the tables of its docs.

    python tools/distortions.py hgcal_photon_train.h5 --floor again.h5 --null 30 --json all.json

Compares the test showers of the file with distorted copies of themselves, and prints a table: the
classifiers and, of the observables, those farthest above their floor. Then draws pairs of samples
of the same number from the whole file, to see how AUCs of alike samples lie about 0.5.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch

from pointcalo.formats import open_showers, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import ENERGY, TIME, Showers, X, Y
from pointcalo.validation.compare import Comparison, compare
from pointcalo.validation.measurement import Measurement, measure
from pointcalo.validation.metrics import METRICS, Metric, Pair
from pointcalo.validation.metrics.auc_features import auc_features
from pointcalo.validation.pairing import matched
from pointcalo.validation.samples import (
    Floor,
    Sample,
    floor_from_file,
    floor_from_rest,
    left_over,
    read_sample,
)

AUCS = ("auc_features", "auc_cells")
SHOWN, CLEAR = 3, 3.0  # metrics named, and the standard errors above the floor they must have
Distortion = Callable[[Showers, Geometry, torch.Generator], Showers]


def scaled(showers: Showers, factor: torch.Tensor | float) -> Showers:
    points = showers.points.clone()
    points[:, ENERGY] *= factor
    return showers.replace(points=points)


def moved(showers: Showers, geometry: Geometry, xy: torch.Tensor) -> Showers:
    points = showers.points.clone()
    points[:, : Y + 1] = xy
    return Projector(geometry)(showers.replace(points=points, cell=None))[0]


def one_layer_scaled(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    return scaled(showers, torch.where(showers.layer == geometry.num_layers // 3, 1.05, 1.0))


def one_layer_moved(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    step = torch.zeros_like(showers.xy)
    step[:, X] = geometry.area(showers.cell).sqrt()
    here = showers.layer == geometry.num_layers // 3
    return moved(showers, geometry, showers.xy + step * here[:, None])


def smeared(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    half = geometry.area(showers.cell).sqrt()[:, None] / 2
    apart = torch.randn(showers.xy.shape, generator=random)
    return moved(showers, geometry, showers.xy + half * apart)


def to_neighbours(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    table = geometry.neighbour_table(showers.cell)
    pick = torch.randint(table.shape[1], (len(table), 1), generator=random)
    target = table.gather(1, pick)[:, 0]
    chosen = (torch.rand(len(table), generator=random) < 0.05) & (target >= 0)
    cell = torch.where(chosen, target, showers.cell)
    return moved(showers, geometry, geometry.position(cell)[:, : Y + 1])


def layers_fluctuate(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    factor = 1 + 0.1 * torch.randn(len(showers), geometry.num_layers, generator=random)
    return scaled(showers, factor.clamp(min=0.1)[showers.index, showers.layer])


def kept(share: float) -> Distortion:
    return lambda s, _, random: s.keep(torch.rand(s.num_points, generator=random) < share)


def softer_below(energy_MeV: float) -> Distortion:
    return lambda s, *_: scaled(s, torch.where(s.energy < energy_MeV, 1.04, 1.0))


def hits_smeared(showers: Showers, geometry: Geometry, random: torch.Generator) -> Showers:
    return scaled(showers, (0.1 * torch.randn(showers.num_points, generator=random)).exp())


def later(delay_ns: float) -> Distortion:
    def shifted(showers: Showers, *_: object) -> Showers:
        points = showers.points.clone()
        points[:, TIME] += delay_ns
        return showers.replace(points=points)

    return shifted


DISTORTIONS: dict[str, Distortion] = {
    "energies x 1.02": lambda s, *_: scaled(s, 1.02),
    "2 % of hits dropped": kept(0.98),
    "5 % of hits dropped": kept(0.95),
    "hits below 0.2 MeV x 1.04": softer_below(0.2),
    "energy of each hit smeared by 10 %": hits_smeared,
    "one layer's energies x 1.05": one_layer_scaled,
    "energy of each layer smeared by 10 %": layers_fluctuate,
    "one layer moved by a cell": one_layer_moved,
    "5 % of hits moved to a neighbour": to_neighbours,
    "positions smeared by half a cell": smeared,
    "times shifted by 5 ps": later(0.005),
}


def table(
    reference: Sample, geometry: Geometry, used: torch.Tensor, floor: Floor, metrics: list[Metric]
) -> dict[str, dict[str, Comparison]]:
    raw = Projector(geometry)(reference.file.read(used))[0]
    rows = {}
    for name, distort in DISTORTIONS.items():
        random = torch.Generator().manual_seed(1)
        distorted = distort(raw, geometry, random).above_threshold(geometry)[0]
        judged = measure([distorted], geometry)
        rows[name] = compare(reference.measurement, judged, floor, metrics=metrics)
    return rows


def line(name: str, found: dict[str, Comparison]) -> str:
    classifiers = (found[auc] for auc in AUCS if auc in found)
    cells = [f"{c.estimate.value:.3f} ± {c.estimate.uncertainty:.3f}" for c in classifiers]
    seen = [compared for compared in found.values() if compared.metric.group != "classifiers"]
    worst = sorted(seen, key=lambda compared: -compared.excess)[:SHOWN]
    told = [f"`{c.metric.name}` ({c.excess:.0f})" for c in worst if c.excess > CLEAR]
    return f"| {' | '.join([name, *cells, ', '.join(told) or 'none'])} |"


def alike(showers: Measurement, n: int, draws: int) -> list[tuple[float, float]]:
    """AUC and its error between random samples of the same kind, matched in energy."""
    found = []
    for seed in range(draws):
        order = torch.randperm(len(showers), generator=torch.Generator().manual_seed(seed))
        first, rest = showers[order[:n]], showers[order[n:]]
        second = rest[matched(first.incident.energy, rest.incident.energy)]
        auc = auc_features(Pair(first, second))
        found.append((auc.value, auc.uncertainty))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--floor", type=Path, help="the same incident particles, simulated again")
    parser.add_argument("--null", type=int, default=0, help="pairs of alike samples to draw")
    parser.add_argument("--cells", action="store_true", help="auc_cells, too: minutes a line")
    parser.add_argument("--json", type=Path, help="file for all metrics")
    arguments = parser.parse_args()
    file = open_showers(arguments.data)
    geometry = Geometry.load(file.geometry_name)
    used = split_numbers(len(file), "test")
    reference = read_sample(file, geometry, used)
    if arguments.floor is None:
        floor = floor_from_rest(reference, geometry, left_over(len(file), used), seed=1)
    else:
        floor = floor_from_file(reference, read_sample(open_showers(arguments.floor), geometry))
    metrics = [m for m in METRICS if arguments.cells or m.name != "auc_cells"]
    rows = table(reference, geometry, used, floor, metrics)
    print(f"floor: {floor.description}")
    print("\n".join(line(name, found) for name, found in rows.items()))
    if arguments.null:
        pairs = alike(read_sample(file, geometry).measurement, len(used), arguments.null)
        aucs, errors = torch.tensor(pairs).T
        print(f"alike: {aucs.mean():.3f}, spread {aucs.std():.3f}, stated {errors.mean():.3f}")
    if arguments.json is not None:
        all_metrics = {
            name: {metric: compared.as_dict() for metric, compared in found.items()}
            for name, found in rows.items()
        }
        arguments.json.write_text(json.dumps(all_metrics, indent=2))


if __name__ == "__main__":
    main()
