"""Means and spreads of the generated sample, relative to those of the reference."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from pointcalo.validation.metrics.binning import bin_of, equal_bins
from pointcalo.validation.metrics.estimate import Estimate, Resampling
from pointcalo.validation.metrics.metric import Metric, Pair
from pointcalo.validation.values import Values

GETTING_HIGH = "after Buhmann et al. 2020, arXiv:2005.05334"
DEGREE = 3
MOST_BINS = 10
CORE = (0.1587, 0.5, 0.8413)
BIN_SHOWERS = 100
"""Least showers of the reference in a bin of incident energy."""


def relative_bias(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Weighted mean of the generated values over that of the reference, less 1."""
    first, second = _both(reference.pooled(), generated.pooled(), resampling)
    return resampling.estimate(_ratio(second.mean, first.mean)[:, 0] - 1)


def relative_spread(reference: Values, generated: Values, resampling: Resampling) -> Estimate:
    """Weighted standard deviation of the generated values over the reference's, less 1."""
    first, second = _both(reference.pooled(), generated.pooled(), resampling)
    return resampling.estimate(_ratio(second.spread, first.spread)[:, 0] - 1)


class Moments:
    """Mean and spread of each group in each bootstrap sample, [R + 1, G], NaN where it is empty."""

    def __init__(self, values: Values, counts: NDArray[np.float64]) -> None:
        place = (values.shower.numpy(), values.group.numpy())
        shape = (values.num_showers, values.num_groups)

        def total(column: Tensor) -> NDArray[np.float64]:
            return counts @ csr_array((column.numpy(), place), shape=shape)

        weight = values.weight
        # About the mean of all, so that few digits are lost in the difference of squares.
        middle = float((weight * values.value).sum() / weight.sum())
        apart = values.value - middle
        number = total(weight)
        mean, square = (_ratio(total(weight * apart**k), number) for k in (1, 2))
        self.mean = middle + mean
        self.spread = np.sqrt(np.maximum(square - mean**2, 0.0))


def _both(reference: Values, generated: Values, resampling: Resampling) -> tuple[Moments, Moments]:
    first, second = resampling.counts
    return Moments(reference, first), Moments(generated, second)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator


class Expectation:
    """Mean of a quantity that grows about as the incident energy, as a smooth function of it.

    quantity / E = polynomial of degree 3 in log E (less where there are fewer energies), by least
    squares. Energies outside those of the fit take the value at its end.

    Args:
        energy: Incident energies in MeV, [S].
        quantity: Its values, [S]; NaN is left out.
    """

    def __init__(self, energy: Tensor, quantity: Tensor) -> None:
        known = quantity.isfinite()
        energy = energy[known].double()
        logarithm = energy.log().numpy()
        degree = min(DEGREE, len(np.unique(logarithm)) - 1)
        self.range = (float(logarithm.min()), float(logarithm.max()))
        relative = (quantity[known] / energy).numpy()
        domain = self.range if degree > 0 else (self.range[0] - 1, self.range[0] + 1)
        self.relative = Polynomial.fit(logarithm, relative, degree, domain=domain)

    def __call__(self, energy: Tensor) -> Tensor:
        """Expectation at incident energies in MeV, [S]; NaN where the fit is not positive."""
        logarithm = energy.double().log().clamp(*self.range).numpy()
        relative = torch.from_numpy(self.relative(logarithm))
        return torch.where(relative > 0, relative * energy.double(), torch.nan)


def over_expectation(pair: Pair, observable: str) -> tuple[Values, Values]:
    """A quantity of showers over its expectation at their incident energy, of both samples.

    The expectation is that of the reference on both sides.

    Args:
        pair: The samples.
        observable: "visible" for the visible energy, or one that has a value a shower and grows
            about as the incident energy.
    """
    sides = (pair.reference, pair.generated)
    energy = [side.incident.energy.double() for side in sides]
    if observable == "visible":
        quantity = [side.column("response") * e for side, e in zip(sides, energy, strict=True)]
    else:
        quantity = [side.column(observable) for side in sides]
    if not bool(quantity[0].isfinite().any()):
        return Values.of_showers(quantity[0]), Values.of_showers(quantity[1])
    expectation = Expectation(energy[0], quantity[0])
    first, second = (q / expectation(e) for q, e in zip(quantity, energy, strict=True))
    return Values.of_showers(first), Values.of_showers(second)


def _response_bias(pair: Pair) -> Estimate:
    return relative_bias(*pair.values("response"), pair.resampling)


def _response_spread(pair: Pair) -> Estimate:
    return relative_spread(*over_expectation(pair, "visible"), pair.resampling)


def _hits_bias(pair: Pair) -> Estimate:
    return relative_bias(*pair.values("hits"), pair.resampling)


def _hits_spread(pair: Pair) -> Estimate:
    return relative_spread(*over_expectation(pair, "hits"), pair.resampling)


def _linearity(pair: Pair) -> Estimate:
    first, second = _both(*_in_energy_bins(pair, pair.values("response")), pair.resampling)
    return _farthest(_ratio(second.mean, first.mean) - 1, pair.resampling)


def _resolution(pair: Pair) -> Estimate:
    both = _in_energy_bins(pair, over_expectation(pair, "visible"))
    first, second = (
        _core_resolution(values, counts)
        for values, counts in zip(both, pair.resampling.counts, strict=True)
    )
    return _farthest(_ratio(second, first) - 1, pair.resampling)


def _core_resolution(values: Values, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the width of the central 68 % over the median in each group, [R + 1, G]."""
    low, middle, high = core(values, counts)
    return _ratio((high - low) / 2, middle)


def core(values: Values, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles 0.159, 0.5 and 0.841 of each group in each bootstrap sample, [3, R + 1, G]."""
    return quantiles(values, counts, CORE)


def quantiles(
    values: Values, counts: NDArray[np.float64], shares: Sequence[float]
) -> NDArray[np.float64]:
    """Quantiles [Q] of each group in each bootstrap sample, [Q, R + 1, G]."""
    found = np.full((len(shares), len(counts), values.num_groups), np.nan)
    for group in values.group.unique().tolist():
        rows = (values.group == group).nonzero()[:, 0]
        rows = rows[values.value[rows].argsort()]
        ordered = values.value[rows].numpy()
        upto = counts[:, values.shower[rows].numpy()].cumsum(axis=1)
        for k, share in enumerate(shares):
            place = (upto < share * upto[:, -1:]).sum(axis=1)
            found[k, :, group] = ordered[np.minimum(place, len(ordered) - 1)]
    return found


def _in_energy_bins(pair: Pair, both: tuple[Values, Values]) -> tuple[Values, Values]:
    """Values of showers, with the bin of their incident energy as their group."""
    energy = pair.reference.incident.energy
    edges = equal_bins(energy, min(MOST_BINS, len(energy) // BIN_SHOWERS))
    groups = [bin_of(s.incident.energy, edges[1:-1]) for s in (pair.reference, pair.generated)]
    first, second = (
        replace(values, group=group[values.shower], num_groups=len(edges) - 1)
        for values, group in zip(both, groups, strict=True)
    )
    return first, second


def _farthest(deviation: NDArray[np.float64], resampling: Resampling) -> Estimate:
    """The deviation of the group where it is farthest from 0, [R + 1, G], with its error there."""
    there = np.where(np.isfinite(deviation[0]), np.abs(deviation[0]), -1.0)
    return resampling.estimate(deviation[:, int(there.argmax())])


def _metric(name: str, title: str, definition: str, compare: Callable[[Pair], Estimate]) -> Metric:
    return Metric(name, title, "1", definition, GETTING_HIGH, compare)


METRICS = (
    _metric(
        "response_bias",
        "Mean response",
        "mean response over that of the reference, less 1",
        _response_bias,
    ),
    _metric(
        "response_spread",
        "Spread of the response",
        "standard deviation of the visible energy over its expectation (a cubic in log E of the "
        "reference's response), over that of the reference, less 1",
        _response_spread,
    ),
    _metric(
        "hits_bias",
        "Mean number of hits",
        "mean number of hits over that of the reference, less 1",
        _hits_bias,
    ),
    _metric(
        "hits_spread",
        "Spread of the number of hits",
        "standard deviation of the number of hits over its expectation at the incident energy, "
        "over that of the reference, less 1",
        _hits_spread,
    ),
    _metric(
        "linearity",
        "Linearity",
        "mean response over that of the reference, less 1, in the one of up to 10 bins of incident "
        "energy with equal numbers of showers where it is farthest from 0",
        _linearity,
    ),
    _metric(
        "resolution",
        "Energy resolution",
        "half the width of the central 68 % over the median of the visible energy over its "
        "expectation, over that of the reference, less 1, in the bin of incident energy where it "
        "is farthest from 0",
        _resolution,
    ),
)
