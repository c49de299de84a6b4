"""Looks at a training while it goes on: validation, judging, and the checkpoint each leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from time import perf_counter

from pointcalo.models.base import Model, Stream
from pointcalo.training.checkpoints import Checkpoints
from pointcalo.training.display import Display
from pointcalo.training.divergence import check_judged, check_losses, is_good
from pointcalo.training.metrics_file import MetricsFile
from pointcalo.training.processes import Processes
from pointcalo.training.state import TrainingState
from pointcalo.training.validate import judged_terms, validation_terms

Judge = Callable[[Model], dict[str, float]]
"""Distances of a model's showers from held-out ones by name, each 0 where they are alike; under
`auc` how well a classifier tells them apart, where there are enough for one."""
AUC = "auc"


@dataclass(frozen=True)
class Schedule:
    """When a training is looked at.

    Args:
        validate_every: steps between validations; None: once an epoch.
        validation_batches: at most so many a validation; None: all.
        judge_every: steps between judgings, or
        judge_minutes: minutes between them; both None: it is not judged.
        patience: stale validations after which an independent player is validated no more; None:
            never.
    """

    validate_every: int | None
    validation_batches: int | None
    judge_every: int | None
    judge_minutes: float | None
    patience: int | None

    @property
    def judges(self) -> bool:
        """Whether there is any judging."""
        return bool(self.judge_every or self.judge_minutes)

    def due(self, state: TrainingState) -> tuple[bool, bool]:
        """Whether to validate and whether to judge after the step that is done."""
        passed = state.seconds - state.judged_seconds
        on_time = bool(self.judge_minutes) and passed >= 60.0 * self.judge_minutes
        validate, judge = (
            bool(every) and state.step % every == 0
            for every in (self.validate_every, self.judge_every)
        )
        return validate, judge or on_time


@dataclass(frozen=True)
class Checks:
    """What is looked at, and where it is written.

    Args:
        processes: of the training.
        stream: held-out showers of this process.
        judge: of the averaged model; None: it is not judged.
        metrics: gets a row a check.
        display: gets a line.
        checkpoints: get the weights.
        schedule: when to look.
        seed: of the random numbers of validation and judging.
    """

    processes: Processes
    stream: Stream
    judge: Judge | None
    metrics: MetricsFile
    display: Display
    checkpoints: Checkpoints
    schedule: Schedule
    seed: int

    def after_step(self, state: TrainingState) -> None:
        """The checks that are due; raises DivergenceError as `now` does."""
        validate, judge = self.schedule.due(state)
        self.now(state, validate=validate, judge=judge)

    def after_epoch(self, state: TrainingState) -> None:
        """The validation of each epoch; raises DivergenceError as `now` does."""
        self.now(state, validate=not self.schedule.validate_every, judge=False)

    def at_end(self, state: TrainingState) -> None:
        """What the last step still lacks; raises DivergenceError as `now` does."""
        validated, judged = (
            step == state.step for step in (state.validated_step, state.judged_step)
        )
        self.now(state, validate=not validated, judge=not judged)

    def now(self, state: TrainingState, *, validate: bool, judge: bool) -> None:
        """Validate or judge the averaged weights, or both, and write a checkpoint.

        Raises:
            DivergenceError: they are not to go on with; then there is no new checkpoint.
        """
        judge = judge and self.judge is not None and self.schedule.judges
        if not (validate or judge):
            return
        state.ema.copy_buffers(state.model)
        row = {"step": state.step, "epoch": state.epoch, "seconds": state.seconds}
        losses: dict[str, float] = {}
        if validate:
            losses = self._validate(state, row)
        if judge:
            self._judge(state, row)
        if self.processes.rank == 0:
            self.metrics.append(row)
        check_losses(losses, {name: best.loss for name, best in state.best.items()}, state.step)
        if judge and state.distance is not None:
            check_judged(state.distance, state.nearest, state.step)
        if is_good(state.distance, state.nearest):
            state.mark_good()
        self.checkpoints.save(state, self.processes)

    def _validate(self, state: TrainingState, row: dict[str, float]) -> dict[str, float]:
        players = state.active(self.schedule.patience)
        terms = validation_terms(
            state.ema.model,
            players,
            self.stream,
            self.processes,
            seed=self.seed,
            batches=self.schedule.validation_batches,
        )
        losses = {name: sum(values.values()) for name, values in terms.items()}
        better = state.take_losses(losses)
        state.validated_step = state.step
        row.update(state.means.take())
        for name, values in terms.items():
            row.update({f"validation/{name}/{term}": value for term, value in values.items()})
        self.display.validated(state, losses, better)
        return losses

    def _judge(self, state: TrainingState, row: dict[str, float]) -> None:
        began = perf_counter()
        terms = judged_terms(state.ema.model, self.judge, self.processes, seed=self.seed)
        row.update({f"judged/{name}": value for name, value in terms.items()})
        auc = terms.pop(AUC, None)
        distance = sum(terms.values()) / len(terms) if terms else inf
        better = state.take_judged(distance if isfinite(distance) else inf, auc)
        state.judged_seconds = state.seconds
        row["judged/mean"] = distance
        self.display.judged(state, distance, auc, better)
        state.start += perf_counter() - began  # judging is no training
