"""Types and ranges of the keys that commands share, checked before anything is done.

What a class checks of its own arguments (the networks, the particle gun) is left to it.
"""

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf

LARGEST_SEED = 2**63 - 1

AT_LEAST = {
    **dict.fromkeys(("showers", "batch", "threads", "max_points", "max_showers", "repeats"), 1),
    **dict.fromkeys(("energy_bins", "angle_bins"), 0),
    "seed": 0,
    "network.latent": 0,
    "shower": 0,
    "simulation.showers": 1,
    "geant4.processes": 1,
    "trainer.steps": 1,
    "trainer.validate_every": 1,
    "trainer.validation_batches": 1,
    "trainer.judge_every": 1,
    "trainer.rollbacks": 0,
    "trainer.patience": 1,
}
"""Whole numbers, each with the least."""

RANGES = {
    "data_share": (0.0, 1.0),
    "trainer.minutes": (0.0, math.inf),
    "trainer.judge_minutes": (0.0, math.inf),
    "trainer.epochs": (0.0, math.inf),
    "trainer.clip_norm": (0.0, math.inf),
    "trainer.weight_decay": (0.0, math.inf),
    "trainer.warm_up": (0.0, 1.0),
    "trainer.floor": (0.0, 1.0),
    "energy_window": (0.0, 1.0),
    "trainer.ema_decay": (0.0, 1.0),
}
"""Numbers, each with its range."""

NAMES = (
    *("geometry", "output", "like", "run", "init", "resume", "data", "input"),
    *("reference", "training", "device", "file", "geant4.physics"),
)
"""Texts: names and paths."""

SECTIONS = ("profile.", "network.", "model.")
"""Arguments of classes: sizes and rates, of the type of their default."""

OPTIONAL = (
    *("trainer.minutes", "trainer.judge_minutes", "trainer.clip_norm"),
    *("init", "output", "threads"),  # an experiment sets them
)
"""May be null although the default is not."""


def check_settings(config: DictConfig, defaults: dict[str, str]) -> None:
    """Check the keys named above, as far as a command has them.

    Args:
        config: of a command.
        defaults: the text of each key's default; null is allowed where the default is null.

    Raises:
        ValueError: another type, or out of range; names the key.
    """
    for name, default in defaults.items():
        value = OmegaConf.select(config, name)
        if value is None and (name in OPTIONAL or default == "null"):
            continue
        expected = _fault(name, default, value)
        if expected:
            shown = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            raise ValueError(f"{name}: got {shown!r}; expected {expected}")


def _fault(name: str, default: str, value: Any) -> str:
    """What was expected of a value; empty where it is right or not ours to check."""
    if name in NAMES:
        right = isinstance(value, str) and value != ""
        return "" if right else f"a text (a name of digits in quotes: {name}='\"2024\"')"
    if default in ("true", "false"):
        return "" if isinstance(value, bool) else "true or false"
    if name in AT_LEAST or (name.startswith(SECTIONS) and default.isdigit()):
        low = AT_LEAST.get(name, 1)
        right = type(value) is int and low <= value <= LARGEST_SEED
        return "" if right else f"a whole number from {low} on"
    if name in RANGES or (name.startswith(SECTIONS) and _is_number(default)):
        low, high = RANGES.get(name, (0.0, math.inf))
        right = type(value) in (int, float) and math.isfinite(value) and low <= value <= high
        return "" if right else f"a number from {low:g} {f'to {high:g}' if high < 2 else 'on'}"
    return ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
