"""A table of cells as a geometry by itself: no YAML, no materials."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.geometry import Geometry
from pointcalo.simulation import ParametricSimulation


@pytest.fixture
def columns() -> dict[str, np.ndarray]:
    """The cells of the toy."""
    toy = Geometry.load("toy")
    cell = torch.arange(toy.num_cells)
    position, layer = toy.position(cell).numpy(), toy.layer_of(cell)
    return {
        "layer": layer.numpy(),
        "x_mm": position[:, 0],
        "y_mm": position[:, 1],
        "z_mm": position[:, 2],
        "threshold_MeV": toy.layer_threshold[layer].numpy(),
    }


def test_cells_depths_and_thresholds_are_those_of_the_table(
    tmp_path: Path, columns: dict[str, np.ndarray]
) -> None:
    np.savez(tmp_path / "cells.npz", **columns)
    toy, bare = Geometry.load("toy"), Geometry.load(tmp_path / "cells.npz")
    cell = torch.arange(toy.num_cells)
    assert bare.name == "cells"
    torch.testing.assert_close(bare.position(cell), toy.position(cell))
    torch.testing.assert_close(bare.layer_threshold, toy.layer_threshold)
    assert torch.equal(bare.cell_at(bare.layer_of(cell), bare.position(cell)[:, :2]), cell)
    bare.save(tmp_path / "saved.yaml")
    assert Geometry.load(tmp_path / "saved.yaml").hash == bare.hash


def test_csv_through_the_command(
    tmp_path: Path, columns: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cells.csv"
    table = np.stack([columns[name] for name in columns], axis=1)
    np.savetxt(path, table, delimiter=",", header=",".join(columns), comments="", fmt="%.6f")
    assert main(["geometry", "check", str(path)]) == 0
    assert main(["geometry", "show", str(path)]) == 0
    assert "materials unknown" in capsys.readouterr().out


def test_without_materials_there_is_no_simulation(
    tmp_path: Path, columns: dict[str, np.ndarray]
) -> None:
    np.savez(tmp_path / "cells.npz", **columns)
    bare = Geometry.load(tmp_path / "cells.npz")
    with pytest.raises(ValueError, match=r"layers 0 to 7 have no materials.*data=FILE"):
        ParametricSimulation(bare)
    with pytest.raises(ValueError, match="has no materials"):
        _ = bare.layers[0].radiation_lengths


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_mm": None}, r"holds no depth .*8 layers.*layer_z_mm=\[\.\.\.\] with 8 numbers"),
        (
            {"threshold_MeV": np.linspace(0.1, 0.2, 1928)},
            "layer 0 has values of threshold_MeV from 0.1",
        ),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, columns: dict[str, np.ndarray], change: dict, message: str
) -> None:
    changed = {name: value for name, value in (columns | change).items() if value is not None}
    np.savez(tmp_path / "cells.npz", **changed)
    with pytest.raises(ValueError, match=message):
        Geometry.load(tmp_path / "cells.npz")
