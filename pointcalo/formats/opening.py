"""Opening a file of showers whatever its layout."""

from collections.abc import Sequence
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


def matching(pattern: str | Path) -> list[Path]:
    """The file of that name, or the files that match a glob pattern, in the order of names."""
    path = Path(pattern).expanduser()
    matches = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return [path] if path.exists() else sorted(matches)


def open_files(
    source: str | Path | Sequence[str | Path], conventions: Conventions | None = None
) -> list[ShowerFile]:
    """Open files by their names or by glob patterns, those of a pattern in the order of names.

    Args:
        source: file, glob pattern, or several of them.
        conventions: what the files do not say.

    Raises:
        OSError: a pattern that matches none, and as `open_showers`.
        ValueError: an empty list, and as `open_showers`.
    """
    found: list[ShowerFile] = []
    for pattern in [source] if isinstance(source, str | Path) else source:
        paths = matching(pattern)
        if not paths:
            raise FileNotFoundError(f"{pattern}: no such file, and no file matches it")
        found += [open_showers(path, conventions) for path in paths]
    if not found:
        raise ValueError("no files of showers given: got an empty list")
    return found
