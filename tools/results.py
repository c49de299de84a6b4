"""Rows of the table of results: validate runs, time their sampling, print a table in Markdown.

    python tools/results.py runs/hgcal_vae runs/hgcal_gan --floor hgcal.h5 --output reports

Each run gets a report of `pointcalo validate` in the folder of its name below --output; one that is
there already and newer than the run's weights is read, so that only new runs cost time. Runs with
the same settings but for the seed get a row with mean and spread besides. Times are of one thread,
batches of 100 showers (as tools/benchmark.py takes them): nothing else should run beside; --retime
takes them anew.
"""

import argparse
import csv
import json
import math
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml
from benchmark import SHOWERS, sampling_ms

from pointcalo.cli.main import main as pointcalo
from pointcalo.cli.run_directory import BEST, ORIGIN, run_config, trained_model
from pointcalo.formats import open_showers

KEPT = "results.json"  # in a report: how it was made, and the time that sampling takes
OWN = ("seed", "output", "init", "data")  # what runs of one experiment may differ in


@dataclass(frozen=True)
class Column:
    """A metric of the table.

    Args:
        head: its title.
        metric: its name in `metrics.json`.
        factor: from the metric's unit to that of the column.
        digits: behind the point.
        relative: to the spread of the reference.
    """

    head: str
    metric: str
    factor: float = 1.0
    digits: int = 1
    relative: bool = False

    def numbers(self, metrics: dict[str, Any], kind: str = "value") -> tuple[float, float]:
        """Value and error, of the run or of the floor; NaN where there is none."""
        found = metrics.get(self.metric, {})
        error = "uncertainty" if kind == "value" else "floor_uncertainty"
        factor = self.factor / (found.get("reference_spread", math.nan) if self.relative else 1.0)
        both = (found.get(name) for name in (kind, error))
        value, uncertainty = (math.nan if x is None else factor * x for x in both)
        return value, uncertainty

    def text(self, value: float, error: float) -> str:
        """`value ± error`, or a dash."""
        if math.isnan(value):
            return "-"
        return f"{value:.{self.digits}f} ± {error:.{self.digits}f}"


COLUMNS = (
    Column("`auc_features`", "auc_features", digits=3),
    Column("`auc_cells`", "auc_cells", digits=3),
    Column("mean response, %", "response_bias", 100),
    Column("its spread, %", "response_spread", 100),
    Column("MIP spectrum: mean, %", "mip_spectrum_mean", 100),
    Column("worst bin beyond 3 errors, %", "mip_spectrum_significant", 100),
    Column("angle: bias, degrees", "angle_bias", math.degrees(1), 2),
    Column("its spread, %", "angle_spread", 100),
    Column("hit time, % of its spread", "wasserstein_hit_delay", 100, 2, relative=True),
)
HEAD = ("run", "seed", "minutes", "steps", *(c.head for c in COLUMNS), "ms / shower", "command")


class Run:
    """A run directory with its report.

    Args:
        directory: of the run.
        options: of the command line.
    """

    def __init__(self, directory: Path, options: argparse.Namespace) -> None:
        self.directory, self.options = directory, options
        self.config = run_config(directory)
        self.name = directory.absolute().name
        self.report = options.output / self.name

    @property
    def settings(self) -> str:
        """All that runs with other seeds have in common."""
        common = {key: value for key, value in self.config.items() if key not in OWN}
        return yaml.safe_dump(json.loads(json.dumps(common, default=_plain)))

    @property
    def command(self) -> str:
        """As it was typed, paths from the root shortened; a dash where the run does not say."""
        origin = yaml.safe_load((self.directory / ORIGIN).read_text(encoding="utf-8"))
        typed = re.sub(r"=/\S*/(?=[^/\s])", "=", origin.get("command", ""))
        return f"`{typed}`" if typed else "-"

    @property
    def experiment(self) -> str:
        """Its experiment, or the name of the directory."""
        found = re.search(r" experiment=(\w+)", self.command)
        return found[1] if found else self.name

    @cached_property
    def made(self) -> tuple[dict[str, Any], float]:
        """The report's metrics and milliseconds a shower; makes what is not there yet."""
        arguments = self._arguments()
        metrics, kept = self.report / "metrics.json", self.report / KEPT
        current = kept.is_file() and kept.stat().st_mtime > (self.directory / BEST).stat().st_mtime
        known = json.loads(kept.read_text()) if current else {}
        if known.get("arguments") != arguments:
            if pointcalo(["validate", *arguments]) != 0:
                raise SystemExit(f"{self.directory}: not validated")
            known = {"arguments": arguments}
        if "batch_100_ms" not in known or self.options.retime:
            known["batch_100_ms"] = self._sampling_ms()
            kept.write_text(json.dumps(known, indent=2) + "\n")
        return json.loads(metrics.read_text()), known["batch_100_ms"]

    def _arguments(self) -> list[str]:
        given = {name: getattr(self.options, name) for name in ("reference", "floor")}
        files = [f"{name}={path}" for name, path in given.items() if path is not None]
        skip = [f"skip=[{self.options.skip}]"] if self.options.skip else []
        common = [f"generated={self.directory}", f"output={self.report}"]
        return [*common, *files, *skip, f"threads={self.options.threads}"]

    def _sampling_ms(self) -> float:
        torch.set_num_threads(1)
        model, _ = trained_model(self.directory, "cpu")
        incident = open_showers(self.options.reference or self.config.data).incident()
        return sampling_ms(model, incident[:SHOWERS], 100)

    @property
    def row(self) -> list[str]:
        """Its cells of the table."""
        metrics, ms = self.made
        parts = trained(self.directory)
        minutes = " + ".join("?" if part is None else f"{part[0]:.0f}" for part in parts)
        steps = " + ".join("?" if part is None else str(part[1]) for part in parts)
        judged = [column.text(*column.numbers(metrics)) for column in COLUMNS]
        return [
            self.name,
            str(self.config.seed),
            minutes,
            steps,
            *judged,
            f"{ms:.1f}",
            self.command,
        ]


def _plain(node: Any) -> Any:
    return dict(node) if hasattr(node, "items") else list(node)


def trained(directory: Path) -> list[tuple[float, int] | None]:
    """Minutes and steps of the run, those of the runs it was begun from first; None: not known."""
    config = run_config(directory)
    init = config.get("init")
    before: list[tuple[float, int] | None] = []
    if init:
        before = trained(Path(init)) if Path(init).is_dir() else [None]
    with (directory / "metrics.csv").open(encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    return [*before, (float(last["seconds"]) / 60, int(last["step"]))]


def mean_row(runs: list[Run]) -> list[str]:
    """Mean and spread over the seeds of one experiment."""
    cells = [f"**{runs[0].experiment}**, mean ± spread of {len(runs)} seeds", "", "", ""]
    for column in COLUMNS:
        values = torch.tensor([column.numbers(run.made[0])[0] for run in runs])
        cells.append(column.text(float(values.mean()), float(values.std())))
    return [*cells, f"{statistics.fmean(run.made[1] for run in runs):.1f}", ""]


def floor_row(run: Run) -> list[str]:
    """The reference against itself, as in the report of a run."""
    cells = [column.text(*column.numbers(run.made[0], "floor")) for column in COLUMNS]
    return ["floor", "", "", "", *cells, "", ""]


def rows(runs: list[Run]) -> Iterable[list[str]]:
    """Runs with the mean below those that differ in their seed alone; the floor."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.settings, []).append(run)
    for group in groups.values():
        yield from (run.row for run in group)
        if len(group) > 1:
            yield mean_row(group)
    yield floor_row(runs[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run directories, of one detector")
    parser.add_argument(
        "--reference", help="showers to compare with; the runs' test showers if left"
    )
    parser.add_argument("--floor", help="more showers of the reference's kind")
    parser.add_argument("--output", type=Path, required=True, help="folder of the reports")
    parser.add_argument("--skip", default="", help="metrics to leave out, as auc_cells,fpd")
    parser.add_argument("--threads", type=int, default=1, help="of the validation")
    parser.add_argument("--retime", action="store_true", help="take the times anew")
    options = parser.parse_args()
    runs = [Run(directory, options) for directory in options.runs]
    if len({run.name for run in runs}) < len(runs):
        parser.error("two runs of one name, whose reports would lie in one folder")
    if len({run.config.geometry for run in runs}) > 1:
        parser.error("runs on several detectors, whose numbers do not compare")
    options.output.mkdir(parents=True, exist_ok=True)
    table = list(rows(runs))
    for cells in (HEAD, ["---"] * len(HEAD), *table):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
