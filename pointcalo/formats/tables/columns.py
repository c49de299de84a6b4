"""Showers as the columns of a table: what the layouts of ROOT and Parquet share.

A row is a shower, with a list for each quantity of its points. What a table says of itself (units,
kind of points, geometry, source, attributes) is a text in JSON. Foreign tables are read by the same
names; they may also have a row for each point and number their showers in a column `event`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointcalo.formats.conventions import KNOWN_UNITS, ROWS, Conventions
from pointcalo.formats.layouts import Outgoing
from pointcalo.formats.native.layout import Column
from pointcalo.showers import ENERGY, TIME, Showers, X, Y

POINT_COLUMNS = {
    "x": Column("f4", "mm"),
    "y": Column("f4", "mm"),
    "layer": Column("i2", "1"),
    "energy": Column("f4", "MeV"),
    "time": Column("f4", "ns"),
}
DIRECTION = tuple(f"incident_direction_{axis}" for axis in "xyz")
POSITION = tuple(f"incident_position_{axis}" for axis in "xyz")
SHOWER_COLUMNS = {
    "incident_energy": Column("f4", "MeV"),
    **dict.fromkeys(DIRECTION, Column("f4", "1")),
    **dict.fromkeys(POSITION, Column("f4", "mm")),
    "pdg": Column("i4", "1"),
}
COLUMNS = POINT_COLUMNS | SHOWER_COLUMNS
Z = Column("f4", "mm")  # of foreign tables, in place of the layer
EVENT = "event"  # of foreign tables, number of the shower of a point

VERSION = 1
NOT_KEPT = ("layout", "layout_version", "geometry", "geometry_hash", "points", "source")


@dataclass(frozen=True)
class About:
    """What a table says of itself.

    Attributes:
        points: cells or deposits.
        source: who made the showers, in words.
        geometry: name of their geometry; empty where it is not known.
        geometry_hash: its hash; empty where it is not known.
        units: unit of each column.
        attributes: more, by name.
        version: of this description.
    """

    points: str
    source: str
    geometry: str = ""
    geometry_hash: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @classmethod
    def of(cls, outgoing: Outgoing, conventions: Conventions) -> "About":
        """What is to be said of showers that are written."""
        geometry = conventions.geometry
        return cls(
            points=outgoing.points,
            source=outgoing.source,
            geometry=outgoing.geometry_name if geometry is None else geometry.name,
            geometry_hash=outgoing.geometry_hash if geometry is None else geometry.hash,
            units={name: column.unit for name, column in COLUMNS.items()},
            attributes={k: v for k, v in outgoing.attributes.items() if k not in NOT_KEPT},
        )

    def to_text(self) -> str:
        """The description in JSON; arrays keep their type.

        Raises:
            ValueError: an attribute that is no number, text or array of them.
        """
        content = asdict(self) | {"units": dict(self.units)}
        content["attributes"] = {name: _plain(name, v) for name, v in self.attributes.items()}
        return json.dumps(content)

    @classmethod
    def from_text(cls, text: str) -> "About":
        """The inverse of `to_text`.

        Raises:
            ValueError: no such description, or one of a newer version.
        """
        try:
            content = json.loads(text)
            about = cls(**content)
            arrays = {name: _array(value) for name, value in about.attributes.items()}
            texts = (about.points, about.source, about.geometry, about.geometry_hash)
            known = all(isinstance(t, str) for t in (*texts, *about.units.values()))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"description of the showers is not readable: {error}") from error
        if not isinstance(about.version, int) or not 1 <= about.version <= VERSION:
            raise ValueError(
                f"version {about.version} of the description of the showers, this pointcalo reads "
                f"1 to {VERSION}: upgrade pointcalo to read newer files"
            )
        if not known or about.points not in ROWS:
            raise ValueError("description of the showers has a value of the wrong kind")
        return cls(**(content | {"attributes": arrays}))


def columns_of(showers: Showers) -> dict[str, NDArray[Any]]:
    """Columns by name in their stored types: [P] for points, [S] for showers."""
    incident = showers.incident
    values = {
        "x": showers.points[:, X],
        "y": showers.points[:, Y],
        "layer": showers.layer,
        "energy": showers.points[:, ENERGY],
        "time": showers.points[:, TIME],
        "incident_energy": incident.energy,
        **dict(zip(DIRECTION, incident.direction.T, strict=True)),
        **dict(zip(POSITION, incident.position.T, strict=True)),
        "pdg": incident.pdg,
    }
    stored = {name: value.detach().cpu().numpy() for name, value in values.items()}
    return {name: stored[name].astype(column.dtype) for name, column in COLUMNS.items()}


def scale_of(name: str, recorded: str | None, conventions: Conventions, layout: str) -> float:
    """What a column is multiplied by to be native.

    Args:
        name: of the column.
        recorded: unit that the file states for it; None where it states none.
        conventions: what the user says.
        layout: name of the layout, for the error.

    Raises:
        ValueError: the unit is neither recorded nor said, or is no unit of this quantity.
    """
    native = (COLUMNS | {"z": Z})[name].unit
    if recorded is None:
        asked = {"MeV": "energy_unit", "mm": "length_unit"}.get(native)
        if asked is None:
            return 1.0
        if name == "incident_energy":
            asked = "incident_energy_unit"
        return conventions.factor(asked, layout)
    kinds = [known for known in KNOWN_UNITS.values() if native in known] or [{native: 1.0}]
    if recorded not in kinds[0]:
        raise ValueError(
            f"column {name} has unit {recorded!r}, expected {' or '.join(kinds[0])}: convert the "
            "values, a file whose units are unknown is not read"
        )
    return kinds[0][recorded]


def _plain(name: str, value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "biufUO":
        raise ValueError(f"attribute {name} holds {array.dtype}, expected numbers or text")
    return {"dtype": array.dtype.str if array.dtype.kind in "biuf" else "", "value": array.tolist()}


def _array(content: Mapping[str, Any]) -> Any:
    """An attribute as HDF5 gives it back: a text, a scalar or an array."""
    if isinstance(content["value"], str):
        return content["value"]
    return np.array(content["value"], dtype=np.dtype(content["dtype"] or "O"))[()]
