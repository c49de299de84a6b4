"""A cell's place about the shower axis as features of a network."""

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame, Showers

SIZE = 12  # number of features


class Place(nn.Module):
    """Features ``[P, 12]`` of positions about the axis, in units of the showers' own radius."""

    radius: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("radius", torch.tensor(10.0))

    def fit(self, showers: Showers, geometry: Geometry) -> None:
        """Take as the unit the radius in mm that holds half of the energy."""
        frame = ShowerFrame(showers.incident, geometry.layer_z)
        uv = frame.to_frame(showers.xy, showers.layer, showers.index)
        distance, order = torch.linalg.vector_norm(uv, dim=-1).sort()
        share = showers.energy[order].double().cumsum(0)
        half = int(torch.searchsorted(share, share[-1] / 2))
        self.radius.fill_(float(distance[half].clamp_min(1e-3)))

    def forward(self, uv: Tensor, area: Tensor, mirror: Tensor | float = 1.0) -> Tensor:
        """Features of ``uv [P, 2]`` in mm and areas ``[P]`` in mm2; v times the sign ``mirror``."""
        u, v = (uv / self.radius).unbind(dim=-1)
        v = v * mirror
        r = torch.sqrt(u * u + v * v)
        soft = 1.0 / (r + 0.3)
        return torch.stack(
            [
                u / 4,
                v / 4,
                r / 4,
                torch.log1p(r),
                torch.log1p(4 * r),
                u * soft,
                v * soft,
                (u * u - v * v) * soft * soft,
                torch.exp(-r * r),
                torch.exp(-r),
                torch.exp(-r / 4),
                torch.log(area.sqrt() / self.radius),
            ],
            dim=-1,
        )
