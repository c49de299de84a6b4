"""Compare Geant4 and the parametric simulation with one another and with a sample of Geant4's.

    python tools/compare_simulation.py hgcal --sample hgcal_photon_train.h5 --split test \
        --geant4 hgcal_geant4.h5 --showers 1000 --processes 2
    python tools/compare_simulation.py clic --geant4 clic_geant4.h5 --showers 1000 --processes 2

All simulate the same incident particles: those of the sample, or photons of 1-100 GeV at 0-30
degrees. The file after --geant4 is made where it is not there yet. Without --geant4 the parametric
simulation is compared with the sample alone. Prints tables in Markdown: mean over showers,
difference from the first column and, in brackets, the same in standard errors of the paired
difference. Everything is after the threshold of the layers.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from pointcalo.cli.main import main as pointcalo
from pointcalo.formats import NativeFile, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.showers import TIME, Incident, ShowerFrame, Showers
from pointcalo.simulation import ParametricSimulation
from pointcalo.units import SPEED_OF_LIGHT, GeV

ENERGIES_GEV = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SHARES = (0.5, 0.9, 0.98)
SPECTRUM = (0.0, 0.5, 0.75, 1.0, 1.25, 1.6, 2.2, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
RADII_MM = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0)
RESAMPLINGS = 200
UNUSUAL = 3.0

Columns = dict[str, dict[str, Tensor]]


def per_shower(rows: Showers, geometry: Geometry) -> dict[str, Tensor]:
    """Numbers of each shower, [S] float64; NaN where a shower has none.

    Args:
        rows: showers on cells, without a threshold.
        geometry: that they were made in.
    """
    showers, _ = rows.above_threshold(geometry)
    counts, energy = (table.double() for table in showers.layer_sums(geometry.num_layers))
    incident, total = showers.incident.energy.double() / GeV, energy.sum(1)
    found = {
        "energy, MeV per GeV": total / incident,
        "cells": counts.sum(1),
        "mean layer": (energy * torch.arange(geometry.num_layers)).sum(1) / total,
        "below threshold, % of the energy": 100
        * (1 - total / rows.layer_sums(geometry.num_layers)[1].double().sum(1)),
    }
    found |= radii_and_delays(showers, geometry)
    mip = torch.tensor([layer.mip_MeV for layer in geometry.layers])
    place = torch.bucketize(rows.energy / mip[rows.layer], torch.tensor(SPECTRUM), right=True) - 1
    for number, (low, high) in enumerate(zip(SPECTRUM, SPECTRUM[1:], strict=False)):
        in_bin = torch.bincount(rows.index[place == number], minlength=len(rows))
        found[f"cells of {low:g}-{high:g} MIP"] = in_bin.double()
    for number, column in enumerate((energy / incident[:, None]).unbind(1)):
        found[f"layer {number}, MeV per GeV"] = column
    return found


def radii_and_delays(showers: Showers, geometry: Geometry) -> dict[str, Tensor]:
    """Radii that hold shares of the energy in mm; median delays by radius in ns."""
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    radius = frame.to_frame(showers.xy, showers.layer, showers.index).norm(dim=1)
    along = geometry.layer_z[showers.layer] / showers.incident.direction[showers.index, 2]
    late = showers.points[:, TIME] - along / SPEED_OF_LIGHT
    found: dict[str, list[float]] = {}
    for first, end in zip(showers.ptr[:-1].tolist(), showers.ptr[1:].tolist(), strict=True):
        r, order = radius[first:end].sort()
        share = showers.energy[first:end][order].double().cumsum(0)
        for part in SHARES:
            place = torch.searchsorted(share, part * share[-1:]).clamp(max=max(len(r) - 1, 0))
            name = f"radius of {100 * part:g} % of the energy, mm"
            found.setdefault(name, []).append(float(r[place]) if len(r) else torch.nan)
        for low, high in zip(RADII_MM, RADII_MM[1:], strict=False):
            near = late[first:end][(radius[first:end] >= low) & (radius[first:end] < high)]
            name = f"median delay at {low:g}-{high:g} mm, ps"
            found.setdefault(name, []).append(1e3 * float(near.median()))
    return {name: torch.tensor(values).double() for name, values in found.items()}


def spread(response: Tensor, root: Tensor) -> Tensor:
    """Half of what 68 % of the responses lie in, relative, times the root of the energy, in %."""
    edge = response.quantile(torch.tensor([0.16, 0.84], dtype=response.dtype))
    return 100 * edge.diff()[0] / 2 / response.mean() * root.mean()


def spread_error(one: Tensor, other: Tensor, root: Tensor) -> float:
    """Standard error of the difference of two spreads, resampling the same showers of both."""
    generator = torch.Generator().manual_seed(1)
    differences = []
    for _ in range(RESAMPLINGS):
        chosen = torch.randint(len(one), (len(one),), generator=generator)
        differences.append(spread(one[chosen], root[chosen]) - spread(other[chosen], root[chosen]))
    return float(torch.stack(differences).std())


class Table:
    """A table in Markdown whose first column of numbers the others are compared with.

    Args:
        names: of the columns.
    """

    def __init__(self, names: list[str]) -> None:
        compared = [f"{name} (difference)" for name in names[1:]]
        self.lines = [f"| | {' | '.join([names[0], *compared])} |", "|---" * (len(names) + 1) + "|"]
        self.pulls: list[list[float]] = [[] for _ in compared]

    def row(self, name: str, values: list[float], errors: list[float]) -> None:
        """One row: the value of each column and the error of each difference from the first."""
        cells = [number(values[0])]
        for column, (value, error) in enumerate(zip(values[1:], errors, strict=True)):
            difference = value - values[0]
            pull = difference / error if error > 0 else 0.0
            self.pulls[column].append(pull)
            share = f"{100 * difference / values[0]:+.1f} %" if values[0] else number(difference)
            cells.append(f"{number(value)} ({share}, {pull:+.1f})")
        self.lines.append(f"| {name} | {' | '.join(cells)} |")

    def mean(self, name: str, columns: list[Tensor]) -> None:
        """One row of means over the showers that have a value in all columns."""
        table = torch.stack(columns)
        table = table[:, table.isfinite().all(0)]
        if table.shape[1] < 2:
            return
        away = table[1:] - table[0]
        self.row(name, table.mean(1).tolist(), (away.std(1) / away.shape[1] ** 0.5).tolist())


def number(value: float) -> str:
    """Four digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}".rstrip(".")


def tables(columns: Columns, incident: Incident) -> list[Table]:
    """What depends on the energy, then everything else."""
    names, energy = list(columns), incident.energy.double() / GeV
    by_energy, other = Table(names), Table(names)
    first, *rest = (columns[name] for name in names)
    response = "energy, MeV per GeV"
    for low, high in zip(ENERGIES_GEV, ENERGIES_GEV[1:], strict=False):
        chosen = (energy >= low) & (energy < high)
        if int(chosen.sum()) < 2:
            continue
        root = energy[chosen].sqrt()
        for name in (response, "cells", "mean layer"):
            by_energy.mean(
                f"{low:g}-{high:g} GeV: {name}",
                [column[name][chosen] for column in columns.values()],
            )
        answers = [column[response][chosen] for column in (first, *rest)]
        errors = [spread_error(answer, answers[0], root) for answer in answers[1:]]
        values = [float(spread(answer, root)) for answer in answers]
        by_energy.row(f"{low:g}-{high:g} GeV: spread x sqrt(E), %", values, errors)
    for name in first:
        other.mean(name, [column[name] for column in columns.values()])
    return [by_energy, other]


def summary(names: list[str], found: list[Table]) -> list[str]:
    """How many rows differ by more than some standard errors."""
    lines = []
    for column, name in enumerate(names[1:]):
        pulls = torch.tensor([pull for table in found for pull in table.pulls[column]])
        lines.append(
            f"{name}: {int((pulls.abs() > UNUSUAL).sum())} of {len(pulls)} rows differ from "
            f"{names[0]} by more than {UNUSUAL:g} standard errors; "
            f"root mean square {float(pulls.square().mean().sqrt()):.2f}"
        )
    return lines


def read_sample(options: argparse.Namespace) -> Showers | None:
    """The first showers of the split of the sample."""
    if options.sample is None:
        return None
    file = NativeFile(options.sample)
    return file.read(split_numbers(len(file), options.split)[: options.showers])


def read_geant4(options: argparse.Namespace) -> Showers | None:
    """The showers of the file after --geant4, simulated where there is no such file."""
    if options.geant4 is None:
        return None
    particles = [f"like={options.sample}", f"split={options.split}"]
    particles += [f"max_showers={options.showers}"]
    gun = ["theta_deg=[0,30]", f"showers={options.showers}"]
    if not Path(options.geant4).exists():
        arguments = [
            *("simulate", f"geometry={options.geometry}", f"output={options.geant4}"),
            *("simulation=geant4", "geant4.physics=G4EmStandardPhysics", f"seed={options.seed}"),
            *(f"geant4.processes={options.processes}", "threads=1"),
            *(particles if options.sample else gun),
        ]
        if pointcalo(arguments):
            raise SystemExit("pointcalo simulate failed")
    return NativeFile(options.geant4).read(slice(0, options.showers))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("geometry")
    parser.add_argument("--sample", help="file of Geant4 showers from elsewhere")
    parser.add_argument("--split", default="test", help="of the sample")
    parser.add_argument("--geant4", help="file of this package's Geant4 showers; made if missing")
    parser.add_argument("--showers", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    geometry = Geometry.load(options.geometry)
    samples = {"sample": read_sample(options), "Geant4": read_geant4(options)}
    given = {name: showers for name, showers in samples.items() if showers is not None}
    if not given:
        parser.error("expected --sample, --geant4 or both")
    incident = next(iter(given.values())).incident
    for showers in given.values():
        if not torch.equal(showers.incident.energy, incident.energy):
            raise SystemExit(
                f"{options.geant4}: not the first {len(incident)} particles of the sample; "
                f"give another name, or --showers {len(given['Geant4'])} if it was made with that"
            )
    given["parametric"] = ParametricSimulation(geometry).simulate(incident, seed=options.seed)
    columns = {name: per_shower(showers, geometry) for name, showers in given.items()}
    found = tables(columns, incident)
    print(f"{options.geometry}: {len(incident)} showers.\n")
    print("\n\n".join("\n".join(table.lines) for table in found))
    print("", *summary(list(columns), found), sep="\n")


if __name__ == "__main__":
    main()
