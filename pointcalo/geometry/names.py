"""Names of geometries and where they are looked for; imports nothing heavy."""

import os
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pointcalo.resources import folder

ENTRY_POINTS = "pointcalo.geometries"
FOLDERS_VARIABLE = "POINTCALO_GEOMETRIES"


def geometry_names() -> list[str]:
    """Names that `Geometry.load` knows, sorted."""
    return sorted(set(geometry_files()) | set(geometry_entry_points()))


def geometry_files() -> dict[str, Path]:
    """File of each name in the folders, the first folder that has it counts."""
    own = [Path(p) for p in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if p]
    found: dict[str, Path] = {}
    for place in (*own, Path("geometries"), folder("geometries")):
        for path in sorted(place.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def geometry_entry_points() -> dict[str, EntryPoint]:
    """Entry points of other packages, each the path of a YAML or a function -> Geometry."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def is_built_in(path: Path) -> bool:
    """Whether a file comes with the package."""
    return path.parent.resolve() == folder("geometries").resolve()
