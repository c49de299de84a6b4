"""Images: pixels by hand, energy kept, and the way back to points."""

import pytest
import torch

from pointcalo.projection import Window, images, to_points
from pointcalo.showers import ENERGY, TIME, Incident, Showers, ptr_from_counts


def _incident(num: int) -> Incident:
    return Incident(
        energy=torch.full((num,), 1e4),
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(num, 1),
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


def test_pixels_by_hand() -> None:
    image, outside = images(_showers(), Window(pixels=3, pitch=4.0), num_layers=2)
    assert image.shape == (2, 2, 3, 3)
    assert image[0, 0, 0, 0] == 1 and image[0, 1, 0, 2] == 6
    assert image.sum() == 7
    assert outside.tolist() == [0, 8]


def test_window_elsewhere() -> None:
    window = Window(pixels=1, pitch=2.0, centre=(100.0, 0.5))
    image, outside = images(_showers(), window, num_layers=2)
    assert image[:, 0, 0, 0].tolist() == [0, 8] and outside.tolist() == [7, 0]


def test_pixels_and_positions_are_inverse() -> None:
    window = Window(pixels=7, pitch=5.0, centre=(1.0, -2.0))
    pixel = torch.arange(49)
    assert torch.equal(window.pixel_at(window.position(pixel)), pixel)


def test_there_and_back() -> None:
    window = Window(pixels=5, pitch=5.0)
    generator = torch.Generator().manual_seed(2)
    pixel = torch.randperm(25, generator=generator)[:12].sort().values
    points = torch.zeros(24, 4)
    points[:, :2] = window.position(pixel.repeat(2))
    points[:, ENERGY] = torch.rand(24, generator=generator) + 0.1
    showers = Showers(
        points=points,
        layer=torch.arange(2).repeat_interleave(12),
        ptr=ptr_from_counts(torch.tensor([0, 24])),
        incident=_incident(2),
    )
    image, outside = images(showers, window, num_layers=2)
    back = to_points(image, window, showers.incident)
    assert torch.equal(back.points, points) and torch.equal(back.ptr, showers.ptr)
    assert torch.equal(back.layer, showers.layer) and not outside.any()
    assert not back.points[:, TIME].any()


@pytest.mark.parametrize(("pixels", "pitch"), [(0, 1.0), (3, 0.0), (3, float("nan"))])
def test_impossible_window(pixels: int, pitch: float) -> None:
    with pytest.raises(ValueError, match="expected positive numbers"):
        Window(pixels=pixels, pitch=pitch)


def test_image_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"image: got shape \(2, 3, 4, 4\), expected \(2, 3, 5, 5"):
        to_points(torch.zeros(2, 3, 4, 4), Window(pixels=5, pitch=1.0), _incident(2))
