"""Beginning from the weights of another training, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pointcalo.training.checkpoint import ADDED

NEEDED = ("profile", "generator")
"""Parts without which there is nothing to begin from."""


@dataclass(frozen=True)
class Initial:
    """What a model takes over from another.

    A part is what has a name of its own in a model: its profile model, its generator, its critic.

    Args:
        weights: and buffers by name, of the parts taken over.
        taken: parts taken over.
        fresh: parts of the model that begin anew: the other has none of the name, or of another
            shape.
        left: parts of the other that are not taken.
    """

    weights: dict[str, Tensor]
    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def message(self) -> str:
        """One line for the user."""
        return (
            f"takes over {', '.join(self.taken)}; begins anew: {', '.join(self.fresh) or 'nothing'}"
            f"; left behind: {', '.join(self.left) or 'nothing'}"
        )


def initial_weights(model: nn.Module, given: Mapping[str, Tensor]) -> Initial:
    """Those of the weights given that fit a model, by whole parts.

    Args:
        model: to begin from them.
        given: weights and buffers of another model by name, as in best.pt.

    Raises:
        ValueError: profile model or generator do not fit.
    """
    own, other = _parts(model.state_dict()), _parts(given)
    misfits = {part: _misfit(own[part], other.get(part, {})) for part in own}
    for part in NEEDED:
        if misfits.get(part):
            raise ValueError(f"{misfits[part]}; take the network of that run, with its sizes")
    taken = tuple(part for part, misfit in misfits.items() if not misfit)
    return Initial(
        weights={name: value for part in taken for name, value in other[part].items()},
        taken=taken,
        fresh=tuple(part for part in own if part not in taken),
        left=tuple(part for part in other if part not in taken),
    )


def _parts(weights: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.items():
        parts.setdefault(name.partition(".")[0], {})[name] = value
    return parts


def _misfit(own: dict[str, Tensor], given: dict[str, Tensor]) -> str:
    """The first weight of a part that does not fit, in words; empty where all do."""
    for name in dict.fromkeys([*own, *given]):
        got, expected = (
            f"shape {tuple(side[name].shape)}" if name in side else "none" for side in (given, own)
        )
        if got != expected and not (name in ADDED and name not in given):
            return f"weight {name!r}: got {got}, expected {expected}"
    return ""
