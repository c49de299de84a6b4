"""Showers under the symmetries of their detector."""

import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame, Showers, under_symmetry


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def showers(toy: Geometry) -> Showers:
    return blobs(toy, 24)


def test_hits_stay_on_cells_and_keep_their_energies(toy: Geometry, showers: Showers) -> None:
    number = torch.arange(24) % len(toy.symmetries)
    turned = under_symmetry(showers, toy, number)
    assert torch.equal(turned.points[:, 2:], showers.points[:, 2:])
    assert torch.equal(turned.cell, toy.cell_at(turned.layer, turned.xy))
    assert torch.equal(turned.xy, toy.position(turned.cell)[:, :2])
    assert not torch.equal(turned.cell, showers.cell)


def test_a_symmetry_and_its_inverse_undo_one_another(toy: Geometry, showers: Showers) -> None:
    number = torch.arange(24) % len(toy.symmetries)
    there = under_symmetry(showers, toy, number)
    back = under_symmetry(there, toy, toy.symmetries.inverse[number])
    assert torch.equal(back.points, showers.points) and torch.equal(back.cell, showers.cell)
    for name in ("direction", "position"):
        ours, theirs = getattr(back.incident, name), getattr(showers.incident, name)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0.0)


def test_the_axis_goes_with_the_hits(toy: Geometry, showers: Showers) -> None:
    """In the shower's own frame a turn changes nothing and a mirror the sign of v."""

    def uv(some: Showers) -> torch.Tensor:
        frame = ShowerFrame(some.incident, toy.layer_z)
        return frame.to_frame(some.xy, some.layer, some.index)

    for number, matrix in enumerate(toy.symmetries.matrix):
        turned = under_symmetry(showers, toy, torch.full((24,), number))
        expected = uv(showers) * torch.tensor([1.0, float(matrix.det())])
        torch.testing.assert_close(uv(turned), expected, atol=1e-3, rtol=0.0)


def test_showers_without_cells_are_refused(toy: Geometry, showers: Showers) -> None:
    with pytest.raises(ValueError, match="have no cells; project them"):
        under_symmetry(showers.replace(cell=None), toy, torch.zeros(24, dtype=torch.int64))
