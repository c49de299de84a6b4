"""The two files of weights of a run directory."""

from pathlib import Path

from pointcalo.training.checkpoint import load_weights, load_weights_into, save_atomically
from pointcalo.training.processes import Processes
from pointcalo.training.state import TrainingState


class Checkpoints:
    """``checkpoints/last.pt``, to resume from, and ``checkpoints/best.pt``, to use.

    Args:
        run_directory: the folder that they are below.
    """

    def __init__(self, run_directory: Path) -> None:
        self.last = run_directory / "checkpoints" / "last.pt"
        self.best = run_directory / "checkpoints" / "best.pt"

    def save(self, state: TrainingState, processes: Processes) -> None:
        """Write both, in the first process."""
        random = processes.random_state()
        if processes.rank == 0:
            save_atomically(state.best_weights(), self.best)
            save_atomically({**state.state_dict(), "random": random}, self.last)
        processes.wait()

    def save_best(self, state: TrainingState, processes: Processes) -> None:
        """Write best.pt anew, where there is one: last.pt stays that of the last good step."""
        if processes.rank == 0 and self.best.exists():
            save_atomically(state.best_weights(), self.best)
        processes.wait()

    def load_best(self, state: TrainingState) -> None:
        """Leave the weights of best.pt in the model, where there is one."""
        if self.best.exists():
            load_weights_into(state.model, load_weights(self.best))
