"""The peak of minimum ionising particles (MIP) in the spectrum of cell energies.

Thresholds are half a MIP, so the peak is looked for between 0.6 and 1.8 times twice the median
threshold of the layers. There the spectrum is taken for a Moyal distribution, the closed form that
stands for Landau's, on a constant background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import erfc
from scipy.stats import moyal

from pointcalo.geometry import Geometry
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import Estimate
from pointcalo.validation.metrics.histograms import Histograms, shower_table
from pointcalo.validation.metrics.metric import Metric, Pair

MIP_PER_THRESHOLD = 2.0
WINDOW = (0.6, 1.8)
FIT_BINS = 24
SIGNIFICANT = 5.0
"""Least height of a peak, in standard errors."""
SPECTRUM = (0.5, 2.0)
SPECTRUM_BINS = 20
CERTAIN = 3.0
"""Standard errors."""
MOYAL = "Moyal 1955, Phil. Mag. 46, 263"


@dataclass(frozen=True)
class MipPeak:
    """The fitted peak of a sample.

    Attributes:
        position: Most probable energy in MeV.
        width: Scale of the Moyal distribution in MeV.
        height: Share of all hits in the peak.
        background: Share of all hits in the background, in 1/MeV.
        window: Range of energies that was fitted, in MeV.
    """

    position: float
    width: float
    height: float
    background: float
    window: tuple[float, float]

    def density(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the hits in 1/MeV at energies in MeV, as densities of the spectrum are drawn."""
        peak = moyal.pdf(energy, self.position, self.width)
        return self.height * peak + self.background


@dataclass(frozen=True)
class _Fit:
    """Parameters (position, log width, height, background) and what small changes do to them.

    Attributes:
        parameters: [4].
        gain: Change of the parameters for a change of the number of hits in each bin, [4, B].
    """

    parameters: NDArray[np.float64]
    gain: NDArray[np.float64]


def mip_peak(measurement: Measurement) -> MipPeak | None:
    """The peak in the spectrum of cell energies; None where there is no significant one."""
    edges = _fit_edges(measurement.geometry)
    if edges is None:
        return None
    values = measurement.values["cell_energy"]
    number = shower_table(values, torch.from_numpy(edges)).sum(axis=0)
    fit = _fit(number[1:-1], edges)
    if fit is None:
        return None
    position, log_width, height, background = fit.parameters.tolist()
    total = number.sum()
    window = (float(edges[0]), float(edges[-1]))
    return MipPeak(position, float(np.exp(log_width)), height / total, background / total, window)


def _fit_edges(geometry: Geometry) -> NDArray[np.float64] | None:
    """Bins of the fit in MeV, [B + 1]; None for layers without threshold."""
    mip = MIP_PER_THRESHOLD * float(geometry.layer_threshold.median())
    low, high = (share * mip for share in WINDOW)
    return np.linspace(low, high, FIT_BINS + 1) if mip > 0 else None


def _model(parameters: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of hits in each bin, [B]."""
    position, log_width, height, background = parameters
    with np.errstate(over="ignore"):
        scaled = (edges - position) / np.exp(log_width)
        below = erfc(np.exp(-scaled / 2) / np.sqrt(2))  # the cumulative Moyal distribution
    return height * np.diff(below) + background * np.diff(edges)


def _fit(number: NDArray[np.float64], edges: NDArray[np.float64]) -> _Fit | None:
    """Least squares fit to the number of hits in each bin, [B]; None without significant peak."""
    low, high = edges[0], edges[-1]
    error = np.sqrt(np.maximum(number, 1.0))
    highest = edges[number.argmax()]
    background = number.min() / np.diff(edges)[0]
    start = [highest, np.log(0.1 * highest), number.sum(), background]
    scale = [highest, 1.0, max(number.sum(), 1.0), max(number.sum(), 1.0) / (high - low)]
    found = least_squares(
        lambda parameters: (_model(parameters, edges) - number) / error, start, x_scale=scale
    )
    position, log_width, height, _ = found.x
    inside = low < position < high and np.exp(log_width) < (high - low) / 2
    if not (found.success and inside):
        return None
    gain = np.linalg.pinv(found.jac * scale) * np.array(scale)[:, None]
    if height < SIGNIFICANT * np.linalg.norm(gain[2]):
        return None
    return _Fit(found.x, gain / error)


def _bootstrapped(pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Parameters of both samples in every bootstrap sample, [R + 1, 4] each.

    Those of the samples are fitted; from there to a bootstrap sample goes one step of the fit.
    """
    edges = _fit_edges(pair.reference.geometry)
    if edges is None:
        return None
    values = pair.values("cell_energy")
    histograms = Histograms.of(*values, torch.from_numpy(edges), pair.resampling)
    both = []
    for side, shares in zip(values, (histograms.reference, histograms.generated), strict=True):
        number = float(side.weight.sum()) * shares[:, 0, 1:-1]
        fit = _fit(number[0], edges)
        if fit is None:
            return None
        both.append(fit.parameters + (number - number[0]) @ fit.gain.T)
    return both[0], both[1]


def _position(pair: Pair) -> Estimate:
    return _relative(pair, lambda parameters: parameters[:, 0])


def _width(pair: Pair) -> Estimate:
    return _relative(pair, lambda parameters: np.exp(parameters[:, 1]))


def _relative(
    pair: Pair, quantity: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Estimate:
    both = pair.once(_bootstrapped)
    if both is None:
        return Estimate.missing(pair.n)
    first, second = map(quantity, both)
    return pair.resampling.estimate(second / first - 1)


def _spectra(pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Shares of the hits in bins about the peak of the reference, [R + 1, 20] of both samples."""
    peak = mip_peak(pair.reference)
    if peak is None:
        return None
    low, high = (share * peak.position for share in SPECTRUM)
    edges = torch.linspace(low, high, SPECTRUM_BINS + 1, dtype=torch.float64)
    histograms = Histograms.of(*pair.values("cell_energy"), edges, pair.resampling)
    return histograms.reference[:, 0, 1:-1], histograms.generated[:, 0, 1:-1]


def _mean_deviation(pair: Pair) -> Estimate:
    spectra = pair.once(_spectra)
    if spectra is None:
        return Estimate.missing(pair.n)
    return pair.resampling.estimate(_deviations(*spectra).mean(axis=1))


def _worst_deviation(pair: Pair) -> Estimate:
    spectra = pair.once(_spectra)
    if spectra is None:
        return Estimate.missing(pair.n)
    errors = _in_errors(*spectra)
    worst = int(np.abs(errors[0]).argmax())
    return pair.resampling.estimate(errors[:, worst], abs(float(errors[0, worst])))


def _significant_deviation(pair: Pair) -> Estimate:
    spectra = pair.once(_spectra)
    if spectra is None:
        return Estimate.missing(pair.n)
    significant = np.abs(_in_errors(*spectra)) > CERTAIN
    return pair.resampling.estimate(np.where(significant, _deviations(*spectra), 0.0).max(axis=1))


def _deviations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """|ratio - 1| in each bin, [R + 1, 20]; 0 where the first has no hit."""
    return np.abs(np.divide(second, first, out=np.ones_like(first), where=first > 0) - 1)


def _in_errors(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference in each bin in standard errors, [R + 1, 20]."""
    apart = second - first
    error = apart[1:].std(axis=0, ddof=1)
    return np.divide(apart, error, out=np.zeros_like(apart), where=error > 0)


METRICS = (
    Metric(
        "mip_position",
        "Position of the MIP peak",
        "1",
        "most probable energy of the peak of minimum ionising particles in the spectrum of cell "
        "energies (fit of a Moyal distribution and a constant), over the reference's, less 1",
        MOYAL,
        _position,
    ),
    Metric(
        "mip_width",
        "Width of the MIP peak",
        "1",
        "scale of the Moyal distribution fitted to the peak of minimum ionising particles, over "
        "the reference's, less 1",
        MOYAL,
        _width,
    ),
    Metric(
        "mip_spectrum_mean",
        "Spectrum about the MIP peak, mean deviation",
        "1",
        "mean of |generated / reference - 1| over 20 bins of cell energy from half to twice the "
        "position of the reference's MIP peak, as shares of all hits",
        "this package",
        _mean_deviation,
    ),
    Metric(
        "mip_spectrum_worst",
        "Spectrum about the MIP peak, worst bin",
        "1",
        "largest difference of the two spectra in one of these 20 bins, in standard errors",
        "this package",
        _worst_deviation,
    ),
    Metric(
        "mip_spectrum_significant",
        "Spectrum about the MIP peak, largest significant deviation",
        "1",
        "largest |generated / reference - 1| in those of these 20 bins in which the spectra differ "
        "by more than 3 standard errors; 0 where none does",
        "this package",
        _significant_deviation,
    ),
)
