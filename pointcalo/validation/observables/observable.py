"""What an observable is: a named function of the hits of a sample."""

from collections.abc import Callable
from dataclasses import dataclass

from pointcalo.validation.hits import Hits
from pointcalo.validation.values import Values

CALOCHALLENGE = "CaloChallenge, Krause et al. 2024, arXiv:2410.21611"
CALICE_LAYER = "after CALICE 2014, arXiv:1411.7215"
CALICE_DENSITY = "after CALICE 2012, arXiv:1207.4210, global software compensation"
CALOCLOUDS = "CaloClouds, Buhmann et al. 2023, arXiv:2305.04847"
NEW_ANGLES = "Diefenbacher et al. 2023, arXiv:2303.18150"
HERE = "this package"
MIP = "a MIP being twice the threshold of the layer (of at least 0.01 MeV)"


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
        groups: What its groups are, where there is more than one.
        edges: Of the groups, where they are bins of a quantity; below the first edge belongs to
            the first of them, beyond the last to the last.
        curve: "mean" or "median": what is drawn of each group.
    """

    name: str
    title: str
    unit: str
    definition: str
    source: str
    measure: Callable[[Hits], Values]
    scale: str = "linear"
    axis: str = ""
    groups: str = "Detector layer"
    edges: tuple[float, ...] = ()
    curve: str = "mean"

    def __call__(self, hits: Hits) -> Values:
        """Values of the observable in a sample."""
        return self.measure(hits)
