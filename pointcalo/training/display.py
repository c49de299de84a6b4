"""What a user sees of a training: a bar with the time left, and a line a validation."""

from tqdm import tqdm

from pointcalo.training.state import TrainingState


class Display:
    """Progress bar and lines of the first process; silent in the others.

    Args:
        shown: this process writes at all.
        bar: show the bar; None: only on a terminal.
    """

    def __init__(self, *, shown: bool, bar: bool | None) -> None:
        self.shown = shown
        self.losses: dict[str, str] = {}
        self.bar = tqdm(
            total=1.0,
            disable=not shown or (None if bar is None else not bar),
            bar_format="{percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}",
        )

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def step(self, state: TrainingState, losses: dict[str, float]) -> None:
        """Move the bar on and show each player's latest loss."""
        self.losses.update({name: f"{loss:.4g}" for name, loss in losses.items()})
        if self.bar.n == 0.0:
            self.bar.initial = (
                state.model.progress
            )  # a resumed training: time left from its own pace
        self.bar.n = state.model.progress
        self.bar.set_postfix(self.losses, refresh=False, step=state.step, epoch=state.epoch)
        self.bar.update(0)

    def validated(self, state: TrainingState, losses: dict[str, float], better: list[str]) -> None:
        """Say how each player does on held-out showers."""
        players = "  ".join(
            f"{name} {loss:.5g}{' (best)' if name in better else ''}"
            for name, loss in losses.items()
        )
        self.say(f"{_when(state)}  validation: {players}")

    def judged(
        self, state: TrainingState, distance: float, auc: float | None, better: bool
    ) -> None:
        """Say how far the averaged model's showers are from held-out ones."""
        apart = "" if auc is None else f"  auc {auc:.3f}"
        self.say(f"{_when(state)}  judged: {distance:.4g}{apart}{' (best)' if better else ''}")

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        if self.shown:
            self.bar.write(line)


def _when(state: TrainingState) -> str:
    return f"step {state.step}  epoch {state.epoch}  {state.seconds / 60.0:.1f} min"
