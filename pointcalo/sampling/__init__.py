"""Sampling: incident particles to showers, in batches of bounded size."""

from pointcalo.sampling.sampler import Sampler

__all__ = ["Sampler"]
