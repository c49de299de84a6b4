"""Where a calorimeter stands in its experiment: from the global frame to the local one and back.

The global frame is that of the experiment, z along the beams. A barrel is a ring of equal flat
staves about that axis, an endcap a pair of planes across it. In the local frame of a stave z is
the normal of its face, outwards, x goes along the face with rising azimuth and y along the beam.
In that of an endcap z leads away from the collision; at the negative end x is turned as well.
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pointcalo.geometry.segmentation import number, pair, whole
from pointcalo.geometry.segmentation_files import check_keys

KEYS = (
    "kind",
    "face_mm",
    "staves",
    "first_stave",
    "angle_deg",
    "first_layer",
    "system",
    "origin_mm",
)
# A gun on the face may stand this far behind it, by rounding, mm.
ON_FACE = 0.01


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a calorimeter stands in its experiment.

    Shapes: P points or particles, K faces (staves, or both ends).

    Args:
        kind: barrel or endcap.
        face_mm: distance of the face z = 0 from the axis (barrel) or from the collision (endcap).
        staves: of a barrel.
        first_stave: number of the first of them in cellIDs; the next ones stand at rising azimuth.
        angle_deg: azimuth of the normal of the first stave.
        first_layer: number of the geometry's layer 0 in cellIDs.
        system: number of the detector in cellIDs, for writing them.
        origin_mm: x and y of the local frame's origin, from the foot of the normal.

    Raises:
        ValueError: another kind, fewer than three staves.
    """

    kind: str
    face_mm: float
    staves: int = 8
    first_stave: int = 0
    angle_deg: float = 0.0
    first_layer: int = 0
    system: int = 0
    origin_mm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.kind not in ("barrel", "endcap"):
            raise ValueError(f"placement has kind {self.kind!r}; expected barrel or endcap")
        if self.staves < 3:
            raise ValueError(f"placement has {self.staves} staves; expected at least 3")

    @classmethod
    def read(cls, content: Any) -> "Placement":
        """The value of `placement` in a geometry file.

        Raises:
            ValueError: missing or unknown keys, values out of range.
        """
        check_keys(content, KEYS, ("kind", "face_mm"))
        values = dict(content)
        for key in ("face_mm", "angle_deg"):
            if key in values:
                values[key] = number(key, values[key])
        for key in ("first_stave", "first_layer", "system"):
            if type(values.get(key, 0)) is not int:
                raise ValueError(f"{key} is {values[key]!r}; expected a whole number")
        if "staves" in values:
            values["staves"] = whole("staves", values["staves"])
        if "origin_mm" in values:
            values["origin_mm"] = pair("origin_mm", values["origin_mm"])
        return cls(**values)

    def plain(self) -> dict[str, Any]:
        """The inverse of `read`."""
        return asdict(self) | {"origin_mm": list(self.origin_mm)}

    @cached_property
    def axes(self) -> Tensor:
        """Local axes of each face, one a row, in the global frame, [K, 3, 3] float64."""
        if self.kind == "endcap":
            return torch.diag_embed(torch.tensor([[1.0, 1, 1], [-1, 1, -1]], dtype=torch.float64))
        step = torch.arange(self.staves, dtype=torch.float64) / self.staves
        angle = 2 * math.pi * step + math.radians(self.angle_deg)
        cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
        normal = torch.stack((cos, sin, none), dim=1)
        along = torch.stack((-sin, cos, none), dim=1)
        beam = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64).expand_as(normal)
        return torch.stack((along, beam, normal), dim=1)

    def to_local(self, position: Tensor, face: Tensor) -> Tensor:
        """Positions [P, 3] in mm in the local frames of faces [P]."""
        return self.turned(position, face) - self._origin

    def to_global(self, position: Tensor, face: Tensor) -> Tensor:
        """The inverse of `to_local`."""
        return self.turned_back(position.double() + self._origin, face)

    def turned(self, direction: Tensor, face: Tensor) -> Tensor:
        """Directions [P, 3] in the local frames of faces [P]."""
        return torch.einsum("pij,pj->pi", self.axes[face], direction.double())

    def turned_back(self, direction: Tensor, face: Tensor) -> Tensor:
        """The inverse of `turned`."""
        return torch.einsum("pij,pi->pj", self.axes[face], direction.double())

    def entry(self, position: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Where particles that fly straight on enter.

        Args:
            position: [P, 3] global, mm.
            direction: [P, 3] global.

        Returns:
            (face [P], -1 where none is entered from the front; global positions [P, 3] on it).
        """
        normal = self.axes[:, 2]
        towards, way = direction.double() @ normal.T, self.face_mm - position.double() @ normal.T
        path = torch.where(towards > 1e-12, way / towards, torch.inf)
        path, face = path.min(dim=1)
        if self.kind == "endcap":  # what flies away from one end does not care where that one is
            way = way.gather(1, face[:, None])
        enters = path.isfinite() & (way >= -ON_FACE).all(dim=1)
        crossing = position.double() + torch.where(enters, path, 0.0)[:, None] * direction.double()
        return torch.where(enters, face, -1), crossing

    @property
    def _origin(self) -> Tensor:
        return torch.tensor([*self.origin_mm, self.face_mm], dtype=torch.float64)
