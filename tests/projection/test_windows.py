"""Windows: pixels by hand, positions that lie in their pixel, edges, eta and phi as seen."""

import math

import pytest
import torch
from torch import Tensor

from pointcalo.geometry import Cartesian, DetectorLayer, Geometry, Placement
from pointcalo.geometry import EtaPhi as EtaPhiCells
from pointcalo.projection import EtaPhi, Rectangle, Rings, Window

BARREL = Placement(kind="barrel", face_mm=1500.0, staves=12, angle_deg=20.0, origin_mm=(7.0, -9.0))
ENDCAP = Placement(kind="endcap", face_mm=3200.0, origin_mm=(900.0, 200.0))


def _detector(segmentation: Cartesian | EtaPhiCells, placement: Placement | None) -> Geometry:
    layers = [DetectorLayer(segmentation=segmentation, z=z) for z in (10.0, 250.0)]
    return Geometry("box", layers, placement=placement)


SQUARES = Cartesian(pitch_mm=(10.0, 10.0), nx=20, ny=20)
CYLINDER = EtaPhiCells(radius_mm=1500.0, rows=((-0.5, 0.5, 10, 64),), eta_0=0.1, phi_0=0.3)


@pytest.mark.parametrize(
    "window",
    [
        Rectangle(pixels=(7, 7), pitch_mm=(5.0, 5.0), centre_mm=(1.0, -2.0)),
        Rectangle(pixels=(1, 4), pitch_mm=(0.3, 12.0)),
        Rings(radii_mm=(0.0, 3.0, 40.0), bins=9, centre_mm=(-3.0, 2.0)),
        Rings(radii_mm=(5.0, 6.0), bins=1),
        EtaPhi(_detector(CYLINDER, None), eta=(-0.4, 0.6, 8), phi=(-math.pi, math.pi, 16)),
        EtaPhi(_detector(SQUARES, BARREL), eta=(-0.2, 0.2, 5), phi=(0.8, 1.0, 4), face=1),
        EtaPhi(_detector(SQUARES, ENDCAP), eta=(1.7, 2.2, 6), phi=(0.0, 0.4, 3)),
        EtaPhi(_detector(SQUARES, ENDCAP), eta=(-2.2, -1.7, 6), phi=(2.9, 3.5, 3), face=1),
    ],
)
def test_pixels_and_positions_are_inverse(window: Window) -> None:
    pixel = torch.arange(math.prod(window.shape)).repeat(2)
    layer = torch.arange(2).repeat_interleave(len(pixel) // 2)
    assert torch.equal(window.pixel_at(layer, window.position(layer, pixel)), pixel)


def _one(x: float, y: float) -> Tensor:
    return torch.tensor([[x, y]])


def test_rectangle_by_hand() -> None:
    window = Rectangle(pixels=(3, 2), pitch_mm=(4.0, 10.0), centre_mm=(6.0, 10.0))
    assert window.shape == (2, 3)
    places = [(0.0, 0.0, 0), (3.9, 0.0, 0), (4.0, 0.0, 1), (11.9, 19.9, 5)]
    places += [(12.0, 5.0, -1), (-0.1, 5.0, -1), (5.0, 20.0, -1), (5.0, -0.1, -1)]
    for x, y, pixel in places:
        assert window.pixel_at(torch.tensor([0]), _one(x, y)).tolist() == [pixel]


def test_rings_by_hand() -> None:
    window = Rings(radii_mm=(1.0, 2.0, 5.0), bins=4, centre_mm=(10.0, 0.0))
    places = [(11.5, 0.1, 0), (10.1, 1.5, 0), (9.9, 1.5, 1), (7.0, -0.1, 6), (11.5, -1e-30, 0)]
    places += [(10.5, 0.0, -1), (10.0, 5.0, -1)]
    for x, y, pixel in places:
        assert window.pixel_at(torch.tensor([0]), _one(x, y)).tolist() == [pixel]


def test_angle_a_rounding_below_the_axis_is_in_the_first_bin() -> None:
    window = Rings(radii_mm=(0.0, 5.0), bins=3)
    column, _ = window.coordinates(torch.tensor([0]), torch.tensor([[1.0, -1e-30]]).double())
    assert column.tolist() == [0.0]


def test_eta_and_phi_on_an_unrolled_cylinder() -> None:
    window = EtaPhi(_detector(CYLINDER, None), eta=(0.0, 1.0, 2), phi=(0.0, 2.0, 2))
    x, y = 1500.0 * (1.2 - 0.3), 1500.0 * (math.sinh(0.6) - math.sinh(0.1))
    eta, phi = window.coordinates(torch.tensor([0]), _one(x, y).double())
    assert float(eta) == pytest.approx(0.6) and float(phi) == pytest.approx(1.2)
    assert window.pixel_at(torch.tensor([0]), _one(x, y)).tolist() == [3]


def test_eta_and_phi_of_a_barrel_and_an_endcap() -> None:
    barrel = Placement(kind="barrel", face_mm=1490.0, staves=4, angle_deg=90.0)
    window = EtaPhi(_detector(SQUARES, barrel), eta=(-1.0, 1.0, 2), phi=(0.0, 3.0, 2))
    place = _one(-150.0, 300.0).double()  # the middle of the face looks along +y, its x to -x
    eta, phi = window.coordinates(torch.tensor([0]), place)
    assert float(phi) == pytest.approx(math.pi / 2 - math.atan(0.1))
    assert float(eta) == pytest.approx(math.asinh(300 / math.hypot(150, 1500)))
    endcap = Placement(kind="endcap", face_mm=3190.0)
    there = EtaPhi(_detector(SQUARES, None), (1.0, 4.0, 3), (0.0, 3.0, 2), placement=endcap)
    eta, phi = there.coordinates(torch.tensor([0]), _one(300.0, 400.0).double())
    assert float(phi) == pytest.approx(math.atan2(4, 3))
    assert float(eta) == pytest.approx(-math.log(math.tan(math.atan2(500, 3200) / 2)))


@pytest.mark.parametrize(("pixels", "pitch"), [((0, 1), 1.0), ((3, 3), 0.0), ((3, 3), math.nan)])
def test_impossible_rectangle(pixels: tuple[int, int], pitch: float) -> None:
    with pytest.raises(ValueError, match="expected numbers above 0"):
        Rectangle(pixels=pixels, pitch_mm=(pitch, 1.0))


def test_impossible_windows() -> None:
    for radii in ((1.0,), (2.0, 1.0), (0.0, math.inf)):
        with pytest.raises(ValueError, match=r"radii_mm is .* expected rising numbers"):
            Rings(radii_mm=radii, bins=2)
    with pytest.raises(ValueError, match="expected at least 1 bin"):
        Rings(radii_mm=(0.0, 1.0), bins=0)
    squares, placed = _detector(SQUARES, None), _detector(SQUARES, BARREL)
    with pytest.raises(ValueError, match="'box' does not say where it stands; pass placement="):
        EtaPhi(squares, (0.0, 1.0, 2), (0.0, 1.0, 2))
    with pytest.raises(ValueError, match=r"eta is .* expected rising numbers"):
        EtaPhi(placed, (1.0, 0.0, 2), (0.0, 1.0, 2))
    with pytest.raises(ValueError, match="expected at most a full turn"):
        EtaPhi(placed, (0.0, 1.0, 2), (0.0, 7.0, 2))
    with pytest.raises(ValueError, match="face is 12, expected 0 to 11"):
        EtaPhi(placed, (0.0, 1.0, 2), (0.0, 1.0, 2), face=12)
