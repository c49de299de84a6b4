"""Widths and higher moments: of the shower along u, v and depth, and of each layer."""

from functools import partial

import torch
from torch import Tensor

from pointcalo.validation.hits import Hits
from pointcalo.validation.observables.observable import CALOCHALLENGE, HERE, Observable
from pointcalo.validation.values import Values

U, V, DEPTH = range(3)
NAMES = ("u", "v", "depth")
WORDS = ("along the tilt", "across the tilt", "in depth")
LEAST_SPREAD_MM = 1e-3


def width(hits: Hits, axis: int) -> Values:
    """sqrt(sum(E (w - <w>)^2) / sum(E)) of w = u, v or depth, of at least two hits."""
    return Values.of_showers(hits.spread[:, axis])


def skewness(hits: Hits, axis: int) -> Values:
    """<(w - <w>)^3> / width^3, energy-weighted; none for a width of 0."""
    apart = hits.central[axis]
    return _normalised_moment(hits, axis, hits.weighted_mean(apart * apart * apart), 3)


def kurtosis(hits: Hits, axis: int) -> Values:
    """<(w - <w>)^4> / width^4, energy-weighted; none for a width of 0."""
    square = hits.central[axis].square()
    return _normalised_moment(hits, axis, hits.weighted_mean(square * square), 4)


def correlation_with_depth(hits: Hits, axis: int) -> Values:
    """Covariance of w and depth over both widths; none where one of them is 0."""
    spread = hits.spread[:, axis], hits.spread[:, DEPTH]
    defined = torch.minimum(*spread) > LEAST_SPREAD_MM
    correlation = hits.covariance[:, axis, DEPTH] / (spread[0] * spread[1])
    return Values.of_showers(torch.where(defined, correlation, torch.nan))


def layer_centre(hits: Hits, axis: int) -> Values:
    """sum(E w) / sum(E) in each layer with a hit."""
    return Values.of_layers(hits.layers.centre[..., axis])


def layer_width(hits: Hits, axis: int) -> Values:
    """sqrt(sum(E (w - <w>)^2) / sum(E)) in each layer with at least two hits."""
    return Values.of_layers(hits.layers.spread[..., axis])


def _normalised_moment(hits: Hits, axis: int, moment: Tensor, power: int) -> Values:
    spread = hits.spread[:, axis]
    defined = spread > LEAST_SPREAD_MM
    return Values.of_showers(torch.where(defined, moment / spread**power, torch.nan))


def _shower_observables(axis: int) -> tuple[Observable, ...]:
    name, word = NAMES[axis], WORDS[axis]
    return (
        Observable(
            f"skewness_{name}",
            f"Skewness {word}",
            "1",
            f"energy-weighted third central moment of {name} over the cube of its width",
            HERE,
            partial(skewness, axis=axis),
        ),
        Observable(
            f"kurtosis_{name}",
            f"Kurtosis {word}",
            "1",
            f"energy-weighted fourth central moment of {name} over the fourth power of its width",
            HERE,
            partial(kurtosis, axis=axis),
        ),
    )


def _transverse_observables(axis: int) -> tuple[Observable, ...]:
    name, word = NAMES[axis], WORDS[axis]
    return (
        Observable(
            f"width_{name}",
            f"Width {word}",
            "mm",
            f"energy-weighted standard deviation of {name}, for at least two hits",
            CALOCHALLENGE,
            partial(width, axis=axis),
        ),
        Observable(
            f"correlation_{name}_depth",
            f"Correlation of {name} and depth",
            "1",
            f"energy-weighted covariance of {name} and depth over both widths",
            HERE,
            partial(correlation_with_depth, axis=axis),
        ),
        Observable(
            f"layer_centre_{name}",
            f"Centre of each layer {word}",
            "mm",
            f"energy-weighted mean of {name} in a layer, one distribution a layer",
            CALOCHALLENGE,
            partial(layer_centre, axis=axis),
        ),
        Observable(
            f"layer_width_{name}",
            f"Width of each layer {word}",
            "mm",
            f"energy-weighted standard deviation of {name} in a layer with at least two hits, one "
            "distribution a layer",
            CALOCHALLENGE,
            partial(layer_width, axis=axis),
        ),
    )


OBSERVABLES = (
    *_transverse_observables(U),
    *_transverse_observables(V),
    *_shower_observables(U),
    *_shower_observables(V),
    *_shower_observables(DEPTH),
)
