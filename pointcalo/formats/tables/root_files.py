"""Opening ROOT files through uproot so that every fault is one line that names the file.

Source: uproot, https://uproot.readthedocs.io.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pointcalo.formats.hdf5 import check_file


def uproot_module() -> ModuleType:
    """The package uproot, which takes long to import.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import uproot
    except ImportError as error:
        raise ValueError(
            "ROOT files need the package uproot: pip install 'pointcalo[root]'"
        ) from error
    return uproot


@contextmanager
def root_file(path: Path) -> Iterator[Any]:
    """A ROOT file to read, as uproot opens it.

    Raises:
        FileNotFoundError, PermissionError, OSError: each with one line that names the file.
    """
    uproot = uproot_module()
    check_file(path)
    with damage_named(path), uproot.open({str(path): None}) as file:
        yield file


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Give an error of uproot in the block (damaged data) one line that names the file."""
    try:
        yield
    except PermissionError as error:
        raise PermissionError(f"{path}: no permission to read it") from error
    # What a damaged file makes of uproot's reading of it is any error at all.
    except Exception as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise OSError(
            f"{path}: damaged, or nothing that uproot reads ({reason}): fetch or make it again"
        ) from error
