"""Streams: every shower of the split once, the same order each time, parts for processes."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pointcalo.formats.stream
from pointcalo.formats import NativeFile, ShowerStream, write
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Showers

MakeShowers = Callable[..., Showers]
WriteToy = Callable[..., Path]


def _numbers(batches: list[Showers]) -> list[int]:
    """Numbers of the showers: their incident energy is number + 1."""
    return [int(energy) - 1 for batch in batches for energy in batch.incident.energy]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointcalo.formats.stream, "BLOCK_POINTS", 200)


@pytest.fixture(params=["memory", "file", "small buffer"])
def open_stream(
    request: pytest.FixtureRequest,
    make_showers: MakeShowers,
    write_toy: WriteToy,
    small_blocks: None,
) -> Callable[..., ShowerStream]:
    """Opens 200 showers in memory, as a file, and as a file larger than the buffer."""
    showers = make_showers(200)
    source = showers if request.param == "memory" else write_toy(showers)

    def open_it(**options: object) -> ShowerStream:
        if request.param == "small buffer":
            options["buffer_points"] = 500
        return ShowerStream(source, **options)

    return open_it


def test_a_share_is_the_first_showers_of_the_split(
    open_stream: Callable[..., ShowerStream],
) -> None:
    expected = [number for number in range(200) if number % 10 < 7][:35]
    assert _numbers(list(open_stream(batch=7, share=0.25, shuffle=False))) == expected
    assert open_stream(batch=7, share=1e-6).num_showers == 1


@pytest.mark.parametrize(
    ("split", "digits"),
    [("train", range(7)), ("validation", [7]), ("test", [8, 9]), ("all", range(10))],
)
def test_each_shower_of_the_split_once(
    open_stream: Callable[..., ShowerStream], split: str, digits: list[int]
) -> None:
    expected = [number for number in range(200) if number % 10 in digits]
    stream = open_stream(batch=7, split=split, shuffle=False)
    batches = list(stream)
    assert _numbers(batches) == expected
    assert len(batches) == len(stream) and stream.num_showers == len(expected)


def test_shuffled_epochs(open_stream: Callable[..., ShowerStream]) -> None:
    stream = open_stream(batch=9, seed=5)
    first, second = (_numbers(list(stream.epoch(number))) for number in (0, 1))
    assert len(stream) == 140 // 9 and len(first) == len(second) == 135
    assert len(set(first)) == 135 and all(number % 10 < 7 for number in first)
    assert first != second and first != sorted(first)
    again = open_stream(batch=9, seed=5)
    assert _numbers(list(again.epoch(1))) == second
    assert _numbers(list(again.epoch(0))) == first
    assert _numbers(list(open_stream(batch=9, seed=6))) != first


def test_points_belong_to_their_shower(
    open_stream: Callable[..., ShowerStream], make_showers: MakeShowers
) -> None:
    showers = make_showers(200)
    for batch in open_stream(batch=16):
        expected = showers[torch.tensor(_numbers([batch]))]
        assert torch.equal(batch.points, expected.points)
        assert torch.equal(batch.incident.direction, expected.incident.direction)


def test_resume_in_the_middle(open_stream: Callable[..., ShowerStream]) -> None:
    whole = _numbers(list(open_stream(batch=8).epoch(3)))
    assert _numbers(list(open_stream(batch=8).epoch(3, start=5))) == whole[40:]
    assert not list(open_stream(batch=8).epoch(3, start=17))


@pytest.mark.parametrize("shuffle", [True, False])
def test_processes_share_the_batches_of_one(
    open_stream: Callable[..., ShowerStream], shuffle: bool
) -> None:
    options = {"split": "all", "shuffle": shuffle, "seed": 2}
    alone = list(open_stream(batch=24, **options).epoch(1))
    parts = [
        list(open_stream(batch=8, rank=rank, world=3, **options).epoch(1)) for rank in range(3)
    ]
    assert len({len(part) for part in parts}) == 1
    for number in range(200 // 24):
        pieces = [part[number] for part in parts]
        assert [len(piece) for piece in pieces] == [8, 8, 8]
        assert _numbers(pieces) == _numbers([alone[number]])
    rest = [part[200 // 24 :] for part in parts]
    assert [len(batch) for left in rest for batch in left] == ([] if shuffle else [2, 2, 2])


def test_batch_larger_than_the_split(make_showers: MakeShowers) -> None:
    stream = ShowerStream(make_showers(10), batch=64)
    assert [len(batch) for batch in stream] == [7]


def test_cells_threshold_and_what_is_lost(
    make_showers: MakeShowers, toy: Geometry, caplog: pytest.LogCaptureFixture
) -> None:
    showers = make_showers(20)
    points = showers.points.clone()
    points[::3, ENERGY] = 0.05
    points[::5, 0] = 500.0
    showers = showers.replace(points=points)
    outside = points[:, 0] == 500
    below = ~outside & (points[:, ENERGY] < 0.075)
    stream = ShowerStream(showers, batch=20, split="all", geometry=toy, shuffle=False)
    with caplog.at_level(logging.INFO):
        (batch,) = stream
    assert batch.cell is not None
    assert torch.equal(toy.position(batch.cell)[:, :2], batch.xy)
    torch.testing.assert_close(batch.energy, points[~outside & ~below, ENERGY])
    energy = points[:, ENERGY].double()
    assert stream.outside == pytest.approx(float(energy[outside].sum() / energy.sum()), rel=1e-6)
    share = float(energy[below].sum() / energy[~outside].sum())
    assert stream.below_threshold == pytest.approx(share, rel=1e-6)
    assert "outside every cell" in caplog.text and "showers 20" in caplog.text


def test_showers_on_cells_are_not_projected_again(make_showers: MakeShowers, toy: Geometry) -> None:
    showers = make_showers(20)
    cell = toy.cell_at(showers.layer, showers.xy)
    stream = ShowerStream(showers.replace(cell=cell), batch=20, split="all", geometry=toy)
    (batch,) = stream
    assert batch.cell is not None
    assert bool((batch.energy >= 0.075).all()) and stream.outside == 0


def test_files_and_patterns(make_showers: MakeShowers, write_toy: WriteToy, tmp_path: Path) -> None:
    first = write_toy(make_showers(10), "b.h5")
    second = write_toy(make_showers(20, seed=2), "a.h5")
    pattern = ShowerStream(str(tmp_path / "*.h5"), batch=1, split="all", shuffle=False)
    assert _numbers(list(pattern)) == [*range(20), *range(10)]
    listed = ShowerStream([first, second], batch=1, split="all", shuffle=False)
    assert _numbers(list(listed)) == [*range(10), *range(20)]
    with pytest.raises(FileNotFoundError, match=r"none\*.h5: no such file, and no file matches"):
        ShowerStream(str(tmp_path / "none*.h5"), batch=1)
    with pytest.raises(ValueError, match="empty list"):
        ShowerStream([], batch=1)


def test_mistakes_in_one_line(make_showers: MakeShowers) -> None:
    showers = make_showers(5)
    with pytest.raises(ValueError, match="split: got 'valid', expected one of train"):
        ShowerStream(showers, batch=1, split="valid")
    with pytest.raises(ValueError, match="split test: 0 of 5 showers belong to it"):
        ShowerStream(showers, batch=1, split="test")
    with pytest.raises(ValueError, match=r"split all: 5 of 5 .* at least 6"):
        ShowerStream(showers, batch=1, split="all", rank=1, world=6)
    with pytest.raises(ValueError, match="batch 0"):
        ShowerStream(showers, batch=0)


def test_wrong_geometry(make_showers: MakeShowers, write_toy: WriteToy, tmp_path: Path) -> None:
    path = write_toy(make_showers(10))
    with pytest.raises(ValueError, match="made in geometry 'toy', not 'ild': pass geometry=toy"):
        ShowerStream(path, batch=1, geometry=Geometry.load("ild"))


def test_cells_that_are_none(make_showers: MakeShowers, toy: Geometry, tmp_path: Path) -> None:
    showers = make_showers(10)
    moved = showers.points.clone()
    moved[:, 0] += 1.5
    path = tmp_path / "moved.h5"
    write(path, showers.replace(points=moved), geometry_name="toy", geometry_hash="", source="x")
    with pytest.raises(ValueError, match=r"rows lie up to 1.5 mm from the cell centres"):
        ShowerStream(path, batch=1, geometry=toy)


def test_a_foreign_layout_streams_as_the_native_one(
    make_showers: MakeShowers, write_toy: WriteToy, toy: Geometry, tmp_path: Path
) -> None:
    showers = make_showers(200)
    said = Conventions(geometry=toy, energy_unit="MeV", rows="cells")
    outgoing = Outgoing(num_showers=200, points="cells", source="random")
    layout_named("showerdata").write(tmp_path / "foreign.h5", [showers], outgoing, said)
    options = {"batch": 16, "geometry": toy, "buffer_points": 300}
    native = ShowerStream(write_toy(showers), **options)
    foreign = ShowerStream(str(tmp_path / "for*.h5"), conventions=said, **options)
    assert foreign.source == "random"
    for one, other in zip(native.epoch(3), foreign.epoch(3), strict=True):
        assert torch.equal(one.incident.energy, other.incident.energy)
        assert torch.equal(one.points, other.points) and torch.equal(one.cell, other.cell)


def test_opened_files_serve_several_streams(
    make_showers: MakeShowers, write_toy: WriteToy, toy: Geometry
) -> None:
    files = [NativeFile(write_toy(make_showers(50, seed=n), f"{n}.h5")) for n in (1, 2)]
    train = ShowerStream(files, batch=10, geometry=toy)
    test = ShowerStream(files, batch=10, geometry=toy, split="test")
    assert (train.num_showers, test.num_showers) == (70, 20)
    assert train.sources is test.sources


def test_augmented_showers_are_the_same_ones_turned(
    open_stream: Callable[..., ShowerStream], toy: Geometry
) -> None:
    plain = list(open_stream(batch=7, geometry=toy, seed=3).epoch(1))
    turned = list(open_stream(batch=7, geometry=toy, seed=3, augment=True).epoch(1))
    assert _numbers(turned) == _numbers(plain)
    moved = 0
    for before, after in zip(plain, turned, strict=True):
        assert torch.equal(after.points[:, ENERGY:], before.points[:, ENERGY:])
        assert torch.equal(after.cell, toy.cell_at(after.layer, after.xy))
        moved += int((after.cell != before.cell).sum())
    assert moved > 0.5 * sum(batch.num_points for batch in plain)


def test_augmentation_is_the_same_again_and_in_parts(
    open_stream: Callable[..., ShowerStream], toy: Geometry
) -> None:
    def directions(start: int = 0, **options: int) -> torch.Tensor:
        stream = open_stream(geometry=toy, seed=3, augment=True, **options)
        return torch.stack([batch.incident.direction for batch in stream.epoch(1, start)])

    state = torch.get_rng_state()
    whole = directions(batch=6)
    assert torch.equal(whole, directions(batch=6))
    assert torch.equal(whole[4:], directions(batch=6, start=4))
    parts = [directions(batch=3, world=2, rank=rank) for rank in range(2)]
    assert torch.equal(whole, torch.cat(parts, dim=1))
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(ValueError, match="augment: got no geometry"):
        open_stream(batch=6, augment=True)
