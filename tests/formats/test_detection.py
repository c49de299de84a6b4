"""Which layout a file is of: each claims its own files and no other's."""

from pathlib import Path

import numpy as np
import pytest
from formats.voxels import write_raw

from pointcalo.formats.contents import Contents
from pointcalo.formats.layouts import CLASSES, layout_named, layout_of

FILES = {
    "calochallenge": {"incident_energies": (2, 1), "showers": (2, 368)},
    "par04": {
        "incident_energy": (2,),
        "incident_phi": (2,),
        "incident_theta": (2,),
        "showers": (2, 9, 16, 45),
    },
    "getting_high": {"30x30/energy": (2, 1), "30x30/layers": (2, 30, 30, 30)},
    "ild_hadrons": {"hcal_only/energy": (2, 1), "hcal_only/layers": (2, 48, 48, 48)},
    "two_angle": {"layers": (2, 30, 30, 49), "energy": (2, 1), "theta": (2, 1), "phi": (2, 1)},
    "caloclouds": {"events": (2, 6000, 4), "energy": (2, 1), "p_norm_local": (3, 2)},
    "caloclouds_grid": {"showers": (2, 1700, 4), "genE": (2, 1)},
    "calogan": {
        "energy": (2, 1),
        "layer_0": (2, 3, 96),
        "layer_1": (2, 12, 12),
        "layer_2": (2, 12, 6),
        "overflow": (2, 3),
    },
    "3dgan": {"ECAL": (2, 25, 25, 25), "target": (2, 5), "HCAL": (2, 5, 5, 60)},
    "3dgan_angle": {"ECAL": (2, 51, 51, 25), "energy": (2,), "theta": (2,)},
}


@pytest.mark.parametrize("name", FILES)
def test_one_layout_claims_a_file(tmp_path: Path, name: str) -> None:
    content = {data: np.zeros(shape, dtype="f4") for data, shape in FILES[name].items()}
    contents = Contents.of(write_raw(tmp_path / "a.h5", content))
    assert layout_of(contents.path).name == name
    assert [other for other in CLASSES if layout_named(other).claims(contents)] == [name]
    assert layout_named(name).name == name


def test_no_layout_claims_other_files(tmp_path: Path) -> None:
    content = {"layers": np.zeros((2, 30, 30, 30)), "energy": np.zeros(2)}
    with pytest.raises(ValueError, match=r"a.h5: no file of showers in a layout that is known \(p"):
        layout_of(write_raw(tmp_path / "a.h5", content))
