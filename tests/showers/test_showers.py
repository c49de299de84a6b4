"""The ragged batch: its checks, indexing, joining, sums and threshold."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pointcalo.showers import ENERGY, Incident, Showers

MakeShowers = Callable[..., Showers]


def _same(a: Showers, b: Showers) -> bool:
    incident = ("energy", "direction", "position", "pdg")
    return (
        torch.equal(a.points, b.points)
        and torch.equal(a.layer, b.layer)
        and torch.equal(a.ptr, b.ptr)
        and (a.cell is None) == (b.cell is None)
        and (a.cell is None or torch.equal(a.cell, b.cell))
        and all(torch.equal(getattr(a.incident, n), getattr(b.incident, n)) for n in incident)
    )


def test_counts_index_and_views(make_showers: MakeShowers) -> None:
    showers = make_showers()
    assert len(showers) == 4 and showers.num_points == 9
    assert showers.counts.tolist() == [3, 0, 5, 1]
    assert showers.index.tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 3]
    assert torch.equal(showers.energy, showers.points[:, 2])
    assert torch.equal(showers.xy, showers.points[:, :2])


@pytest.mark.parametrize(
    ("index", "numbers"),
    [
        (2, [2]),
        (-1, [3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, 2), [0, 2]),
        (torch.tensor([3, 0, 0]), [3, 0, 0]),
        (torch.tensor([True, False, True, False]), [0, 2]),
        (torch.tensor([], dtype=torch.int64), []),
    ],
)
def test_indexing(
    make_showers: MakeShowers, index: int | slice | Tensor, numbers: list[int]
) -> None:
    showers = make_showers()
    showers = showers.replace(cell=torch.arange(9))
    chosen = showers[index]
    assert len(chosen) == len(numbers)
    for place, number in enumerate(numbers):
        rows = slice(int(showers.ptr[number]), int(showers.ptr[number + 1]))
        part = chosen[place]
        assert torch.equal(part.points, showers.points[rows])
        assert torch.equal(part.layer, showers.layer[rows])
        assert part.cell is not None and part.cell.tolist() == list(range(9))[rows]
        assert part.incident.energy == showers.incident.energy[number]


def test_index_beyond_the_end(make_showers: MakeShowers) -> None:
    with pytest.raises(IndexError, match="shower 4 of 4"):
        make_showers()[4]


def test_parts_join_to_the_whole(make_showers: MakeShowers) -> None:
    showers = make_showers()
    assert _same(Showers.cat([showers[:1], showers[1:3], showers[3]]), showers)
    assert _same(Showers.cat(list(showers)), showers)
    with pytest.raises(ValueError, match="cells: 1 of 2"):
        Showers.cat([showers, showers.replace(cell=showers.layer)])
    with pytest.raises(ValueError, match="empty list"):
        Showers.cat([])


@pytest.mark.parametrize(
    ("column", "value"), [(0, float("nan")), (1, float("inf")), (2, -1.0), (2, float("nan"))]
)
def test_bad_number_names_its_shower(make_showers: MakeShowers, column: int, value: float) -> None:
    showers = make_showers()
    points = showers.points.clone()
    points[4, column] = value
    with pytest.raises(ValueError, match=r"^shower 2: point 1 has"):
        showers.replace(points=points)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": torch.zeros(9, 3)}, r"points: got \(9, 3\).*expected \(9, 4\)"),
        ({"points": torch.zeros(9, 4, dtype=torch.float64)}, "float64, expected .* torch.float32"),
        ({"layer": torch.zeros(8, dtype=torch.int64)}, "layer: got"),
        ({"layer": torch.zeros(9)}, "layer: got .*float32"),
        ({"layer": torch.full((9,), -1)}, "shower 0: point 0 .*layer -1"),
        ({"cell": torch.full((9,), -1)}, "shower 0: point 0 .*cell -1"),
        ({"ptr": torch.tensor([0, 3, 9])}, r"ptr: got \(3,\)"),
        ({"ptr": torch.tensor([0, 3, 2, 8, 9])}, "ptr: .*never decrease"),
        ({"ptr": torch.tensor([0, 3, 3, 8, 8])}, "ptr: got 0 to 8"),
        ({"ptr": torch.tensor([1, 3, 3, 8, 9])}, "ptr: got 1 to 9"),
    ],
)
def test_constructor_checks(
    make_showers: MakeShowers, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_showers().replace(**changes)


def test_layer_sums_by_hand(make_showers: MakeShowers) -> None:
    showers = make_showers()
    counts, energy = showers.layer_sums(4)
    for shower in range(4):
        for layer in range(4):
            chosen = (showers.index == shower) & (showers.layer == layer)
            assert counts[shower, layer] == chosen.sum()
            torch.testing.assert_close(energy[shower, layer], showers.energy[chosen].sum())
    with pytest.raises(ValueError, match="layers 0 to 1: take the geometry"):
        showers.layer_sums(2)


def test_threshold_by_hand(make_showers: MakeShowers) -> None:
    showers = make_showers(counts=(2, 1, 1))
    points = showers.points.clone()
    points[:, ENERGY] = torch.tensor([1.0, 3.0, 2.0, 0.5])
    showers = showers.replace(points=points, layer=torch.tensor([0, 1, 1, 0]))
    geometry = SimpleNamespace(num_layers=2, layer_threshold=torch.tensor([1.0, 2.5]))
    kept, share = showers.above_threshold(geometry)
    assert kept.energy.tolist() == [1, 3]
    assert kept.counts.tolist() == [2, 0, 0]
    assert share == pytest.approx(2.5 / 6.5)


def _incident(**changes: Any) -> Incident:
    fields = {
        "energy": torch.tensor([1e3, 2e3]),
        "direction": torch.tensor([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]),
        "position": torch.zeros(2, 3),
        "pdg": torch.tensor([22, -211]),
    }
    return Incident(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": torch.tensor([1.0, 0.0])}, "shower 1: incident energy is 0.0 MeV"),
        ({"energy": torch.tensor([float("nan"), 1.0])}, "shower 0: incident energy is nan"),
        ({"direction": torch.ones(2, 3)}, "shower 0: incident direction .* unit vector"),
        ({"position": torch.full((2, 3), float("inf"))}, "shower 0: incident position"),
        ({"direction": torch.ones(2, 2)}, r"incident direction: got \(2, 2\)"),
        ({"pdg": torch.tensor([22.0, 22.0])}, "incident pdg: got"),
        ({"energy": torch.tensor(1.0)}, "incident energy: got"),
    ],
)
def test_incident_checks(changes: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _incident(**changes)


def test_incident_index_and_join() -> None:
    incident = _incident()
    assert len(incident) == 2
    assert incident[-1].pdg.tolist() == [-211]
    assert incident[torch.tensor([True, False])].energy.tolist() == [1e3]
    joined = Incident.cat([incident[1], incident[:1]])
    assert torch.equal(joined.direction, incident.direction.flip(0))


def test_to_keeps_everything(make_showers: MakeShowers) -> None:
    showers = make_showers()
    showers = showers.replace(cell=showers.layer)
    assert _same(showers.to("cpu"), showers)
