"""One step of a training: an update of each player whose turn it is."""

from dataclasses import dataclass
from math import isfinite

import torch

from pointcalo.showers import Showers
from pointcalo.training.budget import step_size
from pointcalo.training.divergence import DivergenceError
from pointcalo.training.gradients import assign, clip, flat_gradient
from pointcalo.training.processes import Processes
from pointcalo.training.state import TrainingState


@dataclass(frozen=True)
class Updates:
    """Moves players down the gradients of their losses.

    Args:
        processes: to average gradients over.
        clip_norm: largest norm of a player's gradient; None: no limit.
        warm_up: share of the budget in which the learning rate rises.
        floor: learning rate at the end, relative to its peak.
    """

    processes: Processes
    clip_norm: float | None
    warm_up: float
    floor: float

    def __call__(
        self, state: TrainingState, players: list[str], showers: Showers
    ) -> dict[str, float]:
        """One update of each of these players whose turn it is; returns their losses.

        Raises:
            DivergenceError: a loss or a gradient is not finite. The batch is used up, the step not
                made.
        """
        factor = step_size(state.model.progress, warm_up=self.warm_up, floor=self.floor)
        factor *= 0.5**state.rollbacks
        state.position += 1
        losses = {}
        for name in players:
            if (state.step + 1) % state.players[name].every == 0:
                losses[name] = self._update(state, name, showers, factor)
        state.step += 1
        state.ema.update(state.model, state.step)
        return losses

    def _update(self, state: TrainingState, name: str, showers: Showers, factor: float) -> float:
        """Move one player down the gradient of its losses; returns their sum."""
        player, optimiser = state.players[name], state.optimisers[name]
        with self.processes.fabric.autocast():
            terms = state.model.losses(name, showers)
        values = torch.stack([term.float() for term in terms.values()])
        gradient = flat_gradient(values.sum(), player.parameters)
        together = self.processes.mean(torch.cat([gradient, values.detach()]), len(showers))
        gradient, values = together.split([len(gradient), len(values)])
        norm, loss = float(gradient.norm()), float(values.sum())
        named = dict(zip(terms, values.tolist(), strict=True))
        if not isfinite(norm + loss):
            raise DivergenceError(
                f"player {name!r}, step {state.step + 1}: gradient norm {norm:.3g}, {named}"
            )
        assign(clip(gradient, self.clip_norm), player.parameters)
        for group in optimiser.param_groups:
            group["lr"] = factor * player.learning_rate
        optimiser.step()
        state.means.add({f"train/{name}/{term}": value for term, value in named.items()})
        state.means.add({f"train/{name}/gradient_norm": norm})
        return loss
