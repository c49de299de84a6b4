"""What a cellID says of a hit in an EDM4hep file: stave, layer, and the place that is read out."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

from pointcalo.formats.conventions import Conventions
from pointcalo.formats.edm4hep.cell_id import CellID
from pointcalo.formats.edm4hep.events import Hits
from pointcalo.geometry import Placement

NAME = "EDM4hep"
SLOT = ("system", "barrel", "side", "stave", "module", "tower", "layer")


def placement_of(conventions: Conventions) -> Placement:
    """Where the detector stands.

    Raises:
        ValueError: the geometry does not say so, or the user names units that are not EDM4hep's.
    """
    geometry = conventions.need_geometry(NAME)
    for key, unit in (
        ("energy_unit", "GeV"),
        ("incident_energy_unit", "GeV"),
        ("length_unit", "mm"),
    ):
        if getattr(conventions, key) not in ("", unit):
            raise ValueError(f"{key}: {NAME} files are in {unit}, leave it out")
    if geometry.placement is None:
        raise ValueError(
            f"geometry {geometry.name!r} does not say where the detector stands: give its file the "
            "key placement (docs/geometries.md), as in placement: {kind: endcap, face_mm: 0}"
        )
    return geometry.placement


def cell_id_of(text: str, path: Path) -> CellID:
    """The fields of cellIDs, which name the layer.

    Raises:
        ValueError: no such description, or one without a layer.
    """
    cells = CellID(text)
    if "layer" not in cells.fields:
        raise ValueError(f"{path}: readout {text!r} has no field 'layer'")
    return cells


def stave_field(cells: CellID) -> str:
    """The field of cellIDs that numbers the staves.

    Raises:
        ValueError: there is none.
    """
    for name in ("stave", "module"):
        if name in cells.fields:
            return name
    raise ValueError(f"readout {cells.text!r} has no field 'stave' or 'module'")


def check_slots(path: Path, cells: Mapping[str, CellID], hits: Mapping[str, Hits]) -> None:
    """Refuse two collections that read out the same layer of the same module.

    Args:
        path: file, for the error.
        cells: fields of the cellIDs by collection.
        hits: some hits by collection.

    Raises:
        ValueError: they share a place.
    """
    for (one, first), (other, second) in combinations(hits.items(), 2):
        names = [n for n in SLOT if n in cells[one].fields and n in cells[other].fields]
        slots = _slots(cells[one], first, names) & _slots(cells[other], second, names)
        if slots:
            place = ", ".join(f"{n} {v}" for n, v in zip(names, min(slots), strict=True))
            raise ValueError(
                f"{path}: collections {one} and {other} both have hits in {place}: they are "
                "readouts of the same place and are never added, name one of them"
            )


def _slots(cells: CellID, hits: Hits, names: list[str]) -> set[tuple[int, ...]]:
    columns = np.stack([cells.decode(name, hits.cell_id) for name in names], axis=1)
    return {tuple(row) for row in np.unique(columns, axis=0).tolist()}
