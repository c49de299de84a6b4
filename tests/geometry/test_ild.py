"""The built-in ECAL and AHCAL of ILD in one geometry."""

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.simulation import ParametricSimulation, ParticleGun

ECAL, AHCAL = slice(0, 30), slice(30, 78)


@pytest.fixture(scope="module")
def ild() -> Geometry:
    return Geometry.load("ild_ecal_hcal")


def test_sensitive_layers_begin_where_showerdata_says(ild: Geometry) -> None:
    # showerdata/detector.py: layer_bottom_pos - calo_surface, rounded to 0.01 mm there.
    begin = [layer.z - 0.5 * layer.active_mm for layer in ild.layers]
    assert begin[:5] == pytest.approx([7.34, 10.46, 19.81, 22.94, 32.28], abs=0.01)
    assert begin[18:22] == pytest.approx([119.57, 122.69, 134.14, 139.36], abs=0.01)
    assert begin[28:32] == pytest.approx([200.82, 206.05, 277.0, 303.5], abs=0.01)
    assert begin[77] == pytest.approx(1522.5, abs=0.01)


def test_cells_and_thresholds(ild: Geometry) -> None:
    assert (ild.num_layers, ild.num_cells) == (78, 30 * 240**2 + 48 * 40**2)
    assert torch.equal(ild.layer_threshold, torch.tensor([0.1] * 30 + [0.25] * 48))
    cell = ild.cell_at(torch.tensor([0, 77]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    assert ild.position(cell)[:, :2].tolist() == [[2.5, 2.5], [15.0, 15.0]]
    assert ild.area(cell).tolist() == [25.0, 900.0]


def test_depth_agrees_with_the_design_report(ild: Geometry) -> None:
    # ILD Interim Design Report, arXiv:2003.01116: 24 X0 of tungsten in the ECAL; with everything
    # about one interaction length, the AHCAL about six.
    tungsten = sum(t for layer in ild.layers for name, t in layer.absorber if name == "W")
    assert tungsten / 3.504 == pytest.approx(24.0, abs=0.1)
    depth = [sum(layer.radiation_lengths for layer in ild.layers[part]) for part in (ECAL, AHCAL)]
    assert 24.0 < depth[0] < 26.5
    lengths = [sum(la.interaction_lengths for la in ild.layers[part]) for part in (ECAL, AHCAL)]
    assert lengths == pytest.approx([1.1, 6.2], abs=0.1)


@pytest.mark.parametrize(("particle", "in_ecal"), [("photon", (0.97, 1.0)), ("pion+", (0.15, 0.4))])
def test_showers_go_where_they_should(
    ild: Geometry, particle: str, in_ecal: tuple[float, float]
) -> None:
    gun = ParticleGun.at(ild, particle=particle, energy_GeV=20.0)
    showers = ParametricSimulation(ild).simulate(gun.draw(20, seed=1), seed=1)
    silicon = showers.layer < 30
    # On the scale of a MIP's loss, as the two parts sample differently.
    scale = torch.tensor([1.0 / layer.sampling_fraction_mip for layer in ild.layers])
    energy = showers.energy * scale[showers.layer]
    share = float(energy[silicon].sum() / energy.sum())
    assert in_ecal[0] <= share <= in_ecal[1]
    assert 0.6 < float(energy.sum()) / (20 * 20e3) < 1.0
