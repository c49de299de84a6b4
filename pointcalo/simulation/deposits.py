"""Single deposits: how many, and how much energy each has.

The energy that a shower should leave in a layer becomes a Poisson number of whole deposits, so
that the spectrum of cell energies has the peak of single particles. A deposit is either *crossing*
(a charged particle goes through the gap d with cosine c to the normal and loses energy after
Landau on the path d / c) or *soft* (an electron that stops, with an exponential energy). Landau's
tail is cut where its mean is the mean loss of a minimum-ionising particle.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pointcalo.geometry.materials import ELECTRON_MASS_MEV
from pointcalo.simulation.stack import Stack

CORE, TAIL, HADRONIC, TRACK = range(4)
"""Kinds of deposit: rows of KINDS."""

# Share of soft deposits; their mean energy in MeV; smallest cosine of crossing particles; exponent
# n of their cosines, density ~ (c - smallest)^(n - 1). The first two rows are set on the spectra of
# cell energies of three Geant4 stacks, the third is a guess.
KINDS = torch.tensor(
    [
        [0.48, 0.30, 0.16, 1.82],
        [0.83, 0.31, 0.115, 0.97],
        [0.50, 0.50, 0.20, 1.5],
        [0.00, 1.00, 1.0, 1.0],
    ],
    dtype=torch.float64,
)
LANDAU_MODE = -0.22278
# An electron that stops within the gap has less energy in a thin one: the energies above are those
# where a minimum-ionising particle loses SOFT_LOSS MeV on average (0.4 mm of silicon).
SOFT_LOSS = 0.155
SOFT_POWER = 0.32


@dataclass(frozen=True)
class LandauTable:
    """Quantiles of Landau's distribution at equal steps of v = -ln(1 - p).

    Args:
        value: lambda, [T] float64.
        step: step of v.
        mean_below: mean of lambda below each quantile, [T].
    """

    value: Tensor
    step: float
    mean_below: Tensor

    def quantile(self, probability: Tensor) -> Tensor:
        """Lambda at these probabilities, any shape."""
        place = -torch.log1p(-probability) / self.step
        left = place.floor().clamp(0, len(self.value) - 2)
        index = left.long()
        value = self.value.to(probability.dtype)
        return value[index] + (place - left) * value.diff()[index]

    def share_with_mean(self, mean: Tensor) -> Tensor:
        """Probability at which to cut the tail so that the mean of lambda is this."""
        index = torch.searchsorted(self.mean_below, mean).clamp(1, len(self.value) - 1)
        return 1 - torch.exp(-index * self.step)


@lru_cache(maxsize=1)
def landau() -> LandauTable:
    """The table, up to lambda = 3000.

    phi(lambda) = 1/pi int_0^inf exp(-u ln u - lambda u) sin(pi u) du (Landau, J. Phys. USSR 8
    (1944) 201), summed on a grid.
    """
    low = torch.linspace(-3.3, 12, 1200, dtype=torch.float64)
    high = torch.logspace(math.log10(12), 3.5, 800, dtype=torch.float64)[1:]
    value = torch.cat([low, high])
    s = (torch.arange(6000, dtype=torch.float64) + 0.5) / 6000
    u = 45 * s**3  # fine near zero, where the integral for a large lambda is
    weight = torch.sin(math.pi * u) * (-u * u.log()).exp() * 135 * s**2 / 6000 / math.pi
    density = ((-value[:, None] * u).exp() @ weight).clamp(min=1e-12)
    zero = density.new_zeros(1)
    steps = (density[1:] + density[:-1]) / 2 * value.diff()
    cumulative = torch.cat([zero, steps.cumsum(0)])
    cumulative = cumulative / (cumulative[-1] + 1 / value[-1])  # the tail is 1 / lambda
    step = 0.002
    wanted = -torch.expm1(-step * torch.arange(4001, dtype=torch.float64))
    wanted = wanted[wanted < cumulative[-1]]
    right = torch.searchsorted(cumulative, wanted).clamp(1, len(value) - 1)
    part = (wanted - cumulative[right - 1]) / (cumulative[right] - cumulative[right - 1])
    quantile = value[right - 1] + part * value.diff()[right - 1]
    mass = wanted.diff() * (quantile[1:] + quantile[:-1]) / 2
    mean = torch.cat([quantile[:1], mass.cumsum(0) / wanted[1:]])
    return LandauTable(quantile, step, mean)


class DepositEnergy:
    """Energies of single deposits in the layers of a stack.

    Args:
        stack: the layers, K of them.

    Attributes:
        mean: mean energy of a deposit of each kind in each layer, MeV, [kinds, K].
        soft: energy of a stopped electron over that in KINDS in each layer, [K].
        per_MeV: about how many deposits a MeV of shower energy makes.
    """

    def __init__(self, stack: Stack) -> None:
        self.table = landau()
        self.gap = stack.gap
        self.width = stack.width
        self.soft = (stack.loss * stack.gap / SOFT_LOSS) ** SOFT_POWER
        self.constant = (2 * ELECTRON_MASS_MEV * stack.width / stack.plasma**2).log() + 0.2
        excess = stack.loss * stack.gap - self._peak(stack.gap, stack.width, self.constant)
        mean = excess / (stack.width * stack.gap) + LANDAU_MODE
        self.share = self.table.share_with_mean(mean)
        self.mean = self._mean(mean)
        active = (
            stack.loss * stack.gap * stack.gaps * stack.medium.response / self.mean[CORE]
        ).sum()
        medium = stack.medium.radiation_length * stack.medium.loss_per_mm
        self.per_MeV = float(active / (stack.radiation[-1, 1] * medium.mean()))
        columns = [self.gap, self.width, self.constant, self.share, self.soft]
        self._layers = torch.stack(columns).float()
        self._kinds = KINDS.float().T.contiguous()

    @staticmethod
    def _peak(path: Tensor, width: Tensor, constant: Tensor) -> Tensor:
        """Most probable loss on a path, MeV, as `Material.most_probable_loss`."""
        return width * path * (constant + path.log()).clamp(min=0)

    def _mean(self, mean_lambda: Tensor) -> Tensor:
        """Mean energy of a deposit of each kind in each layer, MeV, [kinds, K] float64."""
        soft, soft_energy, lowest, forward = (column[:, None, None] for column in KINDS.T)
        u = (torch.arange(256, dtype=torch.float64) + 0.5) / 256
        path = self.gap[:, None] / (lowest + (1 - lowest) * u ** (1 / forward))
        peak = self._peak(path, self.width[:, None], self.constant[:, None])
        tail = self.width[:, None] * path * (mean_lambda[:, None] - LANDAU_MODE)
        crossing = (peak + tail).mean(-1)
        stopped = soft_energy[..., 0] * self.soft
        return soft[..., 0] * stopped + (1 - soft[..., 0]) * crossing

    def draw(self, kind: Tensor, layer: Tensor, tilt: Tensor, uniform: Tensor) -> Tensor:
        """Energies of deposits.

        Args:
            kind: row of KINDS, [D] int64.
            layer: index in the stack, [D] int64.
            tilt: cosine of the shower axis to the normal, for tracks, [D] float32.
            uniform: three uniform numbers a deposit (soft or not, cosine, loss), [3, D] float32.

        Returns:
            MeV, [D] float32.
        """
        soft, soft_energy, lowest, forward = (column[kind] for column in self._kinds)
        gap, width, constant, share, scale = (column[layer] for column in self._layers)
        cosine = lowest + (1 - lowest) * uniform[1] ** (1 / forward)
        path = gap / torch.where(kind == TRACK, tilt, cosine)
        landau = self.table.quantile(uniform[2] * share) - LANDAU_MODE
        crossing = self._peak(path, width, constant) + width * path * landau
        stopped = -uniform[2].log() * soft_energy * scale
        return torch.where(uniform[0] < soft, stopped, crossing).clamp(min=0)


def poisson(mean: Tensor, uniform: Tensor) -> Tensor:
    """Poisson quantiles: exact below a mean of 12, Cornish and Fisher's expansion above.

    Args:
        mean: any shape, >= 0.
        uniform: the same shape, in (0, 1).

    Returns:
        Whole numbers, int64.
    """
    count = torch.zeros_like(mean, dtype=torch.int64)
    small = mean.flatten() < 12
    flat = count.flatten()
    flat[small] = _small_poisson(mean.flatten()[small], uniform.flatten()[small])
    large = mean.flatten()[~small]
    z = math.sqrt(2) * torch.erfinv(2 * uniform.flatten()[~small] - 1)
    value = large + large.sqrt() * z + (z**2 - 1) / 6
    flat[~small] = (value + 0.5).floor().clamp(min=0).long()
    return flat.reshape(mean.shape)


def _small_poisson(mean: Tensor, uniform: Tensor) -> Tensor:
    count = torch.zeros_like(mean, dtype=torch.int64)
    term = (-mean).exp()
    left = uniform - term
    for k in range(1, 60):
        more = left > 0
        if not bool(more.any()):
            break
        count += more
        term = term * mean / k
        left = left - term
    return count
