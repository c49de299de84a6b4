"""All that a training consists of at one step, and its way into and out of a checkpoint."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pointcalo.models.base import Model, Player
from pointcalo.training.checkpoint import CHECKPOINT_VERSION, load_weights_into
from pointcalo.training.ema import ExponentialAverage


@dataclass
class Best:
    """Averaged weights of an independent player where its validation loss was lowest.

    Args:
        loss: that loss.
        step: the step it was reached at.
        stale: validations since.
        weights: the player's parameters by name.
    """

    loss: float = math.inf
    step: int = 0
    stale: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


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
        self.step = 0
        self.epoch = 0
        self.position = 0  # batches of this epoch that are done
        self.start = (
            0.0  # time of the process's clock at which the training would have begun without breaks
        )
        self.seconds = 0.0
        self.validated_step = -1
        self.sums: dict[str, list[float]] = {}

    def add(self, values: dict[str, float]) -> None:
        """Add to the running means of the terms."""
        for name, value in values.items():
            total = self.sums.setdefault(name, [0.0, 0])
            total[0] += value
            total[1] += 1

    def take_means(self) -> dict[str, float]:
        """Means since the last call."""
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return means

    def judge(self, losses: dict[str, float]) -> list[str]:
        """Take validation losses into account; returns the players that have never been better."""
        better = []
        for name, best in self.best.items():
            if losses.get(name, math.inf) < best.loss:
                named = dict(self.ema.model.named_parameters())
                weights = {key: named[key].detach().clone() for key in self.names[name]}
                self.best[name] = Best(losses[name], self.step, 0, weights)
                better.append(name)
            else:
                best.stale += 1
        return better

    def active(self, patience: int | None) -> list[str]:
        """Players in training: an independent one leaves after ``patience`` stale validations."""
        return [
            name
            for name in self.players
            if patience is None or name not in self.best or self.best[name].stale < patience
        ]

    def best_weights(self) -> dict[str, Tensor]:
        """The averaged model, each independent player's part as it was at its own best step."""
        weights = dict(self.ema.model.state_dict())
        for best in self.best.values():
            weights.update(best.weights)
        return weights

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings only, for a checkpoint."""
        return {
            "version": CHECKPOINT_VERSION,
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "optimisers": {name: each.state_dict() for name, each in self.optimisers.items()},
            "best": {name: vars(best) for name, best in self.best.items()},
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "seconds": self.seconds,
            "validated_step": self.validated_step,
            "sums": self.sums,
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
        load_weights_into(self.model, content["model"])
        load_weights_into(self.ema.model, content["ema"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(content["optimisers"][name])
        device = next(self.model.parameters()).device
        for name, best in content["best"].items():
            best["weights"] = {key: value.to(device) for key, value in best["weights"].items()}
            self.best[name] = Best(**best)
        self.sums = content["sums"]
        for name in ("step", "epoch", "position", "seconds", "validated_step"):
            setattr(self, name, content[name])


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
