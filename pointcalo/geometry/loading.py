"""From a name or a file to a geometry; which importer reads a file is seen from the file itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pointcalo.geometry.files import geometry_from, parse_yaml, read_yaml
from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.importers.calochallenge import read_bins
from pointcalo.geometry.importers.cell_columns import SUFFIXES
from pointcalo.geometry.importers.cell_tables import read_table
from pointcalo.geometry.importers.hgcal_modules import is_module_map, read_module_map
from pointcalo.geometry.importers.showerdata import MARK, read_detector_geometry
from pointcalo.geometry.importers.xml_files import read_xml
from pointcalo.geometry.layout import Layout, Supplement
from pointcalo.geometry.names import (
    geometry_entry_points,
    geometry_files,
    geometry_names,
    is_built_in,
)
from pointcalo.units import LENGTHS

PICKLES = (".pkl", ".pickle")
HEAD = 4096
"""Bytes of a file that decide what it is."""


def load_geometry(
    name_or_path: str | Path,
    supplement: Supplement | None = None,
    length_unit: str | None = None,
) -> Geometry:
    """The geometry of a file or a name, see `Geometry.load`.

    Looked for in this order: a file of that path, NAME.yaml in the folders of
    $POINTCALO_GEOMETRIES and in ./geometries, entry points `pointcalo.geometries` (each the path
    of a YAML or a function without arguments that returns a Geometry), the built-in ones.

    Raises:
        ValueError: unknown name, or a mistake in the file or in what supplements it.
    """
    if length_unit not in (None, *LENGTHS):
        raise ValueError(f"geometry_unit is {length_unit!r}; expected mm, cm or m")
    supplement = supplement or Supplement()
    name = str(name_or_path)
    path, _ = _split_choice(name)
    if path.is_file():
        layout = read_layout(name, length_unit)
        try:
            return supplement.complete(layout)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    geometry = _named(name)
    if supplement == Supplement():
        return geometry
    return supplement.complete(Layout.of(geometry, f"geometry {name}"))


def read_layout(name: str | Path, length_unit: str | None = None) -> Layout:
    """What a file says of a detector.

    Args:
        name: path; `FILE.xml#NAME` picks one of several bins (CaloChallenge) or detectors (DD4hep).
        length_unit: mm, cm or m, of lengths of a table whose unit it does not record.

    Raises:
        ValueError: anything wrong in it, in one line that names it.
        OSError: there is no such file.
    """
    path, choice = _split_choice(str(name))
    try:
        return _importer(path)(path, choice, length_unit)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.filename == str(path):
            raise
        text = " ".join(str(error).split())
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deeply to be a detector") from error


def _split_choice(name: str) -> tuple[Path, str]:
    """Path and what follows a `#`, if the name as a whole is no file."""
    path, mark, choice = name.rpartition("#")
    return (Path(path), choice) if mark and not Path(name).exists() else (Path(name), "")


def _named(name: str) -> Geometry:
    path, point = geometry_files().get(name), geometry_entry_points().get(name)
    if point is not None and (path is None or is_built_in(path)):
        found = point.load()
        return found() if callable(found) else load_geometry(Path(found))
    if path is not None:
        return read_yaml(path)
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder; expected a file or a name")
    known = ", ".join(geometry_names())
    raise ValueError(f"no geometry {name!r}: neither a file nor one of {known}")


def _importer(path: Path) -> Callable[[Path, str, str | None], Layout]:
    """The importer for a file, by its first bytes and its suffix."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip():
        raise ValueError("is empty; expected a detector")
    suffix = path.suffix.lower()
    if suffix in PICKLES or (head[:1] == b"\x80" and head[1:2] <= b"\x05"):
        raise ValueError(
            "is a pickle, which can run any program when it is read and is never loaded; "
            "export its cells as CSV, NPZ or HDF5"
        )
    if suffix in SUFFIXES:
        return _table
    if suffix == ".xml" or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return _xml
    if is_module_map(head.split(b"\n", 1)[0].decode("utf-8", errors="replace")):
        return _module_map
    return _yaml


def _table(path: Path, choice: str, length_unit: str | None) -> Layout:
    return read_table(path, length_unit)


def _module_map(path: Path, choice: str, length_unit: str | None) -> Layout:
    return read_module_map(path)


def _xml(path: Path, choice: str, length_unit: str | None) -> Layout:
    root = read_xml(path)
    if root.tag == "Bins":
        return read_bins(root, path.stem, choice)
    if root.tag == "lccdd":
        from pointcalo.geometry.importers.dd4hep import read_dd4hep

        geometry = read_dd4hep(path, choice or None)
        return replace(Layout.of(geometry, "DD4hep compact XML"), threshold=None)
    raise ValueError(
        f"has the root <{root.tag:.40}>; expected <Bins> (CaloChallenge) or <lccdd> (DD4hep)"
    )


def _yaml(path: Path, choice: str, length_unit: str | None) -> Layout:
    content = parse_yaml(path)
    if isinstance(content, dict) and MARK in content:
        return read_detector_geometry(content)
    return Layout.of(geometry_from(content, path.parent), "pointcalo YAML")
