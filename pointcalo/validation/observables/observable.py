"""What an observable is: a named function of the hits of a sample."""

from collections.abc import Callable
from dataclasses import dataclass

from pointcalo.validation.hits import Hits
from pointcalo.validation.values import Values

CALOCHALLENGE = "CaloChallenge, Krause et al. 2024, arXiv:2410.21611"
CALOCLOUDS = "CaloClouds, Buhmann et al. 2023, arXiv:2305.04847"
NEW_ANGLES = "Diefenbacher et al. 2023, arXiv:2303.18150"
HERE = "this package"


@dataclass(frozen=True)
class Observable:
    """A named quantity of showers.

    Attributes:
        name: For files: lower case.
        title: For people.
        unit: Of its values; "1" where they have none.
        definition: One sentence.
        source: Where the definition is from.
        measure: Function of the hits of a sample.
        scale: "linear" or "log": how its values are binned and drawn.
        axis: What its values are, where the title does not say it.
    """

    name: str
    title: str
    unit: str
    definition: str
    source: str
    measure: Callable[[Hits], Values]
    scale: str = "linear"
    axis: str = ""

    def __call__(self, hits: Hits) -> Values:
        """Values of the observable in a sample."""
        return self.measure(hits)
