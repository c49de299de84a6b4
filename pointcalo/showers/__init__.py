"""Showers: the frozen ragged batch, ragged operators and the shower's own frame."""

from pointcalo.showers.frame import ShowerFrame, axis_xy
from pointcalo.showers.incident import Incident, ShowerError
from pointcalo.showers.pyg import from_pyg, to_pyg
from pointcalo.showers.ragged import (
    index_from_ptr,
    ptr_from_counts,
    rows_of,
    segment_max,
    segment_mean,
    segment_softmax,
    segment_sum,
)
from pointcalo.showers.showers import ENERGY, TIME, Showers, X, Y
from pointcalo.showers.symmetry import under_symmetry

__all__ = [
    "ENERGY",
    "TIME",
    "Incident",
    "ShowerError",
    "ShowerFrame",
    "Showers",
    "X",
    "Y",
    "axis_xy",
    "from_pyg",
    "index_from_ptr",
    "ptr_from_counts",
    "rows_of",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "to_pyg",
    "under_symmetry",
]
