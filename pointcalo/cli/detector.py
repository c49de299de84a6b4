"""The detector of a command: `geometry=` with the keys of `configs/detector/file.yaml`."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from pointcalo.geometry import Geometry

SAID = {
    "layer_z_mm": "layer_z_mm",
    "stack": "stack",
    "threshold_MeV": "threshold_MeV",
    "geometry_unit": "length_unit",
}
"""Keys of a command, each with the argument of `Geometry.load` that it is."""


def given_geometry(config: Mapping[str, Any]) -> Geometry | None:
    """The geometry that a command is given, None where `geometry` is null."""
    return None if config["geometry"] is None else load_geometry(config)


def load_geometry(config: Mapping[str, Any], name: str | None = None) -> Geometry:
    """The geometry that a command is given.

    Args:
        config: with the keys of `SAID`, as far as they are given.
        name: name or file; None: `config["geometry"]`.

    Raises:
        ValueError: see `Geometry.load`.
    """
    said = {argument: config.get(key) for key, argument in SAID.items()}
    plain = {
        argument: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
        for argument, value in said.items()
    }
    return Geometry.load(config["geometry"] if name is None else name, **plain)
