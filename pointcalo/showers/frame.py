"""The shower's own frame: transverse coordinates about the projected incident axis.

In detector layer l the axis lies at a_l = position + direction z_l / d_z. With the azimuth phi of
the direction, u = (x - a_l) rotated by -phi, so that u runs along the tilt and v across it. A
normal incidence has phi = 0. Angle and position are thus carried by geometry, not learned.
"""

import torch
from torch import Tensor

from pointcalo.showers.incident import Incident

# Below this sine the azimuth of a float32 direction is rounding noise.
NORMAL_SINE = 1e-6


def axis_xy(incident: Incident, z: Tensor) -> Tensor:
    """Where the axis of each shower crosses each detector layer.

    Args:
        incident: S particles.
        z: depth of the layers, mm, [L].

    Returns:
        x, y in mm, [S, L, 2].

    Raises:
        ValueError: a particle that flies along the layers and never crosses them.
    """
    along = incident.direction[:, 2]
    parallel = along.abs() < NORMAL_SINE
    if bool(parallel.any()):
        raise ValueError(
            f"incident particle {int(parallel.nonzero()[0])} flies along the layers (direction z "
            "= 0), expected one that crosses them"
        )
    slope = incident.direction[:, :2] / along[:, None]
    depth = z[None, :] - incident.position[:, 2:]
    return incident.position[:, None, :2] + slope[:, None, :] * depth[:, :, None]


class ShowerFrame:
    """Transverse coordinates (u, v) of points about the axis of their shower, and back.

    Args:
        incident: S particles.
        z: depth of the layers, mm, [L].
        mirror: signs of v, [S], to look at mirrored showers; None: 1.

    >>> incident = Incident(
    ...     energy=torch.tensor([50e3]),
    ...     direction=torch.tensor([[0.0, 0.6, 0.8]]),
    ...     position=torch.zeros(1, 3),
    ...     pdg=torch.tensor([22]),
    ... )
    >>> frame = ShowerFrame(incident, torch.tensor([0.0, 8.0]))
    >>> frame.axis[0, 1]
    tensor([0., 6.])
    >>> point = torch.tensor([[0.0, 7.0]])
    >>> frame.to_frame(point, layer=torch.tensor([1]), shower=torch.tensor([0]))
    tensor([[1., 0.]])
    """

    def __init__(self, incident: Incident, z: Tensor, mirror: Tensor | None = None) -> None:
        self.axis = axis_xy(incident, z)
        transverse = incident.direction[:, :2]
        sine = transverse.norm(dim=1, keepdim=True)
        unit = transverse / sine.clamp(min=NORMAL_SINE)
        normal = torch.tensor([1.0, 0.0], device=unit.device, dtype=unit.dtype)
        self.tilt = torch.where(sine > NORMAL_SINE, unit, normal)
        across = torch.stack([-self.tilt[:, 1], self.tilt[:, 0]], dim=-1)
        self.across = across if mirror is None else across * mirror[:, None]

    def to_frame(self, xy: Tensor, layer: Tensor, shower: Tensor) -> Tensor:
        """Coordinates about the axis.

        Args:
            xy: mm, [P, 2].
            layer: detector layer of each point, [P] int64.
            shower: shower of each point, [P] int64.

        Returns:
            u, v in mm, [P, 2].
        """
        away = xy - self.axis[shower, layer]
        along, across = (away * unit[shower] for unit in (self.tilt, self.across))
        return torch.stack([along.sum(dim=-1), across.sum(dim=-1)], dim=-1)

    def from_frame(self, uv: Tensor, layer: Tensor, shower: Tensor) -> Tensor:
        """The inverse of `to_frame`: u, v in mm [P, 2] to x, y in mm [P, 2]."""
        away = uv[:, :1] * self.tilt[shower] + uv[:, 1:] * self.across[shower]
        return away + self.axis[shower, layer]
