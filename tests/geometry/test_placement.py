"""Global and local frames: hand-computed staves and ends, inverses, and the file."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from pointcalo.geometry import Geometry, Placement

BARREL = Placement(kind="barrel", face_mm=1800.0, staves=8, first_stave=1)
ENDCAP = Placement(kind="endcap", face_mm=2400.0, origin_mm=(100.0, -50.0))


def vectors(*rows: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_the_stave_at_the_top() -> None:
    top = torch.tensor([2])
    local = BARREL.to_local(vectors((3.0, 1807.0, -50.0)), top)
    torch.testing.assert_close(local, vectors((-3.0, -50.0, 7.0)))
    torch.testing.assert_close(BARREL.turned(vectors((0.0, 1.0, 0.0)), top), vectors((0, 0, 1)))


def test_a_slanted_stave() -> None:
    half = math.sqrt(0.5)
    local = BARREL.to_local(
        vectors((1810 * half - 2 * half, 1810 * half + 2 * half, 4)), torch.tensor([1])
    )
    torch.testing.assert_close(local, vectors((2.0, 4.0, 10.0)))


def test_both_ends() -> None:
    position = vectors((130.0, 20.0, 2405.0), (130.0, 20.0, -2405.0))
    local = ENDCAP.to_local(position, torch.tensor([0, 1]))
    torch.testing.assert_close(local, vectors((30.0, 70.0, 5.0), (-230.0, 70.0, 5.0)))


@pytest.mark.parametrize("placement", [BARREL, ENDCAP])
def test_rigid_and_inverse(placement: Placement) -> None:
    generator = torch.Generator().manual_seed(1)
    position = 3000 * torch.randn(200, 3, generator=generator, dtype=torch.float64)
    face = torch.randint(0, len(placement.axes), (200,), generator=generator)
    local = placement.to_local(position, face)
    torch.testing.assert_close(placement.to_global(local, face), position)
    torch.testing.assert_close(
        placement.turned_back(placement.turned(position, face), face), position
    )
    torch.testing.assert_close(
        torch.linalg.det(placement.axes), torch.ones(len(placement.axes)).double()
    )
    same = face[:-1] == face[1:]
    before, after = position.diff(dim=0).norm(dim=1), local.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(before[same], after[same])


def test_entry_into_a_barrel() -> None:
    position = vectors((0, 0, 0), (0, 1799.9, -50), (0, 0, 10), (0, 1801, 0), (0, 0, 0))
    direction = vectors((1, 0, 0), (0.6, 0.8, 0), (0, -0.6, 0.8), (0, 1, 0), (0, 0, 1))
    face, crossing = BARREL.entry(position, direction)
    assert face.tolist() == [0, 2, 6, -1, -1]
    expected = vectors((1800, 0, 0), (0.075, 1800, -50), (0, -1800, 2410))
    torch.testing.assert_close(crossing[:3], expected)


def test_entry_into_an_endcap() -> None:
    position = vectors((0, 0, 0), (0, 0, 5), (0, 0, 2500), (0, 0, 2500), (0, 0, 0))
    direction = vectors((0.6, 0, 0.8), (0, 0, -1), (0, 0, 1), (0, 0, -1), (1, 0, 0))
    face, crossing = ENDCAP.entry(position, direction)
    assert face.tolist() == [0, 1, -1, 1, -1]
    torch.testing.assert_close(crossing[:2], vectors((1800, 0, 2400), (0, 0, -2400)))


def test_kept_in_files_and_not_in_the_hash(tmp_path: Path) -> None:
    ild = Geometry.load("ild")
    assert ild.placement is not None and ild.placement.staves == 8
    ild.save(tmp_path / "ild.yaml")
    again = Geometry.load(tmp_path / "ild.yaml")
    assert (again.placement, again.readout, again.hash) == (ild.placement, ild.readout, ild.hash)
    piece = ild.region(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]), 20.0).geometry
    assert piece.placement == ild.placement


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"kind": "barrel"}, "missing key 'face_mm'"),
        ({"kind": "tube", "face_mm": 1.0}, "placement has kind 'tube'"),
        ({"kind": "barrel", "face_mm": 1.0, "staves": 2}, "placement has 2 staves"),
        ({"kind": "barrel", "face_mm": "near"}, "face_mm is 'near'; expected a finite number"),
        ({"kind": "barrel", "face_mm": 1.0, "first_layer": 0.5}, "first_layer is 0.5"),
        ({"kind": "barrel", "face_mm": 1.0, "sides": 2}, "unknown key 'sides'"),
    ],
)
def test_mistakes(content: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        Placement.read(content)
