"""Rectangular windows of voxels: which cell each one is."""

import pytest
import torch

from pointcalo.formats.voxels.windows import check_layers, window, windows
from pointcalo.geometry import Cartesian, DetectorLayer, Geometry


@pytest.fixture(scope="module")
def small() -> Geometry:
    """Two layers of 5 x 4 cells of 10 x 20 mm about (3, -7); cells run along x first."""
    squares = Cartesian(pitch_mm=(10.0, 20.0), nx=5, ny=4, offset_mm=(3.0, -7.0))
    return Geometry("small", [DetectorLayer(segmentation=squares, z=z) for z in (0.0, 30.0)])


def test_a_window_is_the_middle_of_the_array(small: Geometry) -> None:
    assert window(small, 0, 5, 4).T.reshape(-1).tolist() == list(range(20))
    assert window(small, 0, 3, 2).tolist() == [[6, 11], [7, 12], [8, 13]]
    assert windows(small, (0, 1), 3, 2)[1].tolist() == [[26, 31], [27, 32], [28, 33]]
    assert small.position(torch.tensor([6]))[0, :2].tolist() == [3 - 10, -7 - 10]


def test_a_window_beyond_the_array(small: Geometry) -> None:
    cell = window(small, 1, 7, 4)
    assert (cell[[0, -1]] == -1).all()
    assert torch.equal(cell[1:-1], window(small, 1, 5, 4))


def test_a_window_between_the_cells(small: Geometry) -> None:
    with pytest.raises(
        ValueError, match="'small': a window of 4 x 4 voxels in the middle of layer"
    ):
        window(small, 0, 4, 4)


def test_cells_of_another_kind() -> None:
    with pytest.raises(ValueError, match="'toy': layer 0 has hexagonal cells, expected one array"):
        window(Geometry.load("toy"), 0, 3, 3)
    with pytest.raises(ValueError, match="'toy' has 8 layers, a file of paper has 9: pass the geo"):
        check_layers(Geometry.load("toy"), 9, "paper")
    check_layers(Geometry.load("toy"), 7, "paper", exactly=False)


@pytest.mark.parametrize(("name", "ny"), [("getting_high", 30), ("two_angle", 49)])
def test_built_in_windows_of_ild(name: str, ny: int) -> None:
    geometry, whole = Geometry.load(name), Geometry.load("ild_ecal_hcal")
    assert torch.equal(geometry.layer_z, whole.layer_z[:30])
    assert geometry.num_cells == 30 * 30 * ny
    first = geometry.position(torch.tensor([0]))[0, :2] - 0.5 * 5.088333
    edges = {"getting_high": (-81 + 5.088333, -77.0), "two_angle": (-77.0, -237.0 + 100.0)}
    torch.testing.assert_close(first, torch.tensor(edges[name]), atol=1e-3, rtol=0)
    assert (windows(geometry, range(30), 30, ny) >= 0).all()
