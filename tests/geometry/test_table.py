from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pointcalo.geometry import CellTable, Geometry
from pointcalo.geometry.colouring import greedy_colours, padded_table
from pointcalo.geometry.touching import touching_pairs

YAML = """
name: mine
layers:
  - repeat: 2
    absorber: [[W, 3]]
    active: [Si, 0.5]
    segmentation: {{type: table, file: {file}}}
"""


def squares() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two layers of 4 x 3 squares of 10 mm, the second shifted by 5 mm."""
    x, y = np.meshgrid(np.arange(4) * 10.0, np.arange(3) * 10.0)
    layer = np.repeat([0, 1], 12)
    return layer, np.concatenate((x.ravel(), x.ravel() + 5.0)), np.tile(y.ravel(), 2)


def write(path: Path) -> None:
    layer, x, y = squares()
    if path.suffix == ".csv":
        columns = np.stack((layer, x, y), axis=1)
        np.savetxt(path, columns, delimiter=",", header="layer,x_mm,y_mm", comments="")
    elif path.suffix == ".npz":
        np.savez(path, layer=layer, x_mm=x, y_mm=y)
    else:
        with h5py.File(path, "w") as file:
            file.update({"layer": layer, "x_mm": x, "y_mm": y})


@pytest.mark.parametrize("name", ["cells.csv", "cells.npz", "cells.h5"])
def test_a_table_of_squares_is_a_lattice(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    (tmp_path / "mine.yaml").write_text(YAML.format(file=name))
    geometry = Geometry.load(tmp_path / "mine.yaml")
    assert geometry.num_cells == 24
    assert geometry.area(torch.arange(24)).tolist() == pytest.approx([100.0] * 24)
    layer = torch.tensor([0, 0, 1, 0, 0])
    xy = torch.tensor([[14.9, 0.0], [15.0, 5.0], [14.9, 0.0], [-4.9, -4.9], [-9.0, 0.0]])
    assert geometry.cell_at(layer, xy).tolist() == [1, 1, 13, 0, -1]
    near = set(geometry.neighbour_table(torch.tensor([5]))[0].tolist())
    assert near == {0, 1, 2, 4, 6, 8, 9, 10}
    assert geometry.nearest(torch.tensor([0]), torch.zeros(1, 2), 13)[0, -1] == -1


def test_a_table_is_saved_beside_the_yaml(tmp_path: Path) -> None:
    write(tmp_path / "cells.csv")
    (tmp_path / "mine.yaml").write_text(YAML.format(file="cells.csv"))
    geometry = Geometry.load(tmp_path / "mine.yaml")
    (tmp_path / "run").mkdir()
    geometry.save(tmp_path / "run" / "copy.yaml")
    again = Geometry.load(tmp_path / "run" / "copy.yaml")
    assert again.hash == geometry.hash
    assert torch.equal(again.position(torch.arange(24)), geometry.position(torch.arange(24)))


def test_cells_of_different_size_touch() -> None:
    small = np.arange(8) * 5.0
    x = np.concatenate((small, [47.5]))
    table = CellTable(x, np.zeros(9), np.array([25.0] * 8 + [400.0]))
    pairs = {tuple(pair) for pair in touching_pairs(table.xy, table.area).T.tolist()}
    assert {(7, 8), (8, 7)} <= pairs and (5, 8) not in pairs
    assert {(i, i + 1) for i in range(7)} <= pairs


def test_greedy_colours_of_a_ring_and_a_clique() -> None:
    ring = np.array([[i, (i + 1) % 101] for i in range(101)]).T
    pairs = np.unique(np.concatenate((ring, ring[::-1]), axis=1), axis=1)
    table = padded_table(pairs, 101).long()
    colour = greedy_colours(table)
    assert (colour[:, None] != colour[table]).all() and int(colour.max()) == 2
    clique = torch.tensor([[j for j in range(5) if j != i] for i in range(5)])
    assert greedy_colours(clique).sort().values.tolist() == [0, 1, 2, 3, 4]
    assert greedy_colours(torch.full((3, 1), -1)).tolist() == [0, 0, 0]


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same centre"):
        CellTable(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="not finite"):
        CellTable(np.array([0.0, np.nan]), np.zeros(2))
    (tmp_path / "mine.yaml").write_text(YAML.format(file="cells.csv"))
    with pytest.raises(ValueError, match=r"cells\.csv"):
        Geometry.load(tmp_path / "mine.yaml")
    (tmp_path / "cells.csv").write_text("layer,x_mm\n0,1\n")
    with pytest.raises(ValueError, match="has no column 'y', only layer, x_mm"):
        Geometry.load(tmp_path / "mine.yaml")
    (tmp_path / "cells.csv").write_text("layer,x_mm,y_mm\n0,1,1\n0,5,5\n")
    with pytest.raises(ValueError, match=r"layer 1: cells.csv has no cell of layer 1"):
        Geometry.load(tmp_path / "mine.yaml")
