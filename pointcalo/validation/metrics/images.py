"""Metrics of images: what models of grids are judged by.

Images are 16 x 16 pixels of one median cell pitch in u, v about the axis of each shower, layers
added in up to 10 groups; of the first showers of both samples, as many as were kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pointcalo.validation.images import Images, images_of
from pointcalo.validation.metrics.binning import bin_edges
from pointcalo.validation.metrics.distances import separation, wasserstein
from pointcalo.validation.metrics.estimate import TOO_FEW, Estimate, Resampling
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.values import Values

MIN_SHOWERS = 20
OFTEN_LIT = 0.1
"""Pixels lit in fewer of the reference's showers have no correlation worth the name."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairOfImages:
    """Images of the first showers of two samples, as many of both.

    Attributes:
        reference: Of the reference.
        generated: Of the sample to judge.
        resampling: Bootstrap samples of both.
    """

    reference: Images
    generated: Images
    resampling: Resampling

    @property
    def sides(self) -> tuple[Images, Images]:
        """Reference and generated."""
        return self.reference, self.generated

    @cached_property
    def lit(self) -> tuple[csr_array, csr_array]:
        """1 for each pixel with energy, [S, K] each."""
        first, second = (_mapped(side.energy, np.ones_like) for side in self.sides)
        return first, second

    def means(self, both: tuple[csr_array, csr_array]) -> tuple[Array, Array]:
        """Means over the showers in each bootstrap sample, [R + 1, K], of columns [S, K]."""
        first, second = (
            counts @ columns / counts.shape[1]
            for columns, counts in zip(both, self.resampling.counts, strict=True)
        )
        return first, second


def mean_distance(images: PairOfImages) -> Estimate:
    """Sum over pixels of |mean - mean of the reference| over the energy of the latter."""
    return _relative(images, (images.reference.energy, images.generated.energy))


def occupancy_distance(images: PairOfImages) -> Estimate:
    """The same of the frequencies with which pixels are lit."""
    return _relative(images, images.lit)


def correlation_distance(images: PairOfImages) -> Estimate:
    """Root mean square difference of the correlations of neighbouring pixels.

    Of the roots of energy shares: the shares themselves have tails that hide what pixels have in
    common.
    """
    first, second = images.reference.neighbours()
    often = images.lit[0].mean(axis=0) >= OFTEN_LIT
    chosen = often[first] & often[second]
    if not chosen.any():
        return images.resampling.estimate(np.full(images.resampling.number + 1, np.nan))
    places = first[chosen], second[chosen]
    squares = images.reference.shares, images.generated.shares
    roots = tuple(_mapped(side, np.sqrt) for side in squares)
    products = tuple(side[:, places[0]].multiply(side[:, places[1]]).tocsr() for side in roots)
    moments = zip(*(images.means(both) for both in (roots, squares, products)), strict=True)
    correlations = [_correlation(*sides, places) for sides in moments]
    apart = np.square(correlations[0] - correlations[1]).mean(axis=1)
    return images.resampling.estimate(np.sqrt(apart))


def spectrum_separation(images: PairOfImages) -> Estimate:
    """Separation power of the energies of lit pixels."""
    both = [_lit_energies(side.energy) for side in images.sides]
    return separation(*both, bin_edges(both[0], "log"), images.resampling)


def sparsity_distance(images: PairOfImages) -> Estimate:
    """Wasserstein distance of the share of pixels that a shower lights."""
    shares = (np.diff(side.energy.indptr) / side.energy.shape[1] for side in images.sides)
    both = [Values.of_showers(torch.from_numpy(share)) for share in shares]
    return wasserstein(*both, images.resampling)


def _relative(images: PairOfImages, both: tuple[csr_array, csr_array]) -> Estimate:
    first, second = images.means(both)
    total = first.sum(axis=1)
    apart = np.abs(first - second).sum(axis=1)
    none = np.full_like(total, np.nan)
    return images.resampling.estimate(np.divide(apart, total, out=none, where=total > 0))


def _correlation(
    mean: Array, square: Array, product: Array, places: tuple[NDArray[np.int64], ...]
) -> Array:
    """Correlations of pairs of pixels, [R + 1, pairs], 0 where one of them never changes."""
    variance = square - mean**2
    first, second = places
    scale = np.sqrt((variance[:, first] * variance[:, second]).clip(min=0))
    covariance = product - mean[:, first] * mean[:, second]
    return np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)


def _lit_energies(energy: csr_array) -> Values:
    shower = np.repeat(np.arange(energy.shape[0]), np.diff(energy.indptr))
    value = torch.from_numpy(energy.data)
    return Values.of_hits(value, torch.ones_like(value), torch.from_numpy(shower), energy.shape[0])


def _mapped(columns: csr_array, function: Callable[[Array], Array]) -> csr_array:
    """The same entries with a function of their values."""
    mapped = columns.copy()
    mapped.data = function(mapped.data)
    return mapped


def _compare(pair: Pair, *, distance: Callable[[PairOfImages], Estimate]) -> Estimate:
    number = min(len(pair.reference.showers), len(pair.generated.showers))
    if number < MIN_SHOWERS:
        return Estimate.missing(number, TOO_FEW)
    return distance(pair.once(_first_images, number))


def _first_images(pair: Pair, number: int) -> PairOfImages:
    return PairOfImages(
        images_of(pair.reference, number),
        images_of(pair.generated, number),
        Resampling((number, number), pair.paired, pair.seed),
    )


LAGAN = "de Oliveira, Paganini and Nachman 2017, arXiv:1701.05927"
CALOGAN = "Paganini, de Oliveira and Nachman 2017, arXiv:1705.02355"
GETTING_HIGH = "Buhmann et al. 2020, arXiv:2005.05334"


def _metric(
    name: str,
    title: str,
    definition: str,
    source: str,
    distance: Callable[[PairOfImages], Estimate],
) -> Metric:
    compare = partial(_compare, distance=distance)
    return Metric(f"image_{name}", title, "1", definition, source, compare, group="images")


METRICS = (
    _metric(
        "mean",
        "Mean image",
        "sum over pixels of the absolute difference of the mean images, over the energy of the "
        "reference's",
        LAGAN,
        mean_distance,
    ),
    _metric(
        "occupancy",
        "Lit pixels",
        "sum over pixels of the absolute difference of how often they are lit, over the number of "
        "lit pixels of the reference",
        GETTING_HIGH,
        occupancy_distance,
    ),
    _metric(
        "correlation",
        "Correlations of neighbouring pixels",
        "root mean square difference of the Pearson correlations of the roots of the energy shares "
        "of pixels that share a side, lit in at least 10 % of the reference's showers",
        f"as between observables of showers in {GETTING_HIGH}",
        correlation_distance,
    ),
    _metric(
        "pixel_energy",
        "Pixel energies",
        "separation power, 0 to 1, of the energies of lit pixels",
        f"{GETTING_HIGH}; {LAGAN}",
        spectrum_separation,
    ),
    _metric(
        "sparsity",
        "Sparsity",
        "Wasserstein-1 distance of the share of pixels that a shower lights",
        CALOGAN,
        sparsity_distance,
    ),
)
