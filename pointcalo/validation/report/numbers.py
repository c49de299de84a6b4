"""How numbers with errors are written."""

import math

from pointcalo.validation.compare import Comparison
from pointcalo.validation.metrics.estimate import OK, UNDEFINED, Estimate


def pair(estimate: Estimate) -> str:
    """Value and error with the digits of the first two of the error; or why there is none."""
    if not _has_value(estimate):
        return note(estimate) or UNDEFINED
    error = estimate.uncertainty
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{estimate.value:.{digits}f} ± {error:.{digits}f}"


def with_unit(compared: Comparison) -> str:
    """Value, error and unit of generated against reference."""
    bare = compared.metric.unit == "1" or not _has_value(compared.estimate)
    unit = "" if bare else f" {compared.metric.unit}"
    return pair(compared.estimate) + unit


def note(estimate: Estimate) -> str:
    """Why a value satisfies no bound; empty where it may."""
    return "" if estimate.status == OK else estimate.status


def _has_value(estimate: Estimate) -> bool:
    return estimate.status != UNDEFINED and math.isfinite(estimate.value)
