"""A training in each process that torchrun starts: every process takes its half of each batch.

Arguments: where to train without a break, where to train with one.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from training.toys import InMemory, Numbers, Regression, numbers

from pointcalo.training import Trainer


class Part:
    """Every world-th row of each batch of a stream."""

    def __init__(self, stream: InMemory, rank: int, world: int) -> None:
        self.stream, self.rank, self.world = stream, rank, world

    def epoch(self, number: int, start: int = 0) -> Iterator[Numbers]:
        for batch in self.stream.epoch(number, start):
            yield Numbers(batch.rows[self.rank :: self.world])

    def __len__(self) -> int:
        return len(self.stream)


class Quiet(Regression):
    """Draws no random numbers, which differ between processes."""

    stop = 0
    step = 0

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        self.step += self.training and player == "profile"
        if self.training and self.step == self.stop:
            os.kill(os.getpid(), signal.SIGTERM)
        if player == "generator":
            return super().losses(player, showers)
        x, y = showers.rows[:, :2], showers.rows[:, 2] - self.shift
        return {"square": (self.profile(x)[:, 0] - y).square().mean()}

    def prepare(self, stream: Part) -> None:
        """A buffer that would differ between processes, were it not shared."""
        super().prepare(stream)
        self.shift.round_()


def judge(model: Quiet) -> dict[str, float]:
    """Says much the same as long as the processes train alike."""
    return {"weight": float(model.profile.weight.abs().mean())}


def train(directory: Path, stop: int = 0) -> None:
    """Train; the last process gets SIGTERM at step ``stop`` and then resumes with the others."""
    settings = {"epochs": 3, "validate_every": 4, "judge_every": 8}
    trainer = Trainer(directory, **settings, accelerator="cpu", ema_decay=0.9)
    rank, world = trainer.rank, trainer.world
    # 7 rows a batch: two processes have 4 and 3 of them, to be weighted
    stream = Part(InMemory(numbers(42, seed=1), 7), rank, world)
    held_out = Part(InMemory(numbers(15, seed=2), 5, shuffle=False), rank, world)
    model = Quiet(seed=rank)
    model.stop = stop if rank == world - 1 else 0
    outcome = trainer.fit(model, stream, held_out, judge=judge)
    if outcome.reason == "interrupted":
        model = Quiet(seed=5 + rank)
        trainer.fit(model, stream, held_out, resume=True, judge=judge)
    torch.save(model.state_dict(), directory / f"rank{rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
    train(Path(sys.argv[2]), stop=8)
