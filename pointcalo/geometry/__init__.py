"""Detector geometries: layers of cells of any layout, as frozen values in a local frame."""

from pointcalo.geometry.cartesian import Cartesian
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.files import geometry_names
from pointcalo.geometry.geometry import Geometry, Region
from pointcalo.geometry.hexagonal import Hexagonal
from pointcalo.geometry.layer import DetectorLayer
from pointcalo.geometry.segmentation import Segmentation

__all__ = [
    "Cartesian",
    "Composite",
    "DetectorLayer",
    "Geometry",
    "Hexagonal",
    "Region",
    "Segmentation",
    "geometry_names",
]
