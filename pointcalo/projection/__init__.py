"""Projection: points to the cells of a geometry, cells to dense images."""

from pointcalo.projection.images import Window, images, to_points
from pointcalo.projection.projector import CountingProjector, Projector

__all__ = ["CountingProjector", "Projector", "Window", "images", "to_points"]
