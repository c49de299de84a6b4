"""Detector geometries: layers of cells of any layout, as frozen values in a local frame."""

from pointcalo.geometry.cartesian import Cartesian
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.eta_phi import EtaPhi
from pointcalo.geometry.files import geometry_names
from pointcalo.geometry.geometry import Geometry, Region
from pointcalo.geometry.hexagonal import Hexagonal
from pointcalo.geometry.layer import DetectorLayer
from pointcalo.geometry.polar import Polar
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
    "Polar",
    "Region",
    "Segmentation",
    "geometry_names",
]
