"""A generated sample and all that was found of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointcalo.validation.compare import Comparison
from pointcalo.validation.samples import Sample
from pointcalo.validation.slices import SliceComparison


@dataclass(frozen=True)
class Judgement:
    """One generated sample, judged.

    Attributes:
        label: Short name, no other sample of the report has it.
        sample: What was measured of it.
        comparisons: Metrics by name.
        broken: One line for each bound that is not kept.
        slices: The same for showers of one range of energies or angles each.
    """

    label: str
    sample: Sample
    comparisons: Mapping[str, Comparison]
    broken: Sequence[str] = ()
    slices: Sequence[SliceComparison] = ()
