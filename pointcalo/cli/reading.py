"""What the user says of files of showers: the keys of `configs/reading/file.yaml`."""

from typing import Any

from omegaconf import DictConfig, ListConfig

from pointcalo.formats.conventions import Conventions
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry, geometry_names

TEXTS = (
    *("layout", "energy_unit", "incident_energy_unit", "length_unit"),
    *("depth", "rows", "incident_particle", "collections", "readout"),
)


def conventions(config: DictConfig, geometry: Geometry | None = None) -> Conventions:
    """What a file does not say of itself.

    Args:
        config: of a command that reads files of showers.
        geometry: the detector, where it is known.

    Raises:
        ValueError: a choice that is none.
    """
    texts = {name: _text(config[name]) for name in TEXTS if config.get(name) is not None}
    entry = config.get("entry_mm", [0.0, 0.0])
    entry = tuple(entry) if isinstance(entry, ListConfig | list) else entry
    return Conventions(geometry=geometry, entry_mm=entry, **texts)


def _text(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, ListConfig) else str(value)


def named_geometry(file: ShowerFile) -> Geometry | None:
    """The geometry that a file names; None where there is none of that name and hash here."""
    if file.geometry_name not in geometry_names():
        return None
    geometry = Geometry.load(file.geometry_name)
    return geometry if file.geometry_hash in ("", geometry.hash) else None
