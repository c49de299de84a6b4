"""The training loop; it knows players and their losses, and no model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from pointcalo.interruption import Interruption
from pointcalo.models.base import Model, Stream
from pointcalo.showers import Showers
from pointcalo.training.budget import Budget
from pointcalo.training.checkpoint import load_checkpoint
from pointcalo.training.checkpoints import Checkpoints
from pointcalo.training.checks import Checks, Judge, Schedule
from pointcalo.training.display import Display
from pointcalo.training.divergence import DivergenceError
from pointcalo.training.metrics_file import MetricsFile
from pointcalo.training.outcome import Outcome, Reason
from pointcalo.training.processes import Processes
from pointcalo.training.state import TrainingState
from pointcalo.training.updates import Updates


class Trainer:
    """Trains any `Model` and keeps all of it in a run directory.

    The directory gets ``checkpoints/last.pt`` (to resume from), ``checkpoints/best.pt`` (averaged
    weights to use, each independent player at its best, those of a game where they were judged
    best) and ``metrics.csv``. Started by torchrun or srun, each process takes its own showers
    (``rank``, ``world``), and the gradients are those of all showers together.

    A training that diverges (`pointcalo.training.divergence`) goes on from the last good weights
    and optimisers with all learning rates halved, with the batches that follow.

    Args:
        run_directory: where to write; created when it is missing.
        steps: end after so many updates;
        epochs: or passes over the training showers;
        minutes: or minutes of wall time, without those of judging. Give at least one of the three;
            the first reached counts.
        validate_every: steps between validations (each writes a checkpoint); None: once an epoch.
        validation_batches: at most so many batches a validation; None: all.
        judge_every: steps between judgings;
        judge_minutes: or minutes of training between them, which follow the clock. Both None: there
            is no judging, and of a game the last weights are kept.
        rollbacks: how often a training that diverges is rolled back before it ends.
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
        judge_every: int | None = None,
        judge_minutes: float | None = None,
        rollbacks: int = 3,
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
        self.checkpoints = Checkpoints(self.run_directory)
        self.schedule = Schedule(
            validate_every, validation_batches, judge_every, judge_minutes, patience
        )
        self.rollbacks = rollbacks
        self.patience = patience
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.seed = seed
        self.processes = Processes(accelerator, precision)
        self.updates = Updates(self.processes, clip_norm, warm_up, floor)
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
        initial: Mapping[str, Tensor] | None = None,
        judge: Judge | None = None,
    ) -> Outcome:
        """Train ``model``; afterwards it holds the weights of best.pt, if there is one.

        Args:
            model: to be trained; moved to the device of this process.
            train_stream: training showers, those of this process when there are several.
            validation_stream: held-out showers, likewise.
            resume: go on from last.pt, on the CPU with the same weights as without the break (for a
                budget in steps or epochs: one in minutes follows the clock).
            prepare: let the model fit its normalisation first; False for weights trained before.
            initial: weights and buffers by name that the model takes over then. They are looked at
                before the first step, so that training can only better them.
            judge: gives distances of a model's showers from held-out ones, whose mean is the judged
                distance, and an AUC (`checks.py`). Called with the averaged model as the settings
                say, and at the end.

        Raises:
            ValueError: nothing to train or validate on; the directory holds another training; a
                checkpoint that does not fit.
            FileNotFoundError: nothing to resume from.
        """
        start = perf_counter()
        begun = None if resume else self._begun(model, train_stream, prepare, initial)
        state = begun or self._resumed(model)
        state.start = start - state.seconds
        shown = Display(shown=self.rank == 0, bar=self.progress_bar)
        with Interruption() as interruption, shown as display:
            checks = self._checks(state, validation_stream, judge, display)
            reason, cause = None, ""
            try:
                if begun and initial:
                    checks.now(state, validate=True, judge=True)
                while reason is None:
                    reason = self._attempt(state, train_stream, checks, interruption)
            except DivergenceError as error:
                reason, cause = "diverged", str(error)
            return self._outcome(state, reason, cause, display)

    def _attempt(
        self, state: TrainingState, stream: Stream, checks: Checks, interruption: Interruption
    ) -> Reason | None:
        """Train to the end; returns None where it diverged and was rolled back.

        Raises:
            DivergenceError: it diverged once more than it may be rolled back.
        """
        try:
            reason = self._stop_reason(state, stream, interruption)
            while reason is None:
                reason = self._epoch(state, stream, checks, interruption)
            if reason != "interrupted":
                checks.at_end(state)
            self.checkpoints.save(state, self.processes)
        except DivergenceError as error:
            self._roll_back(state, error, checks.display)
            return None
        return reason

    def _epoch(
        self, state: TrainingState, stream: Stream, checks: Checks, interruption: Interruption
    ) -> Reason | None:
        """The rest of an epoch, with the checks on the way; returns why to stop, if so."""
        for showers in self._batches(state, stream):
            players = state.active(self.patience)
            losses = self.updates(state, players, showers.to(self.processes.device))
            checks.display.step(state, losses)
            checks.after_step(state)
            if reason := self._stop_reason(state, stream, interruption):
                return reason
        state.epoch, state.position = state.epoch + 1, 0
        checks.after_epoch(state)
        return self._stop_reason(state, stream, interruption)

    def _roll_back(self, state: TrainingState, error: DivergenceError, display: Display) -> None:
        """Return to the last good weights, or raise the error where that was done too often."""
        step = state.roll_back()
        if state.rollbacks == self.rollbacks:
            raise error
        state.rollbacks += 1
        display.say(
            f"diverged, {error}; rolled back to the weights of step {step}, learning rates "
            f"now {0.5**state.rollbacks:g} of those set ({state.rollbacks} of {self.rollbacks})"
        )

    def _begun(
        self,
        model: Model,
        stream: Stream,
        prepare: bool,
        initial: Mapping[str, Tensor] | None,
    ) -> TrainingState:
        if self.checkpoints.last.exists():
            raise ValueError(
                f"{self.run_directory}: holds a training already; "
                "resume it, or choose another directory"
            )
        self.run_directory.mkdir(parents=True, exist_ok=True)
        model.to(self.processes.device)
        if prepare:
            model.prepare(stream)
        if initial:
            model.load_state_dict(initial, strict=False)
        state = self._state(model)
        torch.manual_seed(self.seed + self.rank)
        return state

    def _resumed(self, model: Model) -> TrainingState:
        content = load_checkpoint(self.checkpoints.last)
        state = self._state(model)
        state.load_state_dict(content)
        self.processes.set_random_state(content["random"])
        return state

    def _state(self, model: Model) -> TrainingState:
        model.to(self.processes.device)
        self.processes.share(model)
        model.progress = 1.0
        return TrainingState(model, weight_decay=self.weight_decay, ema_decay=self.ema_decay)

    def _checks(
        self, state: TrainingState, stream: Stream, judge: Judge | None, display: Display
    ) -> Checks:
        metrics = MetricsFile(self.run_directory / "metrics.csv")
        if self.rank == 0:
            metrics.forget_after(state.step)
        return Checks(
            self.processes,
            stream,
            judge,
            metrics,
            display,
            self.checkpoints,
            self.schedule,
            self.seed,
        )

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

    def _outcome(
        self, state: TrainingState, reason: Reason, cause: str, display: Display
    ) -> Outcome:
        """Leave the best weights in the model and say how it went."""
        if reason == "diverged":
            self.checkpoints.save_best(state, self.processes)
        self.checkpoints.load_best(state)
        state.model.eval().progress = 1.0
        last = self.checkpoints.last if self.checkpoints.last.exists() else None
        minutes = state.seconds / 60.0
        outcome = Outcome(reason, state.step, minutes, last, cause, state.rollbacks)
        display.say(outcome.message)
        return outcome
