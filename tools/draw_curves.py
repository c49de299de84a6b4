"""Draw observables of several reports of `pointcalo validate` into one picture.

    python tools/draw_curves.py reports/hgcal_gan reports/hgcal_bibae \
        --observables cell_energy,radial,coincidence --output curves.png

Above: densities, or means of layers; below: their ratios to the reference, the band being the
reference's own standard errors. The reports must have the same reference.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pointcalo.validation.observables import OBSERVABLES, Observable
from pointcalo.validation.report.curves import Curve, ratio
from pointcalo.validation.report.drawing import REFERENCE_COLOUR, STYLE, looks, quantity
from pointcalo.validation.report.figures import FALLING, draw_band

OBSERVABLE = {observable.name: observable for observable in OBSERVABLES}
REFERENCE = "reference"
COLUMNS = 3
APART = 0.3  # of the ratio from 1, at most


def read(report: Path) -> dict[str, dict[str, Curve]]:
    """Curves of a report by observable and sample."""
    rows = defaultdict(list)
    with (report / "curves.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            numbers = [float(row[name]) for name in ("low", "high", "height", "error")]
            rows[row["observable"], row["sample"]].append(numbers)
    found: dict[str, dict[str, Curve]] = defaultdict(dict)
    for (observable, sample), table in rows.items():
        low, high, height, error = np.array(table).T
        found[observable][sample] = Curve(np.append(low, high[-1]), height, error)
    return found


def together(reports: dict[Path, dict[str, dict[str, Curve]]], name: str) -> dict[str, Curve]:
    """The curves of an observable in all reports, the reference first.

    Raises:
        SystemExit: a report lacks the observable, or has another reference.
    """
    curves: dict[str, Curve] = {}
    for report, observables in reports.items():
        own = observables.get(name)
        if own is None:
            raise SystemExit(f"{report}: has no observable {name!r}; look into its curves.csv")
        first = curves.setdefault(REFERENCE, own[REFERENCE])
        if not np.array_equal(first.height, own[REFERENCE].height, equal_nan=True):
            raise SystemExit(f"{report}: has another reference than {next(iter(reports))}")
        curves |= own
    return curves


def draw(upper: Axes, lower: Axes, curves: dict[str, Curve], name: str) -> None:
    """One observable: the curves, and their ratios to the reference."""
    observable, reference = OBSERVABLE[name], curves[REFERENCE]
    upper.stairs(reference.height, reference.edges, fill=True, color=REFERENCE_COLOUR, alpha=0.2)
    samples = {label: curve for label, curve in curves.items() if label != REFERENCE}
    draw_band(lower, reference)
    for (label, curve), (colour, line, _) in zip(samples.items(), looks(len(samples)), strict=True):
        upper.stairs(curve.height, curve.edges, color=colour, linestyle=line, label=label)
        lower.stairs(ratio(curve, reference)[0], curve.edges, color=colour, linestyle=line)
    lower.set_ylim(1 - APART, 1 + APART)
    lower.set_xlim(reference.edges[0], reference.edges[-1])
    if is_layered(reference, observable):
        lower.set_xlabel(observable.groups)
        upper.set_ylabel(quantity(observable.title, observable.unit))
    else:
        lower.set_xlabel(quantity(observable.axis or observable.title, observable.unit))
        lower.set_xscale(observable.scale)
    if name in FALLING:
        upper.set_yscale("log")


def is_layered(curve: Curve, observable: Observable) -> bool:
    """Whether a curve has a value for each layer, or other group, and is no density."""
    groups = observable.edges or np.arange(len(curve.edges)) - 0.5
    return np.array_equal(curve.edges, groups)


def picture(reports: list[Path], names: list[str]) -> Figure:
    """The figure of these observables in these reports."""
    read_once = {report: read(report) for report in reports}
    rows, columns = -(-len(names) // COLUMNS), min(len(names), COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.0 * columns, 4.2 * rows), layout="constrained")
        grid = figure.subplots(
            2 * rows, columns, squeeze=False, height_ratios=[3, 1.2] * rows, sharex=False
        )
        for number, name in enumerate(names):
            row, column = divmod(number, columns)
            upper, lower = grid[2 * row : 2 * row + 2, column]
            upper.sharex(lower)
            upper.tick_params(labelbottom=False)
            draw(upper, lower, together(read_once, name), name)
        for axes in grid.T.flat[2 * len(names) :]:
            axes.axis("off")
        grid[0, 0].legend(fontsize=9)
        for lower in grid[1::2, 0]:
            lower.set_ylabel("ratio")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path, help="folders of reports")
    parser.add_argument("--observables", required=True, help="names with commas between")
    parser.add_argument("--output", default="curves.png")
    arguments = parser.parse_args()
    names = arguments.observables.split(",")
    if unknown := set(names) - set(OBSERVABLE):
        parser.error(f"unknown observables {sorted(unknown)}; there are {', '.join(OBSERVABLE)}")
    picture(arguments.reports, names).savefig(arguments.output, dpi=110)
    print(arguments.output)


if __name__ == "__main__":
    main()
