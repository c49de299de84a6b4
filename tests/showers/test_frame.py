"""The shower's frame: where the axis is, along what u runs, and the way back."""

import math

import pytest
import torch

from pointcalo.showers import Incident, ShowerFrame, axis_xy

Z = torch.tensor([5.95, 16.45, 268.45])


def _incident(theta: list[float], phi: list[float]) -> Incident:
    polar, azimuth = torch.tensor(theta), torch.tensor(phi)
    direction = torch.stack(
        [polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()], dim=1
    )
    position = torch.zeros(len(theta), 3)
    position[:, 0], position[:, 1] = 3.0, -2.0
    return Incident(
        energy=torch.full((len(theta),), 1e4),
        direction=direction,
        position=position,
        pdg=torch.full((len(theta),), 22),
    )


def test_axis_by_hand() -> None:
    axis = axis_xy(_incident([0.0, math.pi / 4], [0.0, math.pi / 2]), Z)
    assert axis[0].tolist() == [[3, -2]] * 3
    torch.testing.assert_close(axis[1, :, 0], torch.full((3,), 3.0))
    torch.testing.assert_close(axis[1, :, 1], Z - 2)


def test_axis_on_the_other_side() -> None:
    incident = _incident([math.pi - 0.2], [0.0])
    axis = axis_xy(incident, -Z)
    torch.testing.assert_close(axis[0, :, 0], 3 + Z * math.tan(0.2))


def test_u_runs_along_the_tilt() -> None:
    incident = _incident([0.3, 0.3], [1.1, -2.4])
    frame = ShowerFrame(incident, Z)
    layer, shower = torch.tensor([1, 1]), torch.tensor([0, 1])
    transverse = incident.direction[:, :2] / incident.direction[:, :2].norm(dim=1, keepdim=True)
    uv = frame.to_frame(frame.axis[shower, layer] + 7 * transverse, layer, shower)
    torch.testing.assert_close(uv, torch.tensor([[7.0, 0.0]] * 2), atol=1e-5, rtol=0)


def test_normal_incidence_keeps_the_axes() -> None:
    frame = ShowerFrame(_incident([0.0], [0.0]), Z)
    xy = torch.tensor([[4.0, 5.0]])
    uv = frame.to_frame(xy, torch.tensor([2]), torch.tensor([0]))
    assert uv.tolist() == [[1, 7]]


def test_there_and_back() -> None:
    generator = torch.Generator().manual_seed(3)
    theta = [0.0, 1e-5, *torch.linspace(0.01, 1.2, 20).tolist()]
    phi = torch.linspace(-3, 3, len(theta)).tolist()
    frame = ShowerFrame(_incident(theta, phi), Z)
    shower = torch.randint(0, len(theta), (5000,), generator=generator)
    layer = torch.randint(0, 3, (5000,), generator=generator)
    xy = 300 * torch.randn(5000, 2, generator=generator)
    uv = frame.to_frame(xy, layer, shower)
    back = frame.from_frame(uv, layer, shower)
    torch.testing.assert_close(back, xy, atol=1e-3, rtol=0)
    radius = (xy - frame.axis[shower, layer]).norm(dim=1)
    torch.testing.assert_close(uv.norm(dim=1), radius)


def test_a_mirror_turns_v_and_back() -> None:
    incident = _incident([0.3, 0.3], [0.8, 0.8])
    z = torch.tensor([10.0])
    mirrored, plain = ShowerFrame(incident, z, torch.tensor([-1.0, 1.0])), ShowerFrame(incident, z)
    layer, shower = torch.zeros(2, dtype=torch.int64), torch.arange(2)
    xy = torch.tensor([[5.0, -2.0], [5.0, -2.0]])
    expected = plain.to_frame(xy, layer, shower) * torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    uv = mirrored.to_frame(xy, layer, shower)
    torch.testing.assert_close(uv, expected)
    torch.testing.assert_close(mirrored.from_frame(uv, layer, shower), xy)


def test_along_the_layers() -> None:
    with pytest.raises(ValueError, match="incident particle 1 flies along the layers"):
        ShowerFrame(_incident([0.1, math.pi / 2], [0.0, 0.0]), Z)
