"""Projection: points to the cells of a geometry, cells to those of another and to dense images."""

from pointcalo.projection.eta_phi import EtaPhi
from pointcalo.projection.images import depth_groups, images, layer_groups, to_points
from pointcalo.projection.projector import CountingProjector, Projector
from pointcalo.projection.resegmentation import Resegmentation
from pointcalo.projection.transfer import Transfer
from pointcalo.projection.windows import Rectangle, Rings, Window

__all__ = [
    "CountingProjector",
    "EtaPhi",
    "Projector",
    "Rectangle",
    "Resegmentation",
    "Rings",
    "Transfer",
    "Window",
    "depth_groups",
    "images",
    "layer_groups",
    "to_points",
]
