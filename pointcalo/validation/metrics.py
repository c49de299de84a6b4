"""Comparisons of two samples, each a value with its uncertainty."""

from dataclasses import dataclass

OK = "ok"
TOO_FEW = "too few"
DIFFERENT_INCIDENT = "different incident particles"


@dataclass(frozen=True)
class Metric:
    """Value of a comparison.

    Attributes:
        value: The number.
        uncertainty: Its standard error.
        n: Showers a side.
        status: `OK`, or why the value satisfies no bound.
    """

    value: float
    uncertainty: float
    n: int
    status: str = OK
