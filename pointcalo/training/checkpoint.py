"""Files of weights: whole or not at all, and read without running code that a file holds."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pointcalo.atomic import written_beside

CHECKPOINT_VERSION = 1

# Weights of earlier versions lack these; then they stay as in a new model, which says "not known".
ADDED = frozenset({"profile.seen_radius"})


def save_atomically(content: dict[str, Any], path: Path) -> None:
    """Write beside ``path`` and rename: a broken write leaves the former file as it was.

    Raises:
        OSError: no space or no permission; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = io.BytesIO()
    torch.save(content, held)  # into a full disk it would raise RuntimeError, without the reason
    with written_beside(path) as beside, beside.open("wb") as file:
        file.write(held.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The state of a training, on the CPU.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is damaged, of another kind or of a newer version.
    """
    content = _load(path)
    version = content.get("version")
    if not isinstance(version, int):
        raise ValueError(f"{path}: not a training checkpoint; expected last.pt of a run directory")
    if version > CHECKPOINT_VERSION:
        raise ValueError(
            f"{path}: checkpoint version {version}, this pointcalo reads up to "
            f"{CHECKPOINT_VERSION}; update pointcalo"
        )
    return content


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights for ``model.load_state_dict``, on the CPU, as a training leaves them in best.pt.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is damaged or of another kind.
    """
    content = _load(path)
    if not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path}: not a file of weights; expected best.pt of a run directory")
    return content


def load_weights_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """``load_state_dict`` with one line for a user whose file is of another model.

    Raises:
        ValueError: names or shapes differ.
    """
    state = model.state_dict()
    weights = {name: state[name] for name in ADDED & state.keys()} | weights
    own = {name: tuple(value.shape) for name, value in state.items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    differing = sorted(
        name for name in own.keys() | given.keys() if own.get(name) != given.get(name)
    )
    if differing:
        raise ValueError(
            f"weights: {len(differing)} of {len(own)} do not fit this model, "
            f"first {differing[0]!r}: got shape {given.get(differing[0])}, "
            f"expected {own.get(differing[0])}; use the configuration of the run"
        )
    model.load_state_dict(weights)


def _load(path: str | Path) -> dict[str, Any]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such checkpoint; train first, or check the run directory"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path}: damaged or foreign file, expected a checkpoint of pointcalo"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: holds a {type(content).__name__}, expected a checkpoint of pointcalo"
        )
    return content
