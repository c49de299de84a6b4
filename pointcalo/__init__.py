"""Generative models of calorimeter showers on any cell layout."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointcalo.export.loading import Generator

__version__ = "0.1.0"


def load(folder: str | Path, outside: str = "warn") -> "Generator":
    """A generator that `pointcalo export` wrote, to be sampled.

    Args:
        folder: the exported one.
        outside: what to do with particles outside the training's range: warn, or error.

    Raises:
        ValueError: not such a folder, or a file in it is damaged.
        OSError: it cannot be read.
    """
    from pointcalo.export import loading

    return loading.load(folder, outside)
