"""Every layout knows its own files, and none takes another's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from formats.test_hgcal_challenge import cell_map
from formats.voxels import write_as

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import layout_named, layout_of
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers

DETECTORS = {
    "pointcalo": "toy",
    "lemurs": "toy",
    "showerdata": "toy",
    "calochallenge": "calochallenge_1_pion",
    "par04": "par04",
    "hgcal_challenge": "map",
    "getting_high": "getting_high",
    "two_angle": "two_angle",
    "caloclouds": "toy",
    "caloclouds_grid": "getting_high",
    "calogan": "calogan",
    "3dgan": "clic",
    "3dgan_angle": "clic",
    "root": "toy",
    "parquet": "toy",
}
PARTLY = {"lemurs": {"showerdata"}}
"""Layouts that would take files of another, which is asked first."""


def on_cells(geometry: Geometry) -> Showers:
    """Four showers of three cells each."""
    random = np.random.default_rng(5)
    cell = torch.from_numpy(np.sort(random.choice(geometry.num_cells, (4, 3), replace=False)))
    points = torch.zeros(12, 4)
    points[:, :2] = geometry.position(cell.reshape(-1))[:, :2]
    points[:, 2] = 1.5
    direction = torch.tensor([[0.6, 0.0, 0.8]]).repeat(4, 1)
    incident = Incident(torch.full((4,), 5e3), direction, torch.zeros(4, 3), torch.full((4,), 22))
    layer = geometry.layer_of(cell.reshape(-1))
    return Showers(points, layer, torch.arange(0, 13, 3), incident, cell.reshape(-1))


@pytest.mark.parametrize("name", DETECTORS)
def test_each_knows_its_own(name: str, tmp_path: Path) -> None:
    made_in = DETECTORS[name]
    geometry = cell_map(centred=False) if made_in == "map" else Geometry.load(made_in)
    said = Conventions(geometry=geometry, energy_unit="GeV", incident_particle="photon")
    write_as(name, tmp_path / "a.h5", on_cells(geometry), said)
    assert layout_of(tmp_path / "a.h5").name == name
    contents = Contents.of(tmp_path / "a.h5")
    taken = {other for other in DETECTORS if layout_named(other).claims(contents)}
    assert taken - {name} == PARTLY.get(name, set())
