"""How numbers with errors are written."""

import math

from pointcalo.validation.compare import Comparison
from pointcalo.validation.metrics.estimate import OK, UNDEFINED, Estimate


def pair(estimate: Estimate) -> str:
    """Value and error with the digits that the first two of the error have."""
    if estimate.status == UNDEFINED:
        return UNDEFINED
    error = estimate.uncertainty
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{estimate.value:.{digits}f} ± {error:.{digits}f}"


def with_unit(compared: Comparison) -> str:
    """Value, error and unit of generated against reference."""
    unit = "" if compared.metric.unit == "1" else f" {compared.metric.unit}"
    return pair(compared.estimate) + unit


def note(estimate: Estimate) -> str:
    """Why a value satisfies no bound; empty where it may."""
    return "" if estimate.status == OK else estimate.status
