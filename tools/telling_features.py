"""What gives generated showers away: the features of `auc_features`, the most telling first.

    python tools/telling_features.py generated.h5 --reference showers.h5

The generated showers are made with `pointcalo sample like=showers.h5 split=test`, or lie in a
report of `pointcalo validate`. Prints a table in Markdown. For each feature:

- importance: what the AUC of the boosted trees loses when the feature is shuffled among the showers
  held out (Breiman 2001, Machine Learning 45, 5). Of several that say the same each loses little;
- AUC alone: of the feature by itself, above 0.5 where generated showers have more of it;
- higher: share of the incident particles whose generated shower has more of it than the reference,
  ties one half: the spread of energies and angles does not blur it.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointcalo.formats import open_showers, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.auc_features import area_under_curve, held_out_scores, judges
from pointcalo.validation.pairing import same_incident
from pointcalo.validation.samples import choose_split, read_sample

SHUFFLES = 3
AT_ONCE = 16  # features shuffled in one call of the classifier

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Telling:
    """How much a feature says of where a shower comes from."""

    name: str
    importance: float
    alone: float
    higher: float


def measured(options: argparse.Namespace) -> tuple[Measurement, Measurement]:
    """The showers of the reference and the generated ones of the same incident particles."""
    reference, generated = open_showers(options.reference), open_showers(options.generated)
    geometry = Geometry.load(options.geometry or reference.geometry_name)
    split = choose_split(reference, generated, options.split)
    numbers = split_numbers(len(reference), split)[: len(generated)]
    first = read_sample(reference, geometry, numbers).measurement
    second = read_sample(generated, geometry).measurement[: len(first)]
    if not same_incident(first.incident, second.incident):
        raise ValueError(f"{options.generated}: other incident particles than split {split}")
    return first, second


def importances(reference: Matrix, generated: Matrix, seed: int) -> tuple[float, list[float]]:
    """AUC of the trees, and what it loses when a feature is shuffled, for each feature."""
    whole = held_out_scores(reference, generated, seed)
    random = np.random.default_rng(seed)
    shuffled = np.empty((SHUFFLES, reference.shape[1], *whole.shape))
    blocks = np.array_split(np.arange(reference.shape[1]), reference.shape[1] // AT_ONCE + 1)
    for held_out, score in judges(reference, generated, seed):
        both = np.concatenate([reference[held_out], generated[held_out]])
        for n, block in product(range(SHUFFLES), blocks):
            changed = np.tile(both, (len(block), 1, 1))
            for row, k in enumerate(block):
                changed[row, :, k] = random.permutation(both[:, k])
            scores = score(changed.reshape(-1, both.shape[1])).reshape(len(block), 2, -1)
            shuffled[n, block[0] : block[-1] + 1][:, :, held_out] = scores
    auc = area_under_curve(*whole)
    left = np.array([[area_under_curve(*scores) for scores in each] for each in shuffled])
    return auc, (auc - left.mean(axis=0)).tolist()


def alone(reference: NDArray[np.float32], generated: NDArray[np.float32]) -> tuple[float, float]:
    """AUC of one feature, and how often it is higher in the generated shower of a pair."""
    both = ~(np.isnan(reference) | np.isnan(generated))
    if not both.any():
        return 0.5, 0.5
    more = generated[both] > reference[both]
    ties = generated[both] == reference[both]
    return area_under_curve(reference[both], generated[both]), float((more + ties / 2).mean())


def telling(
    reference: Measurement, generated: Measurement, seed: int
) -> tuple[float, list[Telling]]:
    """AUC of the trees, and all features, the most important first."""
    first, second = (side.feature_matrix.numpy() for side in (reference, generated))
    auc, lost = importances(first, second, seed)
    found = [
        Telling(name, lost[k], *alone(first[:, k], second[:, k]))
        for k, name in enumerate(reference.features)
    ]
    return auc, sorted(found, key=lambda feature: -feature.importance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generated", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--split", help="showers of the reference; those that were copied if left")
    parser.add_argument("--geometry", help="a name or a file; the reference's if left")
    parser.add_argument("--features", type=int, default=10, help="how many to print")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    reference, generated = measured(options)
    auc, found = telling(reference, generated, options.seed)
    print(f"{len(reference)} showers a side, AUC {auc:.3f}, {len(found)} features\n")
    print("| feature | importance | AUC alone | higher, % |\n|---|---|---|---|")
    for f in found[: options.features]:
        print(f"| `{f.name}` | {f.importance:.4f} | {f.alone:.3f} | {100 * f.higher:.1f} |")


if __name__ == "__main__":
    main()
