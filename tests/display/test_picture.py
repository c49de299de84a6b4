"""The picture of a shower shows its cells where they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pointcalo.display.cell_map import borders, cells_in, extent
from pointcalo.display.event import Event, event_of
from pointcalo.display.picture import draw_event, write_picture
from pointcalo.display.space import palette
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import ParametricSimulation, ParticleGun


@pytest.fixture(scope="module")
def event(toy: Geometry, shower: Showers) -> Event:
    return event_of(shower, toy, name="shower 0")


def test_pixels_are_the_cells_under_them(toy: Geometry) -> None:
    window = (-20.0, -10.0, 20.0, 30.0)
    cell = cells_in(toy, 3, window, 5)
    at = torch.tensor([[-20.0, -10.0], [20.0, -10.0], [0.0, 10.0]])
    expected = toy.cell_at(torch.full((3,), 3), at)
    assert [cell[0, 0], cell[0, 4], cell[2, 2]] == expected.tolist()
    assert extent(window) == (-20.0, 20.0, -10.0, 30.0)
    assert borders(np.array([[1, 1, 2], [1, 1, 2]])).tolist() == [[False, False, True]] * 2


def test_hottest_layers_are_seen_from_the_front(event: Event) -> None:
    figure = draw_event(event)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["layer 2: 5 MeV in 1 cell", "layer 4: 3 MeV in 1 cell"]
    front = next(axes for axes in figure.axes if axes.get_title().startswith("layer 2"))
    image = front.images[0].get_array()
    hot = np.isclose(image, palette()(1.0)).all(axis=2)
    left, right, low, high = front.images[0].get_extent()
    y, x = (hot.nonzero()[axis].mean() / (len(image) - 1) for axis in (0, 1))
    assert left + x * (right - left) == pytest.approx(0.0, abs=0.2)
    assert low + y * (high - low) == pytest.approx(0.0, abs=0.2)
    area = hot.mean() * (right - left) * (high - low)
    assert area == pytest.approx(float(event.geometry.area(event.showers.cell[:1])), rel=0.15)


def test_side_views_show_each_cell_at_its_depth(event: Event) -> None:
    figure = draw_event(event)
    side = next(axes for axes in figure.axes if axes.get_ylabel() == "x [mm]")
    bars = [path.get_extents() for path in side.collections[0].get_paths()]
    z = event.geometry.layer_z[torch.tensor([4, 2])]  # the hottest last, in front
    assert [bar.x0 + bar.width / 2 for bar in bars] == pytest.approx(z.tolist(), rel=1e-5)
    assert all(bar.y0 < 0 < bar.y1 for bar in bars)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_same_shower_gives_the_same_file(event: Event, tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        write_picture(event, tmp_path / name, suffix)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    if suffix == ".png":
        with Image.open(tmp_path / "a") as picture:
            assert picture.size == (1690, 1066)


@pytest.mark.parametrize("name", ["hgcal_full", "atlas", "calogan"])
def test_any_layout_can_be_drawn(name: str) -> None:
    geometry = Geometry.load(name)
    cell = geometry.layer_start[-3:-1]  # a cell of each of the last layers, those at -z if any
    place = geometry.position(cell)
    direction = torch.tensor([[0.0, 0.0, 1.0]]) * place[1, 2].sign()
    entry = place[:1] * torch.tensor([1.0, 1.0, 0.0])
    incident = Incident(torch.tensor([1e3]), direction, entry, torch.tensor([22]))
    points = torch.cat([place[:, :2], torch.tensor([[2.0, 0.0], [1.0, 0.0]])], dim=1)
    shower = Showers(points, geometry.layer_of(cell), torch.tensor([0, 2]), incident)
    assert draw_event(event_of(shower, geometry, name="two cells", threshold=False)).axes


def test_simulated_shower_is_drawn(toy: Geometry) -> None:
    gun = ParticleGun.at(toy, energy_GeV=20.0, theta_deg=20.0)
    shower = ParametricSimulation(toy).simulate(gun.draw(1, seed=1), seed=1)
    figure = draw_event(event_of(shower, toy, name="shower 0"))
    assert sum(axes.get_title().startswith("layer") for axes in figure.axes) == 4
