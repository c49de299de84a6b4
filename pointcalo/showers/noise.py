"""Random numbers addressed by (seed, shower, counter, stream) instead of drawn in order.

A shower keeps its numbers whatever the batch it is computed in, on every device: the number at a
counter is the SplitMix64 finaliser of ``key + counter * golden ratio`` (Steele, Lea and Flood,
OOPSLA 2014, doi:10.1145/2660193.2660195).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

STREAMS = 64  # independent numbers per counter
GENERATION, SIMULATION, GUN, GEANT4 = range(4)  # purposes

# 64-bit constants, written as the signed integers that torch holds
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros (torch's own shift keeps the sign)."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


@dataclass(frozen=True)
class Noise:
    """The random numbers of a batch of showers.

    Args:
        key: one 64-bit key a shower, ``[S]`` int64; see `for_showers`.

    Example:
        >>> import torch
        >>> noise = Noise.for_showers(seed=1, number=torch.arange(3))
        >>> one = Noise.for_showers(seed=1, number=torch.tensor([2]))
        >>> a = noise.uniform(torch.tensor([2, 2]), torch.tensor([0, 5]))
        >>> b = one.uniform(torch.tensor([0, 0]), torch.tensor([0, 5]))
        >>> bool((a == b).all())
        True
    """

    key: Tensor

    @classmethod
    def for_showers(cls, seed: int | Tensor, number: Tensor, purpose: int = GENERATION) -> "Noise":
        """Keys of the showers with these numbers ``[S]`` in the run with this seed.

        Programs that share a seed need a purpose each, or they would share their numbers.
        """
        seeded = torch.as_tensor(seed, dtype=torch.int64, device=number.device) * _GOLDEN
        start = _mix(_mix(seeded + 1) + purpose)
        return cls(_mix(start + number.to(torch.int64) * _GOLDEN))

    def to(self, device: torch.device | str) -> "Noise":
        """The same numbers on another device."""
        return Noise(self.key.to(device))

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, index: slice | Tensor) -> "Noise":
        return Noise(self.key[index])

    def uniform(self, shower: Tensor, counter: Tensor, stream: int = 0) -> Tensor:
        """Uniform numbers strictly between 0 and 1.

        Args:
            shower: index of the shower in this batch, ``[P]`` int64.
            counter: which number, ``[P]`` int64 (a cell, a hit, ...), same shape.
            stream: independent series, 0 to 63.

        Returns:
            ``[P]`` float32, multiples of 2^-24.
        """
        bits = _mix(self.key[shower] + (counter * STREAMS + (stream + 1)) * _GOLDEN)
        return (_shift(bits, 41).to(torch.float32) + 0.5) * 2.0**-23

    def logistic(self, shower: Tensor, counter: Tensor, stream: int = 0) -> Tensor:
        """Standard logistic numbers ``[P]``; arguments as for `uniform`."""
        return torch.logit(self.uniform(shower, counter, stream))

    def normal(self, shower: Tensor, counter: Tensor, stream: int = 0) -> Tensor:
        """Standard normal numbers ``[P]`` by inversion; arguments as for `uniform`."""
        return math.sqrt(2.0) * torch.erfinv(2.0 * self.uniform(shower, counter, stream) - 1.0)

    def latent(self, size: int, stream: int = 0) -> Tensor:
        """A standard normal vector a shower, ``[S, size]``."""
        num_showers = self.key.shape[0]
        shower = torch.arange(num_showers, device=self.key.device).repeat_interleave(size)
        counter = torch.arange(size, device=self.key.device).repeat(num_showers)
        return self.normal(shower, counter, stream).reshape(num_showers, size)
