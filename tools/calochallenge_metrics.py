"""Separation powers as the CaloChallenge publishes them, of two files of the same public data set.

    python tools/calochallenge_metrics.py dataset_2_2.hdf5 generated.hdf5 --json powers.json

Prints a table with a line for each kind of histogram: mean and highest over the layers. The JSON
file holds every histogram. Showers may be in any layout whose file names the geometry.
"""

import argparse
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from pointcalo.atomic import written_beside
from pointcalo.formats import open_showers
from pointcalo.validation.calochallenge import Histogram, histograms

Found = dict[str, Histogram]


def kinds(found: Found) -> dict[str, Found]:
    """Histograms by their kind: those of all layers, or of all energies, together."""
    groups: dict[str, Found] = {}
    for name, histogram in found.items():
        groups.setdefault(re.sub(r"\d+", "N", name), {})[name] = histogram
    return groups


def table(found: Found) -> Iterator[str]:
    """Lines of the table; the last column is the highest share of either sample in no bin."""
    yield "| histogram | number | mean separation | highest | where | outside the bins |"
    yield "|---|---|---|---|---|---|"
    for kind, group in kinds(found).items():
        powers = {name: histogram.separation for name, histogram in group.items()}
        defined = {name: power for name, power in powers.items() if not math.isnan(power)}
        number = str(len(group)) + (
            "" if len(defined) == len(group) else f", {len(defined)} filled"
        )
        outside = max(max(histogram.outside) for histogram in group.values())
        mean = highest = where = "-"
        if defined:
            where = max(defined, key=defined.__getitem__)
            mean, highest = f"{sum(defined.values()) / len(defined):.3g}", f"{defined[where]:.3g}"
        yield f"| {kind} | {number} | {mean} | {highest} | {where} | {outside:.2%} |"


def as_dict(histogram: Histogram) -> dict[str, object]:
    """For JSON; null for an undefined separation."""
    power = histogram.separation
    return {
        "separation": None if math.isnan(power) else power,
        "edges": histogram.edges.tolist(),
        "reference": histogram.reference.tolist(),
        "generated": histogram.generated.tolist(),
        "outside": histogram.outside,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("generated", type=Path)
    parser.add_argument("--json", type=Path, help="file for all histograms")
    arguments = parser.parse_args()
    try:
        files = open_showers(arguments.reference), open_showers(arguments.generated)
        found = histograms(*files)
        if arguments.json:
            rows = {name: as_dict(histogram) for name, histogram in found.items()}
            with written_beside(arguments.json) as path:
                path.write_text(json.dumps(rows, indent=2) + "\n")
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
    print(f"{len(files[0])} reference showers, {len(files[1])} generated showers\n")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
