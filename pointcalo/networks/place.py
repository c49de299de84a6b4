"""A cell's place about the incident axis and about the shower's own as features of a network."""

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame, Showers

SIZE = 21  # number of features


class Place(nn.Module):
    """Features ``[P, 21]`` of positions, in units of the showers' own radius and of the cell."""

    radius: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("radius", torch.tensor(10.0))

    def fit(self, showers: Showers, geometry: Geometry) -> None:
        """Take as the unit the radius in mm that holds half of the energy."""
        self.radius.fill_(half_energy_radius(showers, geometry))

    def forward(self, uv: Tensor, centre: Tensor, area: Tensor) -> Tensor:
        """Features of places, given where the shower's own axis crosses their layers.

        Args:
            uv: places about the incident axis in mm, ``[P, 2]``.
            centre: of the own axis, likewise.
            area: of the cells in mm2, ``[P]``.
        """
        u, v = (uv / self.radius).unbind(dim=-1)
        du, dv = ((uv - centre) / self.radius).unbind(dim=-1)
        dr = torch.sqrt(du * du + dv * dv)
        near = 1.0 / (dr + 0.3)
        cells = torch.linalg.vector_norm(uv, dim=-1) / area.sqrt()
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
                du / 4,
                dv / 4,
                torch.log1p(4 * dr),
                du * near,
                dv * near,
                torch.exp(-dr * dr),
                torch.exp(-dr),
                torch.exp(-2 * cells * cells),
                torch.log1p(2 * cells),
            ],
            dim=-1,
        )


def half_energy_radius(showers: Showers, geometry: Geometry) -> float:
    """The radius about the axis in mm that holds half of the energy of all showers."""
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    uv = frame.to_frame(showers.xy, showers.layer, showers.index)
    distance, order = torch.linalg.vector_norm(uv, dim=-1).sort()
    share = showers.energy[order].double().cumsum(0)
    half = int(torch.searchsorted(share, share[-1] / 2))
    return float(distance[half].clamp_min(1e-3))
