"""Sampling: incident particles to showers, in batches of bounded size."""

from pointcalo.sampling.other_cells import OtherCells
from pointcalo.sampling.sampler import Sampler

__all__ = ["OtherCells", "Sampler"]
