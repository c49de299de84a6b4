"""Images: pixels by hand, energy kept, layers added in depth, and the way back to points."""

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Cartesian, DetectorLayer, Geometry
from pointcalo.projection import (
    Projector,
    Rectangle,
    Rings,
    depth_groups,
    images,
    layer_groups,
    to_points,
)
from pointcalo.showers import ENERGY, TIME, Incident, Showers, ptr_from_counts, segment_sum


def _detector(pitch_mm: float = 5.0, number: int = 5, layers: int = 2) -> Geometry:
    cells = Cartesian(pitch_mm=(pitch_mm, pitch_mm), nx=number, ny=number)
    return Geometry("box", [DetectorLayer(segmentation=cells, z=10.0 + k) for k in range(layers)])


def _incident(num: int, direction: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Incident:
    return Incident(
        energy=torch.full((num,), 1e4),
        direction=torch.tensor([direction]).repeat(num, 1),
        position=torch.zeros(num, 3),
        pdg=torch.full((num,), 22),
    )


def _showers() -> Showers:
    rows = [[-4.0, -4.0, 1.0, 0.0], [4.0, -4.0, 2.0, 0.0], [4.0, -4.0, 4.0, 1.0]]
    far = [[100.0, 0.0, 8.0, 0.0]]
    return Showers(
        points=torch.tensor(rows + far),
        layer=torch.tensor([0, 1, 1, 0]),
        ptr=torch.tensor([0, 3, 4]),
        incident=_incident(2),
    )


def _random(num: int = 2000, layers: int = 6, spread_mm: float = 15.0) -> Showers:
    generator = torch.Generator().manual_seed(2)
    points = torch.rand(num, 4, generator=generator)
    points[:, :2] = spread_mm * torch.randn(num, 2, generator=generator)
    return Showers(
        points=points,
        layer=torch.randint(0, layers, (num,), generator=generator),
        ptr=ptr_from_counts(torch.tensor([num // 4, 0, num - num // 4])),
        incident=_incident(3, (0.6, 0.0, 0.8)),
    )


def _square(pixels: int, pitch_mm: float, centre: tuple[float, float] = (0.0, 0.0)) -> Rectangle:
    return Rectangle((pixels, pixels), (pitch_mm, pitch_mm), centre)


def test_pixels_by_hand() -> None:
    image, outside = images(_showers(), _square(3, 4.0), _detector())
    assert image.shape == (2, 2, 3, 3)
    assert image[0, 0, 0, 0] == 1 and image[0, 1, 0, 2] == 6
    assert image.sum() == 7
    assert outside.tolist() == [0, 8]


def test_window_elsewhere() -> None:
    image, outside = images(_showers(), _square(1, 2.0, (100.0, 0.5)), _detector())
    assert image[:, 0, 0, 0].tolist() == [0, 8] and outside.tolist() == [7, 0]


def test_layers_added_in_depth() -> None:
    image, outside = images(_showers(), _square(3, 4.0), _detector(), groups=torch.tensor([0, 0]))
    assert image.shape == (2, 1, 3, 3)
    assert image[0, 0, 0, 0] == 1 and image[0, 0, 0, 2] == 6
    image, outside = images(_showers(), _square(3, 4.0), _detector(), groups=torch.tensor([-1, 0]))
    assert image[0, 0, 0].tolist() == [0, 0, 6] and outside.tolist() == [1, 8]


def test_groups_of_layers() -> None:
    assert layer_groups(26, most=10).bincount().tolist() == [3, 3, 2, 3, 2, 3, 3, 2, 3, 2]
    assert layer_groups(3, most=10).tolist() == [0, 1, 2]
    groups = depth_groups(_detector(layers=6), [11.0, 12.5, 14.0])
    assert groups.tolist() == [-1, 0, 0, 1, -1, -1]


def test_about_the_axis() -> None:
    showers = _random()[0]
    along = 0.6 / 0.8 * torch.tensor([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    moved = showers.points.clone()
    moved[:, 0] -= along[showers.layer]
    window, detector = _square(6, 8.0), _detector(layers=6)
    image, _ = images(showers, window, detector, about_axis=True)
    expected, _ = images(showers.replace(points=moved), window, detector)
    torch.testing.assert_close(image, expected)
    back = to_points(image, window, showers.incident, detector, about_axis=True)
    again, outside = images(back, window, detector, about_axis=True)
    torch.testing.assert_close(again, image)
    assert not outside.any()


@pytest.mark.parametrize("about_axis", [False, True])
@pytest.mark.parametrize("groups", [None, torch.tensor([0, 0, 1, 1, -1, 2])])
@pytest.mark.parametrize("window", [_square(4, 9.0), Rings((2.0, 9.0, 30.0), bins=5)])
def test_energy_in_and_outside_the_image_is_that_of_the_shower(
    window: Rectangle | Rings, groups: Tensor | None, about_axis: bool
) -> None:
    showers = _random()
    image, outside = images(
        showers, window, _detector(layers=6), groups=groups, about_axis=about_axis
    )
    total = segment_sum(showers.energy.double(), showers.ptr)
    held = image.double().sum(dim=(1, 2, 3))
    torch.testing.assert_close(held + outside, total, rtol=1e-6, atol=0)
    assert 0 < outside[0] < total[0]


def test_there_and_back() -> None:
    detector = _detector()
    showers, _ = Projector(detector)(_random(layers=2, spread_mm=8.0))
    image, outside = images(showers, _square(5, 5.0), detector)
    assert not outside.any() and image.bool().any(dim=0).all()
    back = to_points(image, _square(5, 5.0), showers.incident, detector)
    assert not back.points[:, TIME].any()
    again, _ = Projector(detector)(back)
    assert torch.equal(again.points[:, : ENERGY + 1], showers.points[:, : ENERGY + 1])
    assert torch.equal(again.ptr, showers.ptr) and torch.equal(again.cell, showers.cell)


def test_image_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"image: got shape \(2, 1, 5, 5\), expected \(2, 2, 5, 5"):
        to_points(torch.zeros(2, 1, 5, 5), _square(5, 1.0), _incident(2), _detector())
    with pytest.raises(ValueError, match="points in layer 5"):
        images(_random(), _square(5, 1.0), _detector())
