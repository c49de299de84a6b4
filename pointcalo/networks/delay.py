"""Hit time as the delay behind light along the shower axis, as a number near 0."""

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.showers import TIME, Incident, Showers
from pointcalo.units import SPEED_OF_LIGHT

SCALE = 0.02  # ns: delays are linear below it and logarithmic above


class Delay(nn.Module):
    """``asinh((t - z / (c cos theta) - origin) / 0.02 ns)`` and back, within what training showed.

    Args:
        geometry: the detector.
    """

    origin: Tensor
    limits: Tensor

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.register_buffer("origin", torch.tensor(0.0))
        self.register_buffer("limits", torch.tensor([-1.0, 1.0]))

    def fit(self, showers: Showers) -> None:
        """Take origin (the median delay, ns) and limits from training showers."""
        light = self._light_time(showers.incident)[showers.index, showers.layer]
        self.origin.fill_(float((showers.points[:, TIME] - light).median()))
        values = self.forward(showers)
        self.limits.copy_(torch.stack([values.min(), values.max()]))

    def forward(self, showers: Showers) -> Tensor:
        """The number of each hit, ``[P]``."""
        light = self._light_time(showers.incident)[showers.index, showers.layer]
        return torch.asinh((showers.points[:, TIME] - light - self.origin) / SCALE)

    def time(self, value: Tensor, incident: Incident, shower: Tensor, layer: Tensor) -> Tensor:
        """Times in ns ``[P]`` of hits with these numbers ``[P]``, of these showers and layers."""
        light = self._light_time(incident)[shower, layer]
        value = value.clamp(self.limits[0], self.limits[1])
        return light + self.origin + SCALE * torch.sinh(value)

    def _light_time(self, incident: Incident) -> Tensor:
        """When light along the axis reaches each layer, ns, ``[S, L]``."""
        return self.geometry.layer_z / incident.direction[:, 2:] / SPEED_OF_LIGHT
