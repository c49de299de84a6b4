"""Dense images of the layers in a square window, and back to points."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pointcalo.showers import ENERGY, Incident, Showers, X, Y, ptr_from_counts


@dataclass(frozen=True)
class Window:
    """A square of pixels in x, y, the same in every layer.

    Where the pixels are the cells of a Cartesian layer, image and points are inverses; hexagons
    need pixels smaller than the cell.

    Args:
        pixels: pixels a side.
        pitch: side of a pixel, mm.
        centre: x, y of the window's middle, mm.
    """

    pixels: int
    pitch: float
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.pixels < 1 or not self.pitch > 0:
            raise ValueError(
                f"window: got {self.pixels} pixels of {self.pitch} mm, expected positive numbers"
            )

    def pixel_at(self, xy: Tensor) -> Tensor:
        """Pixel (row along y, column along x) of points [P, 2] mm, -1 outside; [P] int64."""
        centre = torch.tensor(self.centre, dtype=xy.dtype, device=xy.device)
        place = ((xy - centre) / self.pitch + self.pixels / 2).floor().long()
        inside = ((place >= 0) & (place < self.pixels)).all(dim=1)
        return torch.where(inside, place[:, 1] * self.pixels + place[:, 0], -1)

    def position(self, pixel: Tensor) -> Tensor:
        """Centres of pixels [P] int64, mm, [P, 2]."""
        column = pixel % self.pixels
        row = torch.div(pixel, self.pixels, rounding_mode="floor")
        place = torch.stack([column, row], dim=1) + 0.5 - self.pixels / 2
        return place * self.pitch + torch.tensor(self.centre, device=pixel.device)


def images(showers: Showers, window: Window, num_layers: int) -> tuple[Tensor, Tensor]:
    """Energy in each pixel of each layer.

    Args:
        showers: S showers.
        window: n x n pixels.
        num_layers: L.

    Returns:
        (images [S, L, n, n] MeV, rows along y; energy of each shower outside the window [S] MeV).

    Raises:
        ValueError: a point in layer L or beyond.
    """
    showers.check_layers(num_layers)
    size = window.pixels**2
    pixel = window.pixel_at(showers.xy)
    slot = (showers.index * num_layers + showers.layer) * size + pixel
    inside = pixel >= 0
    flat = showers.points.new_zeros(len(showers) * num_layers * size)
    flat = flat.index_add(0, slot[inside], showers.energy[inside])
    outside = showers.points.new_zeros(len(showers))
    outside = outside.index_add(0, showers.index[~inside], showers.energy[~inside])
    return flat.reshape(-1, num_layers, window.pixels, window.pixels), outside


def to_points(image: Tensor, window: Window, incident: Incident) -> Showers:
    """Points at the centres of the pixels with energy: the inverse of `images`.

    An image knows no time: it is 0 ns.

    Args:
        image: [S, L, n, n] MeV.
        window: the pixels.
        incident: the S incident particles.

    Returns:
        showers of deposits, sorted by layer, row and column.

    Raises:
        ValueError: the image does not have the shape of the window and the particles.
    """
    num, num_layers = (*image.shape, 0, 0)[:2]
    expected = (len(incident), num_layers, window.pixels, window.pixels)
    if tuple(image.shape) != expected:
        raise ValueError(f"image: got shape {tuple(image.shape)}, expected {expected}")
    flat = image.reshape(num, num_layers, -1)
    shower, layer, pixel = (flat > 0).nonzero(as_tuple=True)
    points = flat.new_zeros((len(shower), 4))
    points[:, X : Y + 1] = window.position(pixel)
    points[:, ENERGY] = flat[shower, layer, pixel]
    counts = torch.bincount(shower, minlength=num)
    return Showers(points=points, layer=layer, ptr=ptr_from_counts(counts), incident=incident)
