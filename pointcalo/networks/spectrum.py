"""The energies of hits: mixtures of logistics in the coordinate of the training hits' own spectrum.

Of the training hits the share u has less energy. In y = log((u + c) / (1 - u)) the spectrum of them
all is the standard logistic, cut at u = 0, with all that is sharp in it: what falls off above
threshold, the peak of minimum ionising particles and its steep lower side. What a hit's
surroundings change is smooth in y, and a few logistics hold it; in an energy, or its logarithm,
they would have to draw the peak anew in every cell, and draw it blunt.

Energies are excesses over threshold in units of the threshold, x, and values are log(x + eps).
"""

import math

import torch
from torch import Tensor, nn

from pointcalo.networks.budget import EPS
from pointcalo.nn.mixture import (
    mixture_follow,
    mixture_log_prob,
    mixture_points,
    mixture_sample,
)

FIRST = 0.01  # c: of the training hits, about as many next to the threshold are not told apart
LOW = math.log(FIRST)  # y of the threshold
STEP = 1.0 / 256.0  # of y, from one knot to the next
KNOTS = 3329
RARE = 100  # hits above the last knot that is measured
LEAST = 3 * RARE  # hits that are needed
LEAST_SLOPE = 1e-4  # of values in y, where many hits have the same energy
LEAST_BEYOND = 0.1  # and beyond the measured ones: a layer's sum may scale a hit to there
MAX_VALUE = 12.0  # keeps exp finite for an untrained network


class Spectrum(nn.Module):
    """Densities of hits' energies, given the parameters of their mixtures ``[..., 3K]``."""

    knots: Tensor

    def __init__(self) -> None:
        super().__init__()
        # before it is fitted: excesses that fall as a power
        self.register_buffer("knots", math.log(EPS) + STEP * torch.arange(KNOTS))

    def fit(self, relative: Tensor) -> None:
        """Take the spectrum of training hits with these energies ``[H]``; few are not enough."""
        value = torch.log(relative.detach().clamp_min(0.0).double() + EPS).sort().values
        rise = torch.arange(KNOTS, device=value.device) * STEP
        if len(value) < LEAST:
            return
        # knots below the rare hits
        measured = min(int((math.log(len(value) / RARE) - LOW) / STEP), KNOTS - 1)
        y = LOW + rise[: measured + 1].double()
        place = (y.exp() - FIRST) / (1.0 + y.exp()) * (len(value) - 1)
        knots = torch.lerp(value[place.floor().long()], value[place.ceil().long()], place.frac())
        knots[0] = math.log(EPS)
        slope = (knots[-1] - knots[-1 - int(1.0 / STEP)]).clamp_min(LEAST_BEYOND)
        beyond = knots[-1] + slope * (rise[measured + 1 :] - rise[measured])
        self.knots.copy_(torch.cat([knots, beyond]) + LEAST_SLOPE * rise)

    def log_prob(self, parameters: Tensor, relative: Tensor) -> Tensor:
        """Log density in y of energies ``[...]``."""
        return mixture_log_prob(parameters, self._coordinate(torch.log(relative + EPS)), low=LOW)

    def log_slope(self, relative: Tensor) -> Tensor:
        """Log of the slope of y in the value, at energies ``[...]``."""
        knot = self._knot(torch.log(relative + EPS))
        return torch.log(STEP / (self.knots[knot + 1] - self.knots[knot]))

    def sample(self, parameters: Tensor, choice: Tensor, noise: Tensor) -> Tensor:
        """Energies ``[...]`` from uniform and logistic numbers, as `mixture_sample` takes them."""
        return self._energy(mixture_sample(parameters, choice, noise, low=LOW))

    def follow(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Values ``[...]`` drawn here as differentiable functions of their mixtures."""
        drawn = self._coordinate(value.detach())
        return self._value(mixture_follow(parameters, drawn, low=LOW))

    def moments(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """About the means and the variances of the energies, each ``[...]``."""
        point, weight = mixture_points(parameters, low=LOW)
        energy = self._energy(point)
        mean = (weight * energy).sum(dim=-1)
        return mean, (weight * (energy - mean[..., None]) ** 2).sum(dim=-1)

    def _knot(self, value: Tensor) -> Tensor:
        """The last knot that is not above the value, and not the last of all."""
        knot = torch.searchsorted(self.knots, value.contiguous(), right=True) - 1
        return knot.clamp(0, KNOTS - 2)

    def _coordinate(self, value: Tensor) -> Tensor:
        """Y of values."""
        knot = self._knot(value)
        low, high = self.knots[knot], self.knots[knot + 1]
        return (knot + (value - low) / (high - low)).clamp_min(0.0) * STEP + LOW

    def _value(self, y: Tensor) -> Tensor:
        """Values at y."""
        place = (y - LOW) / STEP
        knot = place.detach().floor().clamp(0, KNOTS - 2).long()
        low, high = self.knots[knot], self.knots[knot + 1]
        return low + (place - knot) * (high - low)

    def _energy(self, y: Tensor) -> Tensor:
        return (self._value(y).clamp_max(MAX_VALUE).exp() - EPS).clamp_min(0.0)
