"""The training loop; it knows players and their losses, and no model."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from time import perf_counter

import torch

from pointcalo.interruption import Interruption
from pointcalo.models.base import Model, Stream
from pointcalo.showers import Showers
from pointcalo.training.budget import Budget, step_size
from pointcalo.training.checkpoint import (
    load_checkpoint,
    load_weights,
    load_weights_into,
    save_atomically,
)
from pointcalo.training.display import Display
from pointcalo.training.gradients import assign, clip, flat_gradient
from pointcalo.training.metrics_file import MetricsFile
from pointcalo.training.outcome import DivergenceError, Outcome, Reason
from pointcalo.training.processes import Processes
from pointcalo.training.state import TrainingState
from pointcalo.training.validate import validation_terms


class Trainer:
    """Trains any `Model` and keeps all of it in a run directory.

    The directory gets ``checkpoints/last.pt`` (to resume from), ``checkpoints/best.pt`` (averaged
    weights to use, each independent player at its best) and ``metrics.csv``. Started by torchrun or
    srun, each process takes its own showers (``rank``, ``world``), and the gradients are those of
    all showers together.

    Args:
        run_directory: where to write; created when it is missing.
        steps: end after so many updates;
        epochs: or passes over the training showers;
        minutes: or minutes of wall time. Give at least one of the three; the first reached counts.
        validate_every: steps between validations (each writes a checkpoint); None: once an epoch.
        validation_batches: at most so many batches a validation; None: all.
        patience: an independent player leaves after so many stale validations; None: never.
        clip_norm: largest norm of a player's gradient; None: no limit.
        weight_decay: of AdamW.
        warm_up: share of the budget in which the learning rate rises.
        floor: learning rate at the end, relative to its peak.
        ema_decay: of the averaged weights.
        seed: of the random numbers that losses draw.
        accelerator: "auto", "cpu" or "cuda".
        precision: "32-true" or "bf16-mixed"; None: bf16 where CUDA has it.
        progress_bar: None: only on a terminal.
    """

    def __init__(
        self,
        run_directory: str | Path,
        *,
        steps: int | None = None,
        epochs: float | None = None,
        minutes: float | None = None,
        validate_every: int | None = None,
        validation_batches: int | None = None,
        patience: int | None = None,
        clip_norm: float | None = 1.0,
        weight_decay: float = 0.0,
        warm_up: float = 0.02,
        floor: float = 0.01,
        ema_decay: float = 0.999,
        seed: int = 1,
        accelerator: str = "auto",
        precision: str | None = None,
        progress_bar: bool | None = None,
    ) -> None:
        self.budget = Budget(steps, epochs, minutes)
        self.run_directory = Path(run_directory)
        self.last = self.run_directory / "checkpoints" / "last.pt"
        self.best = self.run_directory / "checkpoints" / "best.pt"
        self.validate_every = validate_every
        self.validation_batches = validation_batches
        self.patience = patience
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.warm_up = warm_up
        self.floor = floor
        self.ema_decay = ema_decay
        self.seed = seed
        self.processes = Processes(accelerator, precision)
        self.progress_bar = progress_bar

    @property
    def rank(self) -> int:
        """Number of this process among those of the training."""
        return self.processes.rank

    @property
    def world(self) -> int:
        """Number of processes of the training."""
        return self.processes.world

    def fit(
        self,
        model: Model,
        train_stream: Stream,
        validation_stream: Stream,
        *,
        resume: bool = False,
        prepare: bool = True,
    ) -> Outcome:
        """Train ``model``; afterwards it holds the weights of best.pt, if there is one.

        Args:
            model: to be trained; moved to the device of this process.
            train_stream: training showers, those of this process when there are several.
            validation_stream: held-out showers, likewise.
            resume: go on from last.pt, on the CPU with the same weights as without the break (for a
                budget in steps or epochs: one in minutes follows the clock).
            prepare: let the model fit its normalisation first; False for weights trained before.

        Raises:
            ValueError: nothing to train or validate on; the directory holds another training; a
                checkpoint that does not fit.
            FileNotFoundError: nothing to resume from.
        """
        start = perf_counter()
        state = self._resumed(model) if resume else self._begun(model, train_stream, prepare)
        state.start = start - state.seconds
        metrics = self._metrics(state)
        cause = ""
        with Interruption() as interruption, self._display() as display:
            try:
                reason = self._stop_reason(state, train_stream, interruption)
                while reason is None:
                    for showers in self._batches(state, train_stream):
                        losses = self._step(state, showers.to(self.processes.device))
                        display.step(state, losses)
                        if self.validate_every and state.step % self.validate_every == 0:
                            self._validate(state, validation_stream, metrics, display)
                        if reason := self._stop_reason(state, train_stream, interruption):
                            break
                    else:
                        state.epoch, state.position = state.epoch + 1, 0
                        if not self.validate_every:
                            self._validate(state, validation_stream, metrics, display)
                        reason = self._stop_reason(state, train_stream, interruption)
                if reason != "interrupted" and state.validated_step != state.step:
                    self._validate(state, validation_stream, metrics, display)
                self._save(state)
            except DivergenceError as error:
                reason, cause = "diverged", str(error)
            return self._outcome(state, reason, cause, display)

    def _begun(self, model: Model, stream: Stream, prepare: bool) -> TrainingState:
        if self.last.exists():
            raise ValueError(
                f"{self.run_directory}: holds a training already; "
                "resume it, or choose another directory"
            )
        self.run_directory.mkdir(parents=True, exist_ok=True)
        model.to(self.processes.device)
        if prepare:
            model.prepare(stream)
        state = self._state(model)
        torch.manual_seed(self.seed + self.rank)
        return state

    def _resumed(self, model: Model) -> TrainingState:
        content = load_checkpoint(self.last)
        state = self._state(model)
        state.load_state_dict(content)
        self.processes.set_random_state(content["random"])
        return state

    def _state(self, model: Model) -> TrainingState:
        model.to(self.processes.device)
        self.processes.share(model)
        model.progress = 1.0
        return TrainingState(model, weight_decay=self.weight_decay, ema_decay=self.ema_decay)

    def _metrics(self, state: TrainingState) -> MetricsFile:
        metrics = MetricsFile(self.run_directory / "metrics.csv")
        if self.rank == 0:
            metrics.forget_after(state.step)
        return metrics

    def _display(self) -> Display:
        return Display(shown=self.rank == 0, bar=self.progress_bar)

    def _batches(self, state: TrainingState, stream: Stream) -> Iterator[Showers]:
        """What is left of the epoch, as long as every process has a batch."""
        rest = stream.epoch(state.epoch, state.position)
        while True:
            showers = next(rest, None)
            (at_end,) = self.processes.largest(float(showers is None))
            if at_end:
                break
            yield showers
        if state.position == 0:
            raise ValueError(
                "training showers: no batch in an epoch; "
                "check the file, its split and the batch size"
            )

    def _step(self, state: TrainingState, showers: Showers) -> dict[str, float]:
        """One update of each player whose turn it is; returns their losses."""
        factor = step_size(state.model.progress, warm_up=self.warm_up, floor=self.floor)
        losses = {}
        for name in state.active(self.patience):
            if (state.step + 1) % state.players[name].every == 0:
                losses[name] = self._update(state, name, showers, factor)
        state.step += 1
        state.position += 1
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
        state.add({f"train/{name}/{term}": value for term, value in named.items()})
        state.add({f"train/{name}/gradient_norm": norm})
        return loss

    def _validate(
        self, state: TrainingState, stream: Stream, metrics: MetricsFile, display: Display
    ) -> None:
        """Losses of the averaged weights on held-out showers; writes a checkpoint."""
        state.ema.copy_buffers(state.model)
        terms = validation_terms(
            state.ema.model,
            state.active(self.patience),
            stream,
            self.processes,
            seed=self.seed,
            batches=self.validation_batches,
        )
        losses = {name: sum(values.values()) for name, values in terms.items()}
        better = state.judge(losses)
        state.validated_step = state.step
        row = {
            "step": state.step,
            "epoch": state.epoch,
            "seconds": state.seconds,
            **state.take_means(),
        }
        for name, values in terms.items():
            row.update({f"validation/{name}/{term}": value for term, value in values.items()})
        if self.rank == 0:
            metrics.append(row)
        display.validated(state, losses, better)
        self._save(state)

    def _stop_reason(
        self, state: TrainingState, stream: Stream, interruption: Interruption
    ) -> Reason | None:
        """Why to stop now, decided by all processes alike; also moves the model's progress on."""
        interrupted, state.seconds = self.processes.largest(
            float(interruption.requested), perf_counter() - state.start
        )
        epochs = float(state.epoch)
        if self.budget.epochs is not None:
            # below 1 within an epoch: it is over when the stream is
            epochs += state.position / (max(len(stream), state.position) + 1)
        state.model.progress = self.budget.progress(state.step, epochs, state.seconds)
        if interrupted:
            return "interrupted"
        if state.model.progress >= 1.0:
            return "finished"
        return None if state.active(self.patience) else "stopped early"

    def _save(self, state: TrainingState) -> None:
        random = self.processes.random_state()
        if self.rank == 0:
            save_atomically(state.best_weights(), self.best)
            save_atomically({**state.state_dict(), "random": random}, self.last)
        self.processes.wait()

    def _outcome(
        self, state: TrainingState, reason: Reason, cause: str, display: Display
    ) -> Outcome:
        """Leave the best weights in the model and say how it went."""
        if self.best.exists():
            load_weights_into(state.model, load_weights(self.best))
        state.model.eval().progress = 1.0
        last = self.last if self.last.exists() else None
        outcome = Outcome(reason, state.step, state.seconds / 60.0, last, cause)
        display.say(outcome.message)
        return outcome
