"""All that a training consists of at one step, and its way into and out of a checkpoint."""

import copy
import math
from typing import Any

import torch
from torch import Tensor

from pointcalo.models.base import Model, Player
from pointcalo.training.best import Best
from pointcalo.training.checkpoint import CHECKPOINT_VERSION, load_weights_into
from pointcalo.training.ema import ExponentialAverage
from pointcalo.training.means import Means

COUNTERS = ("step", "epoch", "position", "seconds", "validated_step")
LATER_COUNTERS = ("judged_step", "judged_seconds", "distance", "nearest", "rollbacks")
"""Those that checkpoints of earlier versions lack."""


class TrainingState:
    """Model, averaged model, optimisers, best weights and position in the training showers.

    Args:
        model: on its device, its buffers fitted.
        weight_decay: of AdamW.
        ema_decay: of the exponential average.

    Raises:
        ValueError: a player holds parameters of another player or of another module.
    """

    def __init__(self, model: Model, *, weight_decay: float, ema_decay: float) -> None:
        self.model = model.train()
        self.players = model.players()
        self.names = _parameter_names(model, self.players)
        self.ema = ExponentialAverage(model, ema_decay)
        self.optimisers = {
            name: torch.optim.AdamW(
                player.parameters,
                lr=player.learning_rate,
                betas=player.betas,
                weight_decay=weight_decay,
                fused=player.parameters[0].device.type in ("cpu", "cuda"),
            )
            for name, player in self.players.items()
        }
        self.best = {name: Best() for name, player in self.players.items() if player.independent}
        self.judged = Best()  # the players of a game together, by the judge
        self.means = Means()
        self.step = 0
        self.epoch = 0
        self.position = 0  # batches of this epoch that are done
        self.start = (
            0.0  # time of the process's clock at which the training would have begun without breaks
        )
        self.seconds = 0.0
        self.validated_step = -1
        self.judged_step = -1
        self.judged_seconds = 0.0
        self.distance: float | None = None  # the last judged
        self.nearest = math.inf  # the lowest
        self.rollbacks = 0
        self.mark_good()

    def take_losses(self, losses: dict[str, float]) -> list[str]:
        """Take validation losses into account; returns the players that have never been better."""
        return [
            name
            for name, best in self.best.items()
            if best.take(losses.get(name, math.inf), self.step, self._averaged(name))
        ]

    def take_judged(self, distance: float, auc: float | None) -> bool:
        """Take a judged distance and an AUC into account; returns whether none was better.

        Their sum counts, the AUC as its excess over chance times two: the distance says which of
        two generators is nearer as long as both are always told apart, the AUC once distances are
        no larger than chance makes them.
        """
        self.distance, self.judged_step = distance, self.step
        self.nearest = min(self.nearest, distance)
        game = [self._averaged(name) for name in self.players if name not in self.best]
        together = {key: value for weights in game for key, value in weights.items()}
        told_apart = 0.0 if auc is None else max(0.0, 2.0 * auc - 1.0)
        return self.judged.take(distance + told_apart, self.step, together)

    def active(self, patience: int | None) -> list[str]:
        """Players in training: an independent one leaves after ``patience`` stale validations."""
        return [
            name
            for name in self.players
            if patience is None or name not in self.best or self.best[name].stale < patience
        ]

    def best_weights(self) -> dict[str, Tensor]:
        """The averaged model, where each independent player and the game as a whole was best.

        A game that has not been judged is as it is now.
        """
        weights = dict(self.ema.model.state_dict())
        for best in (*self.best.values(), self.judged):
            weights.update(best.weights)
        return weights

    def mark_good(self) -> None:
        """Note weights and optimisers as those to come back to."""
        self.good = {"step": self.step, **copy.deepcopy(self._weights())}

    def roll_back(self) -> int:
        """Weights and optimisers as they were when last marked good; returns the step of that."""
        self._load_weights(copy.deepcopy(self.good))
        return self.good["step"]

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings only, for a checkpoint."""
        return {
            "version": CHECKPOINT_VERSION,
            **self._weights(),
            "best": {name: vars(best) for name, best in self.best.items()},
            "judged": vars(self.judged),
            "good": self.good if self.good["step"] != self.step else None,
            "sums": self.means.sums,
            **{name: getattr(self, name) for name in (*COUNTERS, *LATER_COUNTERS)},
        }

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Inverse of `state_dict`.

        Raises:
            ValueError: the checkpoint is of another model.
        """
        if set(content["optimisers"]) != set(self.players):
            raise ValueError(
                f"checkpoint: players {sorted(content['optimisers'])}, this model has "
                f"{sorted(self.players)}; resume with the model of that run"
            )
        self._load_weights(content)
        self.best = {name: self._stored(best) for name, best in content["best"].items()}
        self.judged = self._stored(content.get("judged", {}))
        self.means.sums = content["sums"]
        for name in (*COUNTERS, *(name for name in LATER_COUNTERS if name in content)):
            setattr(self, name, content[name])
        self.mark_good()
        self.good = content.get("good") or self.good

    def _averaged(self, player: str) -> dict[str, Tensor]:
        named = dict(self.ema.model.named_parameters())
        return {name: named[name] for name in self.names[player]}

    def _weights(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "optimisers": {name: each.state_dict() for name, each in self.optimisers.items()},
        }

    def _load_weights(self, content: dict[str, Any]) -> None:
        load_weights_into(self.model, content["model"])
        load_weights_into(self.ema.model, content["ema"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(content["optimisers"][name])

    def _stored(self, best: dict[str, Any]) -> Best:
        """A best of a checkpoint, its weights on the model's device."""
        device = next(self.model.parameters()).device
        weights = {name: value.to(device) for name, value in best.get("weights", {}).items()}
        return Best(**{**best, "weights": weights})


def _parameter_names(model: Model, players: dict[str, Player]) -> dict[str, list[str]]:
    """Names of each player's parameters, which must be disjoint parts of the model."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    owner: dict[int, str] = {}
    for player, held in players.items():
        for parameter in held.parameters:
            if id(parameter) not in name_of:
                raise ValueError(f"player {player!r}: holds a parameter that is not in the model")
            if id(parameter) in owner:
                raise ValueError(
                    f"player {player!r}: parameter {name_of[id(parameter)]!r} belongs to player "
                    f"{owner[id(parameter)]!r} already; give each parameter one player"
                )
            owner[id(parameter)] = player
    return {
        player: [name_of[id(parameter)] for parameter in held.parameters]
        for player, held in players.items()
    }
