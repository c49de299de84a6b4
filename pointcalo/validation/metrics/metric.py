"""What a metric is: a named comparison of two samples."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.pairing import same_incident
from pointcalo.validation.values import Values

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two samples of n showers to compare.

    Attributes:
        reference: What is compared with.
        generated: What is judged.
        seed: Of all that is drawn.
        repeats: Divisions into folds that classifiers average over.
        training: Showers that the generator learnt from, where they are known.
        variations: The first generated showers again, with other latents only ("latent") and
            with all random numbers other ("all"), where the generator is at hand.
    """

    reference: Measurement
    generated: Measurement
    seed: int = 1
    repeats: int = 1
    training: Measurement | None = None
    variations: Mapping[str, Measurement] | None = None

    @property
    def n(self) -> int:
        """Showers a side, the fewer of both."""
        return min(len(self.reference), len(self.generated))

    def values(self, observable: str) -> tuple[Values, Values]:
        """Values of an observable in both samples, by its name."""
        return self.reference.values[observable], self.generated.values[observable]

    def once(self, function: Callable[..., Found], *arguments: Hashable) -> Found:
        """What `function(pair, *arguments)` finds, computed once for all metrics of this pair."""
        asked = (function, *arguments)
        if asked not in self._found:
            self._found[asked] = function(self, *arguments)
        return self._found[asked]

    @cached_property
    def _found(self) -> dict[Hashable, Any]:
        return {}

    @cached_property
    def paired(self) -> bool:
        """Whether shower k of both has the same incident particle."""
        return same_incident(self.reference.incident, self.generated.incident)

    @cached_property
    def resampling(self) -> Resampling:
        """Bootstrap samples of both."""
        return Resampling((len(self.reference), len(self.generated)), self.paired, self.seed)


@dataclass(frozen=True)
class Metric:
    """A named comparison of two samples.

    Attributes:
        name: For files: lower case.
        title: For people.
        unit: Of its value; "1" where it has none.
        definition: One sentence.
        source: Where the definition is from.
        compare: The comparison.
        ideal: Value of samples that are alike.
        more_is_better: Whether a bound is a least value; else it is the largest |value|.
        observable: Name of the observable whose distributions it compares; empty: of none alone.
        group: What kind of metric it is: of classifiers, of the feature space, of sanity, ...
    """

    name: str
    title: str
    unit: str
    definition: str
    source: str
    compare: Callable[[Pair], Estimate] = field(repr=False)
    ideal: float = 0.0
    more_is_better: bool = False
    observable: str = ""
    group: str = "samples as a whole"

    def __call__(self, pair: Pair) -> Estimate:
        """Compare two samples."""
        return self.compare(pair)

    def keeps(self, value: float, bound: float) -> bool:
        """Whether a value satisfies a bound; NaN satisfies none."""
        return value >= bound if self.more_is_better else abs(value) <= bound
