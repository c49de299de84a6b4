"""Models: a profile model, a generator, auxiliary networks and the objective that trains them."""

from pointcalo.models.base import Model, Player

__all__ = ["Model", "Player"]
