"""Wheel, sdist and metadata: built, installed elsewhere, run from the root of the file system."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pointcalo
from pointcalo.cli.main import main
from pointcalo.resources import folder, resource_path

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel alone is installed; its dependencies are this Python's."""
    target = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    return target


def _run(installed: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    result = subprocess.run(
        [sys.executable, *command], cwd="/", env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _files(name: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix() for path in (ROOT / name).rglob("*") if path.is_file()
    }


def test_wheel_holds_all_configurations_and_geometries(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = _files("configs") | _files("geometries")
    assert data
    assert {f"pointcalo/_data/{name}" for name in data} <= names
    assert not {name for name in names if name.startswith("tests")}


def test_sdist_holds_tests_and_build_files(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    top = f"pointcalo-{pointcalo.__version__}/"
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(top) for name in archive.getnames()}
    assert {"Makefile", "LICENSE", "README.md", "tests/test_packaging.py"} <= names
    assert _files("configs") | _files("geometries") <= names


def test_installed_package_reads_its_own_files(installed: Path) -> None:
    program = "from pointcalo.resources import folder; print(folder('configs'))"
    assert _run(installed, "-c", program).strip() == str(installed / "pointcalo/_data/configs")


def test_installed_command_runs_from_the_root(installed: Path, tmp_path: Path) -> None:
    script = str(installed / "bin" / "pointcalo")
    assert _run(installed, script, "--version") == f"pointcalo {pointcalo.__version__}\n"
    assert "hgcal" in _run(installed, script, "geometry", "list")
    output = tmp_path / "showers.h5"
    _run(installed, script, "simulate", "geometry=toy", "showers=2", f"output={output}")
    assert [path.name for path in tmp_path.iterdir()] == ["showers.h5"]


def test_command_is_an_entry_point() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="pointcalo")
    assert script.load() is main


def test_versions_agree() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == pointcalo.__version__
    assert importlib.metadata.version("pointcalo") == pointcalo.__version__


def test_dependencies_have_lower_bounds_only() -> None:
    requirements = importlib.metadata.requires("pointcalo")
    assert not [text for text in requirements if re.search("[<~!]|==(?! ?['\"])", text)]


def test_unknown_resource_says_where_it_was_looked_for() -> None:
    with pytest.raises(FileNotFoundError, match=r"no_such is not part of this installation"):
        resource_path("no_such")
    with pytest.raises(FileNotFoundError, match="expected a folder"):
        folder("pyproject.toml")
