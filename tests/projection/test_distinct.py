import pytest
import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.programs.tracing import trace
from pointcalo.programs.writers import reopened
from pointcalo.projection import distinct
from pointcalo.projection.distinct import distinct_cells


def one_by_one(
    geometry: Geometry, shower: Tensor, layer: Tensor, xy: Tensor, priority: Tensor
) -> Tensor:
    """The definition: in the order of priority, each point takes its nearest free cell."""
    cell = torch.full_like(layer, -1)
    taken: set[tuple[int, int]] = set()
    for i in priority.argsort(descending=True, stable=True).tolist():
        nearest = geometry.nearest(layer[i : i + 1], xy[i : i + 1], len(layer))[0].tolist()
        cell[i] = next(c for c in nearest if c >= 0 and (int(shower[i]), c) not in taken)
        taken.add((int(shower[i]), int(cell[i])))
    return cell


def crowd(geometry: Geometry, num_points: int, seed: int) -> tuple[Tensor, ...]:
    """Points of three showers crowded on a few cells."""
    generator = torch.Generator().manual_seed(seed)
    shower = torch.randint(0, 3, (num_points,), generator=generator)
    layer = torch.randint(0, 3, (num_points,), generator=generator)
    xy = 6.0 * torch.randn(num_points, 2, generator=generator)
    return shower, layer, xy, torch.rand(num_points, generator=generator)


@pytest.mark.parametrize("name", ["toy", "hgcal"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_the_definition(name: str, seed: int) -> None:
    geometry = Geometry.load(name)
    points = crowd(geometry, 150, seed)
    assert torch.equal(distinct_cells(geometry, *points), one_by_one(geometry, *points))


def test_a_point_alone_gets_the_cell_it_lies_in() -> None:
    geometry = Geometry.load("hgcal")
    xy = torch.tensor([[3.0, 4.0], [50.0, -20.0]])
    layer = torch.tensor([0, 7])
    cell = distinct_cells(geometry, torch.tensor([0, 0]), layer, xy, torch.ones(2))
    assert torch.equal(cell, geometry.cell_at(layer, xy))


def test_does_not_depend_on_the_batch() -> None:
    geometry = Geometry.load("toy")
    shower, layer, xy, priority = crowd(geometry, 200, seed=4)
    together = distinct_cells(geometry, shower, layer, xy, priority)
    for number in range(3):
        own = shower == number
        alone = distinct_cells(geometry, shower[own], layer[own], xy[own], priority[own])
        assert torch.equal(together[own], alone)


def test_points_outside_the_detector_come_in() -> None:
    geometry = Geometry.load("toy")
    far = torch.tensor([[1e4, 0.0], [1e4, 0.0], [-1e4, 1e4]])
    zero = torch.zeros(3, dtype=torch.int64)
    cell = distinct_cells(geometry, zero, zero, far, torch.ones(3))
    assert len(cell.unique()) == 3
    assert (geometry.layer_of(cell) == 0).all()


def test_more_points_than_cells() -> None:
    geometry = Geometry.load("toy")
    num_cells = int(geometry.layer_start[1])
    zero = torch.zeros(num_cells + 1, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"{num_cells + 1} hits in layer 0, which has fewer cells"):
        distinct_cells(geometry, zero, zero, torch.randn(len(zero), 2), torch.rand(len(zero)))


def test_a_full_layer() -> None:
    geometry = Geometry.load("toy")
    num_cells = int(geometry.layer_start[1])
    zero = torch.zeros(num_cells, dtype=torch.int64)
    torch.manual_seed(1)
    cell = distinct_cells(geometry, zero, zero, torch.randn(num_cells, 2), torch.rand(num_cells))
    assert torch.equal(cell.sort().values, torch.arange(num_cells))


def test_no_points() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    geometry = Geometry.load("toy")
    assert len(distinct_cells(geometry, none, none, torch.zeros(0, 2), torch.zeros(0))) == 0


class Placing(nn.Module):
    """`distinct_cells` as a program that is exported."""

    inputs = {
        "shower": ("int64", ["P"], "", ""),
        "layer": ("int64", ["P"], "", ""),
        "xy": ("float32", ["P", 2], "", ""),
        "priority": ("float32", ["P"], "", ""),
    }
    outputs = {"cell": ("int64", ["P"], "", "")}

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry

    def forward(self, *points: Tensor) -> Tensor:
        return distinct_cells(self.geometry, *points)


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
@pytest.mark.parametrize("name", ["toy", "hgcal"])
def test_in_a_program(name: str, suffix: str) -> None:
    geometry = Geometry.load(name)
    traced = trace(Placing(geometry), crowd(geometry, 40, seed=1))
    assert "kthvalue" not in str(traced.inlined_graph)  # which sites are near is found before
    program = reopened(traced, suffix, Placing.inputs, Placing.outputs)
    for num_points in (0, 1, 40, 300):
        points = crowd(geometry, num_points, seed=2)
        (cell,) = program([x.numpy() for x in points])
        assert cell.tolist() == distinct_cells(geometry, *points).tolist()


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_where_a_program_ends(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "MOST_PLACED", 16)
    monkeypatch.setattr(distinct, "EXPORTED_REACH", 16)
    geometry = Geometry.load("toy")
    traced = trace(Placing(geometry), crowd(geometry, 40, seed=1))
    program = reopened(traced, suffix, Placing.inputs, Placing.outputs)

    def placed(xy: Tensor) -> list[int]:
        zero = torch.zeros(len(xy), dtype=torch.int64)
        return program([x.numpy() for x in (zero, zero, xy, torch.ones(len(xy)))])[0].tolist()

    far = placed(torch.tensor([[1e4, 0.0], [1.0, 0.0], [float("inf"), 0.0]]))
    assert far[0] == far[2] == -1 and far[1] >= 0
    assert len(set(placed(torch.zeros(16, 2)))) == 16
    assert set(placed(torch.zeros(17, 2))) == {geometry.num_cells}
