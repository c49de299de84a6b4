"""Exit codes and messages of exceptions that need no command."""

from pathlib import Path

import h5py
import hydra
import pytest
from hydra.errors import InstantiationException

from pointcalo.cli.errors import explain


def test_hdf5_error_names_file_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "showers.h5"
    with pytest.raises(OSError, match="Unable to") as caught:
        h5py.File(path, "w")
    assert explain(caught.value) == (2, f"{path}: No such file or directory")


def test_file_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "absent").read_text()
    assert explain(caught.value) == (2, f"{tmp_path / 'absent'}: No such file or directory")


def test_mistake_in_an_instantiated_section_is_told_without_hydras_frame() -> None:
    with pytest.raises(InstantiationException) as caught:
        hydra.utils.instantiate({"_target_": "builtins.int", "_args_": ["x"]})
    assert explain(caught.value) == (2, "invalid literal for int() with base 10: 'x'")


def test_unknown_target_is_the_users_mistake() -> None:
    with pytest.raises(InstantiationException) as caught:
        hydra.utils.instantiate({"_target_": "no.such.Thing"})
    code, line = explain(caught.value)
    assert code == 2
    assert "no.such.Thing" in line and "\n" not in line


def test_message_of_an_error_with_a_cause_is_kept() -> None:
    error = ValueError("showers: got 'x', expected a whole number")
    error.__cause__ = ValueError("invalid literal")
    assert explain(error) == (2, "showers: got 'x', expected a whole number")
