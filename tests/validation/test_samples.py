from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pointcalo.formats import open_showers, split_numbers, write
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.pairing import halves, matched, same_incident
from pointcalo.validation.samples import (
    Sample,
    choose_split,
    floor_from_file,
    floor_from_rest,
    left_over,
    read_sample,
)


@pytest.fixture
def save(tmp_path: Path, toy: Geometry) -> Callable[..., Path]:
    def save(name: str, showers: Showers, points: str = "cells", geometry: str = "toy") -> Path:
        path = tmp_path / name
        write(
            path,
            showers,
            geometry_name=geometry,
            geometry_hash=toy.hash,
            source="made by hand",
            points=points,
        )
        return path

    return save


def test_matched_takes_the_same_quantiles() -> None:
    pool = torch.arange(100.0).flip(0)
    chosen = matched(torch.tensor([50.0, 10.0, 90.0, 30.0]), pool)
    assert pool[chosen].tolist() == [62.0, 12.0, 87.0, 37.0]
    assert matched(pool, pool).tolist() == list(range(100))


def test_halves_share_out_neighbours_in_energy() -> None:
    energy = torch.rand(101, generator=torch.Generator().manual_seed(1))
    first, second = halves(energy, seed=1)
    assert len(first) == len(second) == 50
    assert len(torch.cat([first, second]).unique()) == 100
    rank = torch.argsort(torch.argsort(energy))
    assert bool(((rank[first] - rank[second]).abs() == 1).all())
    assert 10 < int((energy[first] > energy[second]).sum()) < 40


def _read(path: Path, geometry: Geometry, numbers: torch.Tensor | None = None) -> Sample:
    return read_sample(open_showers(path), geometry, numbers)


def test_the_split_that_was_copied_is_recognised(
    save: Callable[..., Path], make_showers: Callable[..., Showers]
) -> None:
    reference = make_showers(40, seed=1)
    file = open_showers(save("reference.h5", reference))
    for split in ("all", "test", "validation", "train"):
        copied = make_showers(40, seed=2)[split_numbers(40, split)]
        generated = open_showers(save(f"{split}.h5", copied))
        assert choose_split(file, generated, None) == split
    other = open_showers(save("other.h5", make_showers(8, seed=2, incident_seed=5)))
    assert choose_split(file, other, None) == "all"
    assert choose_split(file, other, "test") == "test"


def test_deposits_are_put_on_cells_and_cut(
    save: Callable[..., Path], place: Callable[..., Showers], toy: Geometry
) -> None:
    rows = [(0, 0, 1.0, 1.0, 0.5), (0, 0, -1.0, 2.0, 0.5), (0, 1, 3.0, 0.0, 0.05)]
    rows += [(0, 2, 500.0, 0.0, 0.95)]
    sample = _read(save("deposits.h5", place(rows), points="deposits"), toy)
    assert sample.measurement.showers.energy.tolist() == [1.0]
    assert sample.measurement.showers.xy.tolist() == [[0.0, 0.0]]
    assert sample.outside == pytest.approx(0.95 / 2.0)
    assert sample.below_threshold == pytest.approx(0.05 / 1.05)


def test_bad_files_are_refused_in_one_line(
    save: Callable[..., Path], place: Callable[..., Showers], toy: Geometry
) -> None:
    faint = save("faint.h5", place([(0, 0, 0.0, 0.0, 0.01)]))
    with pytest.raises(ValueError, match="no hit above the threshold of geometry 'toy'"):
        _read(faint, toy)
    shifted = save("shifted.h5", place([(0, 0, 3.0, 0.0, 1.0)]))
    with pytest.raises(ValueError, match="3 mm from the cell centres of geometry 'toy'"):
        _read(shifted, toy)
    with pytest.raises(ValueError, match="made in geometry 'toy', not 'ild'"):
        _read(faint, Geometry.load("ild"))


def test_floor_from_the_showers_left_over(
    save: Callable[..., Path], make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    path = save("reference.h5", make_showers(100, seed=1))
    used = split_numbers(100, "test")
    reference = _read(path, toy, used)
    floor = floor_from_rest(reference, toy, left_over(100, used), seed=1)
    assert len(floor.reference) == len(floor.other) == 20
    everything = set(_read(path, toy).measurement.incident.energy.tolist())
    rest = everything - set(reference.measurement.incident.energy.tolist())
    assert set(floor.other.incident.energy.tolist()) <= rest
    ratio = floor.other.incident.energy / reference.measurement.incident.energy
    assert float((ratio.log()).abs().median()) < 0.2


def test_floor_from_halves_where_nothing_is_left(
    save: Callable[..., Path], make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    reference = _read(save("reference.h5", make_showers(50, seed=1)), toy)
    floor = floor_from_rest(reference, toy, left_over(50, torch.arange(50)), seed=1)
    assert len(floor.reference) == len(floor.other) == 25
    assert "two halves of the reference, 25 showers each" in floor.description


def test_floor_from_another_file(
    save: Callable[..., Path], make_showers: Callable[..., Showers], toy: Geometry
) -> None:
    reference = _read(save("reference.h5", make_showers(30, seed=1)), toy)
    again = _read(save("again.h5", make_showers(40, seed=2)[:30]), toy)
    other = _read(save("other.h5", make_showers(60, seed=2, incident_seed=1)), toy)
    assert not same_incident(reference.measurement.incident, other.measurement.incident[:30])
    assert "with the same energy spectrum" in floor_from_file(reference, other).description
    floor = floor_from_file(reference, again)
    assert len(floor.other) == 30
