"""All that is measured of a sample, in one pass over its showers, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.validation.features import high_level_features, median_pitch_mm
from pointcalo.validation.hits import hits_of
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.values import Values

KEPT_POINTS = 5_000_000
"""Of the first showers, which are kept for what looks at single cells: 200 MB."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A sample of S showers as metrics see it.

    Attributes:
        geometry: The detector.
        incident: The incident particles, S of them.
        values: Of every observable by its name.
        features: High-level features by name, [S] float64 each; NaN where undefined.
        showers: The first showers, on cells above threshold, as many as are kept.
    """

    geometry: Geometry
    incident: Incident
    values: dict[str, Values]
    features: dict[str, Tensor]
    showers: Showers

    def __len__(self) -> int:
        return len(self.incident)

    def __getitem__(self, showers: Tensor | slice) -> Measurement:
        """The measurement of some showers, [n] int64 or bool [S], in the order named."""
        every = torch.arange(len(self))
        numbers = every[showers]
        if torch.equal(numbers, every):
            return self
        kept = numbers[: int((numbers < len(self.showers)).long().cumprod(0).sum())]
        return Measurement(
            self.geometry,
            self.incident[numbers],
            {name: values[numbers] for name, values in self.values.items()},
            {name: column[numbers] for name, column in self.features.items()},
            self.showers[kept],
        )

    @cached_property
    def feature_matrix(self) -> Tensor:
        """Features, [S, number of features] float32, NaN where undefined."""
        matrix = torch.stack(list(self.features.values()), dim=1).float()
        return torch.where(matrix.isfinite(), matrix, torch.nan)

    def column(self, name: str) -> Tensor:
        """Values of an observable that has at most one a shower, [S] float64, else NaN."""
        values = self.values[name]
        column = torch.full((len(self),), torch.nan, dtype=torch.float64)
        column[values.shower] = values.value
        return column

    def layers(self, name: str) -> Tensor:
        """Values of an observable that has at most one a shower and layer, [S, L], else NaN."""
        values = self.values[name]
        table = torch.full((len(self), values.num_groups), torch.nan, dtype=torch.float64)
        table[values.shower, values.group] = values.value
        return table


def measure(batches: Iterable[Showers], geometry: Geometry) -> Measurement:
    """Measure showers on cells, above threshold, in memory that does not grow with their hits.

    Args:
        batches: The showers, in batches.
        geometry: The detector.

    Raises:
        ValueError: A row lies on no cell of the geometry.
    """
    pitch_mm = median_pitch_mm(geometry)
    incident: list[Incident] = []
    values: dict[str, list[Values]] = {observable.name: [] for observable in OBSERVABLES}
    features: list[dict[str, Tensor]] = []
    kept: list[Showers] = []
    room = KEPT_POINTS
    for showers in batches:
        hits = hits_of(showers, geometry)
        incident.append(showers.incident)
        features.append(high_level_features(hits, pitch_mm))
        for observable in OBSERVABLES:
            values[observable.name].append(observable(hits).merged())
        if room > 0 or not kept:
            kept.append(showers)
        room -= showers.num_points
    return Measurement(
        geometry,
        Incident.cat(incident),
        {name: Values.cat(values.pop(name)) for name in list(values)},  # frees the batches' values
        {name: torch.cat([part[name] for part in features]) for name in features[0]},
        Showers.cat(kept),
    )
