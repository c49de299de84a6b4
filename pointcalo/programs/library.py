"""Libraries in C++, compiled for this machine when they are first needed."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parent / "cpp"
FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-pthread"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-fno-semantic-interposition", "--param=inline-unit-growth=200"),
    "--param=max-inline-insns-auto=100",  # calls within the library vanish
)
COMPILERS = ("g++", "clang++")


@cache
def library(source: Path) -> ctypes.CDLL:
    """The library of a source file, kept in the user's cache for the next time.

    Args:
        source: file whose headers lie beside it.

    Raises:
        OSError: there is no C++ compiler, it fails, or the cache cannot be written.
    """
    compiler = _compiler()
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache_home / "pointcalo" / "compiled" / f"{_fingerprint(compiler, source)}.so"
    if not built.exists():
        _build(compiler, source, built)
    return ctypes.CDLL(str(built))


def _compiler() -> str:
    wanted = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    found = next((path for path in map(shutil.which, wanted) if path), None)
    if found is None:
        raise OSError(
            f"a C++ compiler is needed, and there is no {' or '.join(wanted)}; install one, name "
            "one in $CXX, or take another engine or format"
        )
    return found


def _fingerprint(compiler: str, source: Path) -> str:
    """Of sources, flags, compiler and processor: a library runs on the machine it was built for."""
    command = [compiler, "-march=native", "-dM", "-E", "-x", "c++", os.devnull]
    parts = [path.read_bytes() for path in sorted([source, *source.parent.glob("*.hpp")])]
    parts += [" ".join(FLAGS).encode(), subprocess.run(command, capture_output=True).stdout]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _build(compiler: str, source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [compiler, *FLAGS, str(source), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            raise OSError(
                f"{source.name}: {compiler} failed: {' '.join(errors[:1])}; take another "
                "compiler ($CXX), or another engine or format"
            )
        made.replace(path)
