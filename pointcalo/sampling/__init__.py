"""Sampling: incident particles to showers, in batches of bounded size."""

from pointcalo.sampling.devices import sample_on
from pointcalo.sampling.other_cells import OtherCells
from pointcalo.sampling.sampler import Loss, Sampler

__all__ = ["Loss", "OtherCells", "Sampler", "sample_on"]
