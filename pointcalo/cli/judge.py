"""Judging a generator while it is trained: its showers beside held-out ones."""

import math
from statistics import fmean

import torch

from pointcalo.geometry import Geometry
from pointcalo.models.base import Model, Stream, first_showers
from pointcalo.sampling import Sampler
from pointcalo.training.checks import AUC
from pointcalo.validation.measurement import measure
from pointcalo.validation.metrics import METRICS, Pair
from pointcalo.validation.values import Values

MOST_SHOWERS = 1000
SAMPLES = 2  # of the same particles, for the AUC
OBSERVABLES = (
    *("response", "hits", "cell_energy", "longitudinal", "radial"),
    *("centre_u", "centre_v", "centre_depth"),
)
"""Energies, their sum and number, and where they lie: what any generator has to get right."""

ROUNDING = 1e-9


class Judge:
    """Compares a model's showers with held-out ones of the same incident particles.

    The Wasserstein distance of an observable over its standard deviation in the held-out showers,
    so that distances of different observables can be averaged: about 0.05 for two samples of 500
    showers of one kind. And `auc_features`, the mean over two samples.

    Args:
        stream: held-out showers on cells, of which the first 1000 are taken.
        geometry: the detector.
        seed: of the showers that are sampled, the same at each call.
    """

    def __init__(self, stream: Stream, geometry: Geometry, seed: int) -> None:
        self.geometry = geometry.to("cpu")
        showers = first_showers(stream, MOST_SHOWERS)[:MOST_SHOWERS]
        self.reference = measure([showers], self.geometry)
        spreads = {name: _spread(self.reference.values[name]) for name in OBSERVABLES}
        self.spreads = {name: spread for name, spread in spreads.items() if spread > 0.0}
        self.metrics = {metric.name: metric for metric in METRICS}
        self.seed = seed

    def __call__(self, model: Model) -> dict[str, float]:
        """Distances by the name of the observable, 0 for showers that are alike, and `auc`.

        There is no AUC of fewer than 100 showers.
        """
        pairs = [self._pair(model, self.seed + k) for k in range(SAMPLES)]
        distances = {
            name: self.metrics[f"wasserstein_{name}"](pairs[0]).value / spread
            for name, spread in self.spreads.items()
        }
        aucs = [self.metrics["auc_features"](pair).value for pair in pairs]
        return distances if math.isnan(aucs[0]) else {**distances, AUC: fmean(aucs)}

    def _pair(self, model: Model, seed: int) -> Pair:
        """Held-out showers, and those of the model for the same particles."""
        device = model.profile.geometry.device
        sampled = Sampler(model).sample(self.reference.incident.to(device), seed)
        generated = measure((showers.to("cpu") for showers in sampled), self.geometry)
        return Pair(self.reference, generated)


def _spread(values: Values) -> float:
    """Weighted standard deviation; 0 where all values are the same but for rounding."""
    share = values.weight / values.weight.sum()
    mean = (share * values.value).sum()
    spread = torch.sqrt((share * (values.value - mean).square()).sum())
    return float(spread) if spread > ROUNDING * values.value.abs().max() else 0.0
