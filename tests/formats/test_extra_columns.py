"""Extra columns of incident particles in files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.formats import ShowerStream, open_showers, write
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

FIELD = torch.linspace(2.0, 4.0, 50)


@pytest.fixture
def showers(make_showers: Callable[..., Showers]) -> Showers:
    made = make_showers()
    return made.replace(incident=replace(made.incident, extra={"magnetic_field": FIELD}))


def save(path: Path, showers: Showers, toy: Geometry) -> Path:
    units = {"magnetic_field": "T"}
    write(path, showers, geometry_name=toy.name, geometry_hash="", source="me", extra_units=units)
    return path


def test_there_and_back_with_the_unit(showers: Showers, toy: Geometry, tmp_path: Path) -> None:
    file = open_showers(save(tmp_path / "a.h5", showers, toy))
    assert file.extra_units == {"magnetic_field": "T"} and file.left_out == ()
    assert torch.equal(file.incident().extra["magnetic_field"], FIELD)
    some = file.read(torch.tensor([7, 3]))
    assert torch.equal(some.incident.extra["magnetic_field"], FIELD[[7, 3]])


def test_columns_that_others_wrote(showers: Showers, toy: Geometry, tmp_path: Path) -> None:
    """Numbers that single precision holds are columns; the rest is named."""
    path = save(tmp_path / "a.h5", showers, toy)
    with h5py.File(path, "a") as raw:
        raw["incident/tilt"] = np.linspace(0, 1, 50)
        raw["incident/number"] = np.arange(50) + 2**25
        raw["incident/broken"] = np.full(50, np.nan)
        raw["incident/place"] = np.zeros((50, 3))
        raw["incident/words"] = np.full(50, b"a")
    file = open_showers(path)
    assert file.extra_units == {"magnetic_field": "T", "tilt": ""}
    named = "broken, incident/number, incident/place, incident/words"
    assert file.left_out == (f"data sets incident/{named}",)
    assert file.read(slice(0, 2)).incident.extra["tilt"].dtype == torch.float32


def test_batches_must_agree(showers: Showers, toy: Geometry, tmp_path: Path) -> None:
    bare = showers.replace(incident=showers.incident.only([]))
    with pytest.raises(ValueError, match="no column magnetic_field; there are: none"):
        write(tmp_path / "a.h5", [showers, bare], geometry_name="t", geometry_hash="", source="me")
    assert not (tmp_path / "a.h5").exists()


def test_converted_or_named(
    showers: Showers,
    toy: Geometry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("a.h5"), showers, toy)
    assert main(["inspect", "a.h5"]) == 0
    assert "incident/magnetic_field  2 to 4 T\n" in capsys.readouterr().out
    assert main(["convert", "input=a.h5", "output=b.h5"]) == 0
    assert "dropped" not in capsys.readouterr().out
    file = open_showers("b.h5")
    assert file.extra_units == {"magnetic_field": "T"}
    assert torch.equal(file.incident().extra["magnetic_field"], FIELD)
    assert main(["convert", "input=a.h5", "output=c.parquet", "format=parquet"]) == 0
    assert "columns incident/magnetic_field\n" in capsys.readouterr().out


def test_streams_keep_the_conditions(showers: Showers, toy: Geometry, tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5", showers, toy)
    for source in (str(path), showers):
        stream = ShowerStream(source, batch=5, conditions=["magnetic_field"])
        for batch in stream:
            expected = FIELD[batch.incident.energy.long() - 1]
            assert torch.equal(batch.incident.extra["magnetic_field"], expected)
        assert next(iter(ShowerStream(source, batch=5))).incident.extra == {}
    assert ShowerStream(str(path), batch=5, conditions=["magnetic_field"]).units == {
        "magnetic_field": "T"
    }


def test_missing_conditions_are_named(showers: Showers, toy: Geometry, tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5", showers, toy)
    with pytest.raises(ValueError, match=r"a\.h5: no column incident/gap .*: magnetic_field"):
        ShowerStream(str(path), batch=5, conditions=["gap"])
    other = tmp_path / "b.h5"
    write(other, showers, geometry_name="toy", geometry_hash="", source="me")
    with pytest.raises(ValueError, match=r"b\.h5: incident/magnetic_field has unit '', elsewhere"):
        ShowerStream([str(path), str(other)], batch=5, conditions=["magnetic_field"])
