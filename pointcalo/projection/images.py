"""Dense images of showers, layer by layer or in groups of layers, and back to points."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.projection.windows import Window
from pointcalo.showers import ENERGY, Incident, ShowerFrame, Showers, X, Y, ptr_from_counts


def images(
    showers: Showers,
    window: Window,
    geometry: Geometry,
    *,
    groups: Tensor | None = None,
    about_axis: bool = False,
) -> tuple[Tensor, Tensor]:
    """Energy in each pixel of each layer, or group of layers.

    What is in the image and what is outside add up to the energy of the shower.

    Args:
        showers: S showers, points anywhere.
        window: ny x nx pixels.
        geometry: of the showers, L layers.
        groups: of each layer, [L] int64 from 0, -1 for a layer left out: the layers of a group are
            added, which makes the image one in three dimensions; None: each layer by itself.
        about_axis: whether the pixels are in u, v about the axis of each shower (`ShowerFrame`),
            in place of x, y.

    Returns:
        (images [S, G, ny, nx] MeV; energy of each shower outside them [S] MeV).

    Raises:
        ValueError: a point in layer L or beyond.
    """
    showers.check_layers(geometry.num_layers)
    if groups is None:
        groups = torch.arange(geometry.num_layers, device=showers.ptr.device)
    xy = showers.xy
    if about_axis:
        frame = ShowerFrame(showers.incident, geometry.layer_z)
        xy = frame.to_frame(xy, showers.layer, showers.index)
    shape = (len(showers), int(groups.max()) + 1, *window.shape)
    group, pixel = groups[showers.layer], window.pixel_at(showers.layer, xy)
    inside = (group >= 0) & (pixel >= 0)
    slot = (showers.index * shape[1] + group) * (shape[2] * shape[3]) + pixel
    energy = showers.energy.double()
    size = shape[0] * shape[1] * shape[2] * shape[3]
    image = torch.bincount(slot[inside], energy[inside], size).reshape(shape)
    outside = torch.bincount(showers.index[~inside], energy[~inside], len(showers))
    return image.float(), outside.float()


def layer_groups(num_layers: int, most: int) -> Tensor:
    """Group of each layer, in at most that many groups of as many layers, [L] int64.

    >>> layer_groups(5, most=2)
    tensor([0, 0, 0, 1, 1])
    """
    return torch.arange(num_layers) * min(most, num_layers) // num_layers


def depth_groups(geometry: Geometry, edges_mm: Sequence[float]) -> Tensor:
    """Group of each layer by its depth z, -1 below the first edge and from the last on.

    Args:
        geometry: the layers.
        edges_mm: rising.

    Returns:
        [L] int64.
    """
    edges = torch.tensor(edges_mm, device=geometry.layer_z.device)
    group = torch.bucketize(geometry.layer_z, edges, right=True) - 1
    return torch.where(group < len(edges) - 1, group, -1)


def to_points(
    image: Tensor,
    window: Window,
    incident: Incident,
    geometry: Geometry,
    *,
    about_axis: bool = False,
) -> Showers:
    """Points in the middle of the pixels with energy: the inverse of `images`.

    An image knows no time: it is 0 ns.

    Args:
        image: [S, L, ny, nx] MeV, layer by layer: a group does not know its layers.
        window: the pixels.
        incident: the S incident particles.
        geometry: of the layers.
        about_axis: as in `images`.

    Returns:
        showers of deposits, sorted by layer and pixel.

    Raises:
        ValueError: the image does not have the shape of the particles, layers and window.
    """
    expected = (len(incident), geometry.num_layers, *window.shape)
    if tuple(image.shape) != expected:
        raise ValueError(f"image: got shape {tuple(image.shape)}, expected {expected}")
    flat = image.flatten(2)
    shower, layer, pixel = (flat > 0).nonzero(as_tuple=True)
    xy = window.position(layer, pixel)
    if about_axis:
        xy = ShowerFrame(incident, geometry.layer_z).from_frame(xy, layer, shower)
    points = flat.new_zeros((len(shower), 4))
    points[:, X : Y + 1] = xy
    points[:, ENERGY] = flat[shower, layer, pixel]
    counts = torch.bincount(shower, minlength=len(incident))
    return Showers(points=points, layer=layer, ptr=ptr_from_counts(counts), incident=incident)
