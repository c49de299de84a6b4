"""What a reconstruction sees of generated showers: energy, direction and clusters.

    python tools/reconstruct.py hgcal_photon_train.h5 generated.h5 --floor again.h5

The generated showers are made with `pointcalo sample like=REFERENCE split=test`, those of the floor
with the simulation of the reference and the same `like`. A reconstruction of its own, none of an
experiment, the same for all samples:

- Clusters: DBSCAN (Ester et al. 1996, KDD-96, 226) of the hits above threshold in space, x and y
  in cell pitches, depth in layers. Hits nearer than 2 are linked, those with fewer than 4 about
  them only where they touch a cluster; what is left over is noise.
- The main cluster is the one with most energy: there is one incident particle, which made it.
- Energy: that of the main cluster, each layer over its sampling fraction (for a minimum-ionising
  particle), over one constant: the median of the same over the true energy in the training split
  of the reference, or of `--calibration`. The showers compared have no part in it.
- Direction: the straight line of least squares through the centres of energy of the main
  cluster's layers, each weighted with the layer's energy.

Prints a table in Markdown. Errors are standard deviations over bootstrap samples of showers,
those of differences over samples of pairs of the same particle; in brackets stands the difference
in units of its error. A shower with hits of its main cluster in less than two layers has no angle.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN
from torch import Tensor

from pointcalo.atomic import written_beside
from pointcalo.formats import open_showers, split_numbers
from pointcalo.formats.preparation import Preparation, check_centres
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.stream import SPLITS
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers, segment_sum
from pointcalo.units import GeV
from pointcalo.validation.features import median_pitch_mm
from pointcalo.validation.hits import Hits, hits_of
from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.moments import Moments, core, quantiles
from pointcalo.validation.observables.direction import angle_between, true_axis
from pointcalo.validation.pairing import same_incident
from pointcalo.validation.values import Values

REACH = 2.0  # of a hit, in pitches and layers
LEAST = 4  # hits within reach, itself included, that make it one of a cluster's inside
APART = 100.0  # from shower to shower, more than any reach
BATCH = 100  # showers clustered at a time
MIN_SHOWERS = 20  # of a bin
FAR = 0.68

Counts = NDArray[np.float64]


def bias(values: Values, counts: Counts) -> Counts:
    return median(values, counts) - 1


def resolution(values: Values, counts: Counts) -> Counts:
    low, middle, high = core(values, counts)[:, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (high - low) / 2 / middle


def median(values: Values, counts: Counts) -> Counts:
    return core(values, counts)[1, :, 0]


def far(values: Values, counts: Counts) -> Counts:
    return quantiles(values, counts, (FAR,))[0, :, 0]


def mean(values: Values, counts: Counts) -> Counts:
    return Moments(values, counts).mean[:, 0]


@dataclass(frozen=True)
class Quantity:
    """What is told of the showers of a bin.

    Args:
        name: in the JSON.
        title: in the table.
        of: the column of `reconstructed`.
        statistic: of its values in each bootstrap sample, [R + 1].
        factor: from the native unit to that of the title.
    """

    name: str
    title: str
    of: str
    statistic: Callable[[Values, Counts], Counts]
    factor: float = 1.0


DEGREES = float(np.degrees(1))
QUANTITIES = (
    Quantity("energy_bias_percent", "energy: bias, %", "energy", bias, 100),
    Quantity("energy_resolution_percent", "energy: resolution, %", "energy", resolution, 100),
    Quantity("angle_median_deg", "direction: median, degrees", "angle", median, DEGREES),
    Quantity("angle_68_deg", "direction: 68 % within, degrees", "angle", far, DEGREES),
    Quantity("clusters", "clusters", "clusters", mean),
    Quantity("outside_percent", "energy outside the main one, %", "outside", mean, 100),
)


def reconstructed(batches: Iterator[Showers], geometry: Geometry) -> dict[str, Tensor]:
    """What is reconstructed of S showers on cells above threshold, [S] float64 each.

    Returns:
        `energy`: of the main cluster, layers over their sampling fractions, over the true energy;
        `angle` in rad between its line and the incident particle, NaN for less than two layers;
        number of `clusters`; share of the energy `outside` the main one, NaN without hits.
    """
    weight = torch.tensor([1 / layer.sampling_fraction_mip for layer in geometry.layers])
    parts = []
    for showers in batches:
        cluster, owner = clusters(showers, geometry)
        inside = main_cluster(showers, cluster, owner)
        hits = hits_of(showers.keep(inside), geometry)
        parts.append(
            {
                "energy": hits.per_shower(hits.energy * weight.double()[hits.layer])
                / hits.incident.energy.double(),
                "angle": angle_between(line(hits), true_axis(hits)),
                "clusters": torch.bincount(owner, minlength=len(showers)).double(),
                "outside": 1 - hits.total / segment_sum(showers.energy.double(), showers.ptr),
            }
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def clusters(showers: Showers, geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Cluster of each hit [P], -1 for noise, and the shower of each cluster [C]."""
    if showers.num_points == 0:
        return showers.layer, showers.layer
    xy = showers.xy.double() / median_pitch_mm(geometry)
    place = torch.column_stack((xy, showers.layer, APART * showers.index))
    label = torch.from_numpy(DBSCAN(eps=REACH, min_samples=LEAST).fit_predict(place.numpy()))
    owner = torch.zeros(int(label.max()) + 1, dtype=torch.int64)
    owner[label[label >= 0]] = showers.index[label >= 0]
    return label, owner


def main_cluster(showers: Showers, cluster: Tensor, owner: Tensor) -> Tensor:
    """Whether each hit [P] is in the cluster of its shower that has most energy."""
    known = cluster >= 0
    energy = torch.bincount(cluster[known], showers.energy[known].double(), len(owner))
    most = energy.new_zeros(len(showers)).scatter_reduce_(0, owner, energy, "amax")
    return known & (energy == most[owner])[cluster.clamp(min=0)] if len(owner) else known


def line(hits: Hits) -> Tensor:
    """Direction of the line through the layers' centres, along the tilt, across it and in depth.

    About the incident axis a line leans by its slopes there: so [S, 3] of length not 1.
    """
    energy, z = hits.layers.energy, hits.layer_z
    apart = z - (energy @ z / energy.sum(1))[:, None]
    centre = hits.layers.centre.nan_to_num(0.0)
    lever = energy * apart
    slope = (lever[..., None] * centre).sum(1) / (lever * apart).sum(1, keepdim=True)
    truth = true_axis(hits)
    leaning = torch.column_stack((slope, torch.zeros(len(slope))))
    several = (energy > 0).sum(1, keepdim=True) > 1
    return torch.where(several, truth / truth[:, 2:] + leaning, torch.nan)


def read(file: ShowerFile, geometry: Geometry, numbers: Tensor) -> Iterator[Showers]:
    """Showers of these numbers [n] on cells above threshold, in batches."""
    file.check_geometry(geometry)
    prepare = Preparation(geometry)
    for some in numbers.split(BATCH):
        showers = file.read(some)
        if file.points == "cells":
            check_centres(showers, geometry, str(file.path))
        yield prepare(showers)


@dataclass(frozen=True)
class Samples:
    """What was reconstructed of the same S particles by each simulation.

    Attributes:
        incident: the particles.
        columns: by sample (reference, generated, floor), then as `reconstructed` has them.
        calibration: the constant that energies were divided by.
    """

    incident: Incident
    columns: Mapping[str, Mapping[str, Tensor]]
    calibration: float


def samples(options: argparse.Namespace) -> Samples:
    """Read, reconstruct and calibrate.

    Raises:
        ValueError, OSError: files that cannot be compared; one line.
    """
    reference = open_showers(options.reference)
    geometry = Geometry.load(options.geometry or reference.geometry_name)
    calibration = reference if options.calibration is None else open_showers(options.calibration)
    if options.calibration is None and options.split in ("train", "all"):
        raise ValueError(
            f"--split {options.split}: holds the showers that energies are calibrated with: give "
            "--calibration FILE with others"
        )
    files = {"generated": open_showers(options.generated)}
    if options.floor is not None:
        files["floor"] = open_showers(options.floor)
    numbers = split_numbers(len(reference), options.split)
    numbers = numbers[: min(len(file) for file in files.values())]
    incident = reference.incident()[numbers]
    for file in files.values():
        if not same_incident(file.incident()[: len(numbers)], incident):
            raise ValueError(
                f"{file.path}: other incident particles than split {options.split} of "
                f"{options.reference}; make it with like={options.reference} split={options.split}"
            )
    found = {"reference": reconstructed(read(reference, geometry, numbers), geometry)}
    for name, file in files.items():
        every = torch.arange(len(numbers))
        found[name] = reconstructed(read(file, geometry, every), geometry)
    training = split_numbers(len(calibration), "train")
    constant = float(
        reconstructed(read(calibration, geometry, training), geometry)["energy"].median()
    )
    if not constant > 0:
        raise ValueError(f"{calibration.path}: no clusters in half of the training split")
    for columns in found.values():
        columns["energy"] /= constant
    return Samples(incident, found, constant)


def rows(found: Samples, edges_GeV: list[float], seed: int) -> Iterator[dict[str, Any]]:
    """Each quantity in each bin of incident energy with its error and its differences."""
    energy_GeV = found.incident.energy / GeV
    for quantity in QUANTITIES:
        for low, high in pairwise(edges_GeV):
            chosen = ((energy_GeV >= low) & (energy_GeV < high)).nonzero()[:, 0]
            if len(chosen) < MIN_SHOWERS:
                continue
            resampling = Resampling((len(chosen), len(chosen)), paired=True, seed=seed)
            values = {
                name: quantity.factor
                * quantity.statistic(
                    Values.of_showers(columns[quantity.of][chosen]), resampling.counts[0]
                )
                for name, columns in found.columns.items()
            }
            row = {"quantity": quantity.name, "energy_GeV": [low, high], "showers": len(chosen)}
            for name, column in values.items():
                row[name] = number(resampling.estimate(column))
                if name != "reference":
                    row[f"{name}_difference"] = number(
                        resampling.estimate(column - values["reference"])
                    )
            yield row


def number(estimate: Estimate) -> dict[str, float | None]:
    """Value and error, and the value in units of it; None where there is none."""
    value, error = estimate.value, estimate.uncertainty
    away = value / error if error > 0 else 0.0 if value == 0 else np.nan
    found = {"value": value, "error": error, "in_errors": away}
    return {name: x if np.isfinite(x) else None for name, x in found.items()}


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    """The rows in Markdown."""
    titles = {quantity.name: quantity.title for quantity in QUANTITIES}
    names = [name for name in found[0] if isinstance(found[0][name], dict)]
    heads = ["", "GeV", "showers", *(name.replace("_", ": ") for name in names)]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in found:
        low, high = row["energy_GeV"]
        cells = [titles[row["quantity"]], f"{low:g}-{high:g}", str(row["showers"])]
        cells += [text(row[name], away=name.endswith("_difference")) for name in names]
        yield f"| {' | '.join(cells)} |"


def overall(found: list[dict[str, Any]], name: str) -> str:
    """Root mean square of a sample's differences in errors, about 1 for one like the reference."""
    away = [row[f"{name}_difference"]["in_errors"] for row in found]
    known = torch.tensor([x for x in away if x is not None], dtype=torch.float64)
    size = float(known.square().mean().sqrt())
    return f"{name}: root mean square of {len(known)} differences {size:.2f} errors"


def text(entry: Mapping[str, float | None], away: bool) -> str:
    """`value ± error`, of a difference with its size in errors in brackets."""
    if entry["value"] is None or entry["error"] is None:
        return "-"
    known = f"{entry['value']:.2f} ± {entry['error']:.2f}"
    return f"{known} ({entry['in_errors']:+.1f})" if away else known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, help="showers of the simulation that is learnt")
    parser.add_argument("generated", type=Path, help="of the same particles as in --split")
    parser.add_argument("--floor", type=Path, help="of the reference's kind, the same particles")
    parser.add_argument("--calibration", type=Path, help="its training split; the reference's")
    parser.add_argument("--split", default="test", choices=SPLITS, help="of the reference")
    parser.add_argument("--geometry", help="a name or a file; the reference's if left")
    parser.add_argument("--energy-GeV", default="1,3,10,30,100", help="edges of the bins")
    parser.add_argument("--output", type=Path, help="JSON to write")
    parser.add_argument("--seed", type=int, default=1, help="of the errors")
    options = parser.parse_args()
    try:
        edges_GeV = [float(edge) for edge in options.energy_GeV.split(",")]
        if len(edges_GeV) < 2 or any(low >= high for low, high in pairwise(edges_GeV)):
            raise ValueError
    except ValueError:
        parser.error(f"--energy-GeV: got {options.energy_GeV}, expected rising numbers as 1,10,100")
    try:
        found = samples(options)
        measured = list(rows(found, edges_GeV, options.seed))
        if not measured:
            raise ValueError(f"fewer than {MIN_SHOWERS} showers in every bin of {edges_GeV} GeV")
        print(f"{len(found.incident)} showers a side, calibration {found.calibration:.5g}\n")
        print("\n".join(table(measured)), end="\n\n")
        for name in list(found.columns)[1:]:
            print(overall(measured, name))
        if options.output is not None:
            about = {"calibration": found.calibration, "rows": measured}
            with written_beside(options.output) as beside:
                beside.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SystemExit(f"reconstruct.py: {error}") from None


if __name__ == "__main__":
    main()
