"""tools/cpp: an exported generator in C++, without Python."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import pointcalo

SOURCE = Path(__file__).parents[2] / "tools" / "cpp"
COMPILERS = [os.environ.get("CXX", "c++"), "c++", "g++", "clang++"]
PARTICLE = ["--energy_GeV", "3", "--direction", "0.6", "0", "3", "--position", "1.5", "-2"]

pytestmark = [
    pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake"),
    pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="needs a C++ compiler"),
    pytest.mark.timeout(900),  # the headers of LibTorch take a minute to compile
]


@pytest.fixture(scope="module")
def exported(run: Path, export: Callable[..., Path]) -> Path:
    return export(run, "licence=CC-BY-4.0")


@pytest.fixture(scope="module")
def compiled(run: Path, export: Callable[..., Path]) -> Path:
    return export(run, "format=cpp")


@pytest.fixture(scope="module")
def field_run(
    train: Callable[..., Path], field_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "field"
    return train(folder, f"data={field_data}", "conditions=[field]")


@pytest.fixture(params=["torchscript", "cpp"])
def either(request: pytest.FixtureRequest, exported: Path, compiled: Path) -> Path:
    return {"torchscript": exported, "cpp": compiled}[request.param]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built(tmp_path_factory.mktemp("cpp"), torch.utils.cmake_prefix_path)


def _built(build: Path, prefix: str) -> Path:
    prefix = f"-DCMAKE_PREFIX_PATH={prefix}"
    for step in (["-S", str(SOURCE), "-B", str(build), prefix], ["--build", str(build)]):
        done = subprocess.run(["cmake", *step], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning:" not in done.stderr, done.stderr
    return build / "generate_showers"


def _run(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def _written(program: Path, folder: Path, output: Path, *more: str) -> str:
    """What it prints."""
    done = _run(program, folder, *PARTICLE, "--output", output, *more)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in output.parent.glob(f".{output.name}*")] == []
    return done.stdout


def test_showers_are_those_of_python(program: Path, either: Path, tmp_path: Path) -> None:
    said = _written(program, either, tmp_path / "hits.csv", "--showers", "30", "--seed", "5")
    generator = pointcalo.load(either)
    own = generator.sample([3.0] * 30, direction=[0.6, 0, 3], position=[1.5, -2], seed=5)
    assert f"30 showers in toy, {len(own.cell)} hits, threads: 1, " in said
    assert len(said.splitlines()) == 1
    rows = np.genfromtxt(tmp_path / "hits.csv", delimiter=",", names=True)
    assert rows["shower"].tolist() == np.repeat(np.arange(30), np.diff(own.ptr)).tolist()
    assert rows["layer"].tolist() == own.layer.tolist()
    assert rows["cell"].tolist() == own.cell.tolist()
    for column in ("x_mm", "y_mm", "energy_MeV", "time_ns"):
        values = getattr(own, column.partition("_")[0])
        np.testing.assert_allclose(rows[column], values, rtol=1e-6, atol=1e-6)


def test_threads_change_nothing_and_batches_last_digits(
    program: Path, either: Path, tmp_path: Path
) -> None:
    asked = ["--showers", "30", "--batch"]
    _written(program, either, tmp_path / "one.csv", *asked, "10")
    _written(program, either, tmp_path / "two.csv", *asked, "10", "--threads", "2")
    _written(program, either, tmp_path / "seven.csv", *asked, "7", "--threads", "2")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    one, seven = (
        np.loadtxt(tmp_path / name, delimiter=",", skiprows=1) for name in ("one.csv", "seven.csv")
    )
    assert (one[:, :3] == seven[:, :3]).all()
    # products of matrices of another size are rounded in another way
    np.testing.assert_allclose(one[:, 3:], seven[:, 3:], rtol=1e-5)


@pytest.mark.parametrize("kind", ["torchscript", "cpp"])
def test_conditions(
    program: Path, field_run: Path, export: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    folder = export(field_run, f"format={kind}")
    _written(program, folder, tmp_path / "hits.csv", "--showers", "9", "--condition", "field=3.5")
    rows = np.genfromtxt(tmp_path / "hits.csv", delimiter=",", names=True)
    generator, particle = pointcalo.load(folder), {"direction": [0.6, 0, 3], "position": [1.5, -2]}
    own, other = (
        generator.sample([3.0] * 9, **particle, conditions={"field": tesla}) for tesla in (3.5, 0.5)
    )
    assert rows["cell"].tolist() == own.cell.tolist() != other.cell.tolist()
    np.testing.assert_allclose(rows["energy_MeV"], own.energy, rtol=1e-6)
    asked = [folder, "--showers", "1", *PARTICLE, "--output", tmp_path / "more.csv"]
    done = _run(program, *asked, "--condition", "field=9")
    assert done.returncode == 0 and done.stderr.startswith("generate_showers: warning: ")
    assert "field of 0 to 3.9" in done.stderr and done.stderr.endswith(" T, got 9\n")
    _refused(_run(program, *asked), "--condition: got none, expected field")
    unknown = ["--condition", "field=9", "--condition", "tilt=1"]
    _refused(_run(program, *asked, *unknown), "--condition: got field, tilt, expected field")
    twice = ["--condition", "field=1", "--condition", "field=2"]
    _refused(_run(program, *asked, *twice), "--condition: got field twice")


def test_outside_the_training_is_never_silent(
    program: Path, exported: Path, tmp_path: Path
) -> None:
    asked = ["--showers", "1", "--energy_GeV", "50", "--output", tmp_path / "hits.csv"]
    done = _run(program, exported, *asked, "--direction", "2", "0", "1")
    energy, angle = done.stderr.splitlines()
    assert done.returncode == 0
    assert "warning: particles outside the training: energy of 1" in energy and "got 50" in energy
    assert "angle to the normal of" in angle and angle.endswith("degrees, got 63.4349")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--showers", "0"], "--showers: got 0, expected 1 or more"),
        (["--showers", "ten"], "--showers: got 'ten', expected a whole number"),
        (["--showers"], "--showers: got nothing, expected a value"),
        (["--energy_GeV", "-1"], "--energy_GeV: expected a positive number"),
        (["--energy_GeV", "nan"], "--energy_GeV: got 'nan', expected a number"),
        (["--direction", "1", "0", "0"], "--direction: expected one that crosses the layers"),
        (["--pdg", "13"], "--pdg: got 13, expected 22"),
        (["--threads", "0"], "--threads: got 0, expected 1 or more"),
        (["--condition", "field"], "--condition: got 'field', expected NAME=NUMBER"),
        (["--condition", "field=two"], "field: got 'two', expected a number"),
        (["--condition", "field=2"], "--condition: got field, expected none"),
        (["--colour", "red"], "--colour: unknown option; --help lists them"),
        (["another"], "another: expected one FOLDER, got two"),
        (["--output", "nowhere/hits.csv"], "nowhere/hits.csv: no folder nowhere, make it first"),
        (["--output", "/dev/null"], "/dev/null: is a folder, device or pipe"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    program: Path, exported: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    given = ["--showers", "2", *PARTICLE, "--output", tmp_path / "hits.csv"]
    _refused(_run(program, exported, *given, *more), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", None, "no generator.yaml in it; expected an exported generator"),
        ("", "hello\n", "got the line 'hello', expected `key: value`"),
        ("", "a: 1\n", "no pointcalo_generator in it"),
        ("pointcalo_generator: 1", "pointcalo_generator: 2", "got 2, expected 1"),
        ("format: torchscript", "format: onnx", "got onnx, expected cpp or torchscript"),
        ("- name: cell\n", "- name: number\n", "outputs: got ptr, layer, number, points, expected"),
        ("\nconditions: {}", "\nconditions:\n  field", "got 'field', expected `name: unit`"),
        ("\npdg:\n- 22", "\npdg: [22]", "pdg: no line begins with '- '"),
        ("- name: ptr", "- name: ptr", "generator.pt: missing; expected it beside generator.yaml"),
    ],
)
def test_foreign_and_damaged_folders(
    program: Path, exported: Path, tmp_path: Path, old: str, new: str | None, message: str
) -> None:
    folder = tmp_path / "generator"
    folder.mkdir()
    text = (exported / "generator.yaml").read_text()
    if new is not None:
        assert old in text
        (folder / "generator.yaml").write_text(text.replace(old, new) if old else new)
    done = _run(program, folder, "--showers", "2", *PARTICLE, "--output", tmp_path / "hits.csv")
    _refused(done, message)
    assert [path.name for path in tmp_path.iterdir()] == ["generator"]


def test_without_libtorch(
    exported: Path, compiled: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = _built(tmp_path_factory.mktemp("alone"), "nowhere")
    _written(program, compiled, tmp_path / "hits.csv", "--showers", "3")
    done = _run(program, exported, "--showers", "2", *PARTICLE, "--output", tmp_path / "2.csv")
    _refused(done, "built without LibTorch; expected format cpp")


def test_damaged_tables(program: Path, compiled: Path, tmp_path: Path) -> None:
    shutil.copytree(compiled, tmp_path / "cut")
    tables, said = (tmp_path / "cut" / name for name in ("generator.safetensors", "generator.yaml"))
    whole, text = tables.read_bytes(), said.read_text()
    for damaged, message in (
        (whole[:5000], "missing or damaged ("),
        (whole[:5], "missing or damaged (it cannot be read)"),
        (whole.replace(b"F64", b"F32", 1), "has another type or size"),
        (whole.replace(b'"latent"', b'"mutant"', 1), "no entry latent"),
        (b"\xff" * 100, "its head is too long"),
    ):
        tables.write_bytes(damaged)
        said.write_text(text)
        run = program, tables.parent, "--showers", "2", *PARTICLE, "--output", tmp_path / "x.csv"
        _refused(_run(*run), "generator.safetensors: damaged, or not the file that was exported")
        digests = (hashlib.sha256(part).hexdigest() for part in (whole, damaged))
        said.write_text(text.replace(*digests))
        _refused(_run(*run), message)


def _refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
