"""What is drawn of a shower, and what is said of the rest."""

from pathlib import Path

import pytest
import torch

from pointcalo.display.event import describe, event_of
from pointcalo.display.outlines import outlines
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers


@pytest.mark.parametrize("name", ["toy", "hgcal", "ild", "atlas", "calogan"])
def test_outlines_enclose_the_area_of_the_cell(name: str) -> None:
    geometry = Geometry.load(name)
    cell = torch.tensor([0, geometry.num_cells // 2, geometry.num_cells - 1])
    border = (outlines(geometry, cell) - geometry.position(cell)[:, None, :2]).double()
    x, y = border.unbind(-1)
    area = 0.5 * (x * y.roll(-1, 1) - y * x.roll(-1, 1)).sum(1)
    assert torch.allclose(area, geometry.area(cell).double(), rtol=2e-3)


def test_outline_of_a_ring_encloses_the_ring_alone(tmp_path: Path) -> None:
    (tmp_path / "rings.yaml").write_text(
        "name: rings\nlayers:\n  - active: [Si, 0.5]\n    segmentation:\n"
        "      {type: polar, rows: [[0, 10, 1, 1], [10, 30, 1, 1], [30, 50, 1, 8]]}\n"
    )
    geometry = Geometry.load(tmp_path / "rings.yaml")
    border = outlines(geometry, torch.tensor([0, 1])).double()
    x, y = border.unbind(-1)
    area = 0.5 * (x * y.roll(-1, 1) - y * x.roll(-1, 1)).sum(1)
    assert torch.allclose(area, geometry.area(torch.tensor([0, 1])).double(), rtol=5e-3)
    reach = border[1].norm(dim=1)
    assert float(reach.min()) == pytest.approx(10, rel=1e-2)
    assert float(reach.max()) == pytest.approx(30, rel=1e-2)


def test_event_accounts_for_all_of_the_energy(toy: Geometry, shower: Showers) -> None:
    event = event_of(shower, toy, name="shower 0")
    assert event.showers.energy.tolist() == [5.0, 3.0]
    assert event.outside == pytest.approx(1 / 9.001)
    assert event.below == pytest.approx(1e-3 / 8.001)
    assert event.stray.points.tolist() == [[120.0, 0.0, 1.0, pytest.approx(0.4)]]
    assert event.layers.tolist() == [2, 3, 4]
    assert event.hottest(4) == [2, 4] and event.hottest(1) == [2]
    assert event.title == "50 GeV photon at 37°, toy, shower 0"
    assert event.account == (
        "2 cells hit, 8 MeV visible, 0.012 % of the energy below threshold left out, "
        "11 % outside every cell"
    )
    everything = event_of(shower, toy, name="shower 0", threshold=False)
    assert everything.showers.num_points == 3 and everything.below == 0.0


def test_layer_that_the_geometry_has_not_is_outside(toy: Geometry, shower: Showers) -> None:
    deep = shower.replace(layer=torch.tensor([2, 4, 5, 99]))
    event = event_of(deep, toy, name="shower 0")
    assert event.outside == pytest.approx(1 / 9.001) and event.stray.num_points == 0


def test_nothing_to_draw_is_said(toy: Geometry, shower: Showers) -> None:
    with pytest.raises(ValueError, match="no energy in the cells of geometry 'toy', of 0 points"):
        event_of(shower.keep(torch.zeros(4, dtype=torch.bool)), toy, name="shower 0")
    faint = shower.keep(torch.tensor([False, False, True, False]))
    with pytest.raises(ValueError, match="threshold=false shows"):
        event_of(faint, toy, name="shower 0")


def test_particles_without_a_name_have_a_number(shower: Showers) -> None:
    neutron = shower.incident.__class__(
        energy=torch.tensor([250.0]),
        direction=torch.tensor([[0.0, 0.0, 1.0]]),
        position=torch.zeros(1, 3),
        pdg=torch.tensor([2112]),
    )
    assert describe(neutron) == "0.25 GeV PDG 2112 at 0°"
