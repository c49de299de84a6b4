"""Opening a file of showers whatever its layout."""

from pathlib import Path

from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import layout_named, layout_of
from pointcalo.formats.shower_file import ShowerFile


def open_showers(path: str | Path, conventions: Conventions | None = None) -> ShowerFile:
    """Open a file of showers by what it says of itself, or as the layout that the user names.

    Args:
        path: file.
        conventions: what the file does not say.

    Raises:
        OSError: not there, no permission, damaged.
        ValueError: of no layout that is known, or the user must say more.
    """
    conventions = conventions or Conventions()
    layout = layout_named(conventions.layout) if conventions.layout else layout_of(path)
    return layout.open(Path(path), conventions)
