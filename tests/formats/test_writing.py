"""Writing: piece by piece, complete or not at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pointcalo.formats import NativeFile, NativeWriter, write
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.showers import Showers

MakeShowers = Callable[..., Showers]
MADE = {"geometry_name": "toy", "geometry_hash": "ab", "source": "random"}


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_stream_of_batches(make_showers: MakeShowers, tmp_path: Path, compression: str) -> None:
    showers = make_showers(2000)
    batches = (showers[first : first + 300] for first in range(0, 2000, 300))
    path = tmp_path / "a.h5"
    extra = {"physics": "none", "geometry": "not this one"}
    assert write(path, batches, **MADE, attributes=extra, compression=compression) == 2000
    file = NativeFile(path)
    assert torch.equal(file.read().points, showers.points)
    assert torch.equal(file.offset, showers.ptr)
    assert file.attributes["physics"] == "none" and file.geometry_name == "toy"
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_error_on_the_way_leaves_the_old_file(make_showers: MakeShowers, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, make_showers(3), **MADE)

    def batches() -> Iterator[Showers]:
        yield make_showers(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, batches(), **MADE)
    assert len(NativeFile(path)) == 3
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """Python's own handler of Ctrl-C: a shell lets what it runs in the background ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_while_hdf5_writes(
    make_showers: MakeShowers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    write(path, make_showers(3), **MADE)
    really = SteadyFile.write

    def interrupted(file: SteadyFile, content: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return really(file, content)

    monkeypatch.setattr(SteadyFile, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, [make_showers(500), make_showers(500)], **MADE)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(NativeFile(path)) == 3
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_no_showers_no_file(make_showers: MakeShowers, tmp_path: Path) -> None:
    for showers in (make_showers(3)[:0], []):
        with pytest.raises(ValueError, match=r"a.h5: no showers to write"):
            write(tmp_path / "a.h5", showers, **MADE)
    assert not list(tmp_path.iterdir())


def test_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="points: got 'hits', expected cells or deposits"):
        NativeWriter(tmp_path / "a.h5", **MADE, points="hits")
    with pytest.raises(ValueError, match="compression: got 'zip', expected gzip or lzf"):
        NativeWriter(tmp_path / "a.h5", **MADE, compression="zip")


def test_nowhere_to_write(make_showers: MakeShowers, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere, make it first"):
        write(tmp_path / "nowhere" / "a.h5", make_showers(2), **MADE)
    with pytest.raises(IsADirectoryError, match="is a folder, expected the name of a file"):
        write(tmp_path, make_showers(2), **MADE)


def test_a_pipe_is_not_replaced(make_showers: MakeShowers, tmp_path: Path) -> None:
    path = tmp_path / "pipe.h5"
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"pipe.h5: is a device or a pipe, expected the name of"):
        write(path, make_showers(2), **MADE)
    assert path.is_fifo() and len(list(tmp_path.iterdir())) == 1


def test_no_permission(make_showers: MakeShowers, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    try:
        (folder / "probe").touch()
    except PermissionError:
        with pytest.raises(PermissionError, match=r"a.h5: could not be written: Permission"):
            write(folder / "a.h5", make_showers(2), **MADE)
    else:
        pytest.skip("this user may write anywhere")


FULL_DISK = """
import resource, sys
from pointcalo.formats import NativeFile, write
showers = NativeFile(sys.argv[1]).read()
made = dict(geometry_name="toy", geometry_hash="", source="random")
for size in (0, 1000, 20_000, 200_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write(sys.argv[2], (showers for _ in range(30)), **made)
    except OSError as error:
        print(error)
"""


def test_full_disk(make_showers: MakeShowers, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; HDF5 alone would crash at the end."""
    source = tmp_path / "a.h5"
    write(source, make_showers(300), **MADE)
    folder = tmp_path / "full"
    folder.mkdir()
    target = folder / "b.h5"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, source, target],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{target}: could not be written: File too large\n" * 4
    assert not list(folder.iterdir())
