"""Showers on cells of another size or kind than those that a generator was trained on."""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.networks.profile import Profile
from pointcalo.projection import Transfer
from pointcalo.sampling.beyond import BeyondEdges
from pointcalo.sampling.same_cells import area_ratio
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

LARGEST_RATIO = 1.25  # of areas, up to which a generator lights the other cells better itself


class OtherCells:
    """Showers of a model's own lattice on that of another geometry.

    Hits are carried over (`Transfer`), which gives each layer as many as it has on the other cells.
    Where these are about as large as the own ones, the generator then lights them anew, with this
    number and energy; but not in showers near an edge.

    Args:
        model: as trained.
        geometry: with the same layers and other cells.

    Attributes:
        transfer: from the cells of the model to those of the geometry.
        lights: whether the generator lights the other cells.
    """

    def __init__(self, model: Model, geometry: Geometry) -> None:
        own = model.profile.geometry
        self.transfer = Transfer(own, geometry)
        self.lights = area_ratio(own, geometry) <= LARGEST_RATIO
        self.model = model.on(geometry)
        self.beyond = BeyondEdges(self.model)

    def __call__(
        self, showers: Showers, latent: Tensor, noise: Noise, near: Tensor
    ) -> tuple[Showers, Tensor]:
        """Put showers on the other cells.

        Args:
            showers: S showers of the model.
            latent: [S, Z], as for these.
            noise: keys of the S showers.
            near: which showers are near an edge of the model's own geometry, bool [S].

        Returns:
            (showers on the other cells; share of each shower's energy outside them, [S]).
        """
        there, outside = self.transfer(showers, noise)
        near = near | self.beyond.near(showers.incident)
        if not self.lights or bool(near.all()):
            return there, outside
        away, close = (~near).nonzero()[:, 0], near.nonzero()[:, 0]
        chosen = there[away]
        profile = Profile.of(chosen, self.transfer.target)
        lit = self.model.generate(latent[away], chosen.incident, profile, noise[away])
        return Showers.cat([lit, there[close]])[torch.cat([away, close]).argsort()], outside
