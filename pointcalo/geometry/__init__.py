"""Detector geometries: layers of cells of any layout, as frozen values in a local frame."""

import importlib
from typing import TYPE_CHECKING, Any

from pointcalo.geometry.names import geometry_names

if TYPE_CHECKING:
    from pointcalo.geometry.cartesian import Cartesian
    from pointcalo.geometry.composite import Composite
    from pointcalo.geometry.eta_phi import EtaPhi
    from pointcalo.geometry.geometry import Geometry
    from pointcalo.geometry.hexagonal import Hexagonal
    from pointcalo.geometry.layer import DetectorLayer
    from pointcalo.geometry.placement import Placement
    from pointcalo.geometry.polar import Polar
    from pointcalo.geometry.region import Region
    from pointcalo.geometry.segmentation import Segmentation
    from pointcalo.geometry.table import CellTable

__all__ = [
    "Cartesian",
    "CellTable",
    "Composite",
    "DetectorLayer",
    "EtaPhi",
    "Geometry",
    "Hexagonal",
    "Placement",
    "Polar",
    "Region",
    "Segmentation",
    "geometry_names",
]

_MODULES = {
    "CellTable": "table",
    "DetectorLayer": "layer",
    "EtaPhi": "eta_phi",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the names of geometries are listed without waiting for torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, name.lower())}")
    return getattr(module, name)
