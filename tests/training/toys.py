"""Small models and streams for the tests of the Trainer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pointcalo.models.base import Model, Player, Stream


@dataclass(frozen=True)
class Numbers:
    """Stands in for showers: one row of three numbers each, [S, 3]."""

    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device) -> "Numbers":
        return Numbers(self.rows.to(device))


class InMemory:
    """Batches of fixed rows, shuffled anew in each epoch."""

    def __init__(self, rows: Tensor, batch: int, *, shuffle: bool = True) -> None:
        self.rows, self.batch, self.shuffle = rows, batch, shuffle

    def epoch(self, number: int, start: int = 0) -> Iterator[Numbers]:
        rows = self.rows
        if self.shuffle:
            order = torch.Generator().manual_seed(number)
            rows = rows[torch.randperm(len(rows), generator=order)]
        for part in rows.split(self.batch)[start:]:
            yield Numbers(part)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch)


def numbers(num: int, seed: int) -> Tensor:
    """Rows whose last number is the sum of the others, about 3, with noise."""
    rows = torch.randn(num, 3, generator=torch.Generator().manual_seed(seed))
    rows[:, 2] = rows[:, 0] + rows[:, 1] + 3.0 + 0.1 * rows[:, 2]
    return rows


def train_stream(batch: int = 8) -> InMemory:
    return InMemory(numbers(40, seed=1), batch)


def validation_stream() -> InMemory:
    return InMemory(numbers(16, seed=2), 8, shuffle=False)


class Regression(Model):
    """Two independent players fit the third number; the profile's loss draws random numbers."""

    shift: Tensor

    def __init__(self, *, learning_rate: float = 0.05, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.profile = nn.Linear(2, 1)
        self.generator = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        self.unused = nn.Linear(2, 2)
        self.register_buffer("shift", torch.zeros(()))
        self.learning_rate = learning_rate

    def players(self) -> dict[str, Player]:
        generator = [*self.generator.parameters(), *self.unused.parameters()]
        return {
            "profile": Player(
                tuple(self.profile.parameters()), self.learning_rate, independent=True
            ),
            "generator": Player(
                tuple(generator), 0.5 * self.learning_rate, every=2, independent=True
            ),
        }

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        x, y = showers.rows[:, :2], showers.rows[:, 2] - self.shift
        if player == "profile":
            jitter = 0.01 * torch.randn_like(y)
            return {"square": (self.profile(x)[:, 0] + jitter - y).square().mean()}
        error = self.generator(x)[:, 0] - y
        return {"square": error.square().mean(), "absolute": 0.1 * error.abs().mean()}

    def prepare(self, stream: Stream) -> None:
        rows = torch.cat([batch.rows for batch in stream.epoch(0)])
        self.shift.copy_(rows[:, 2].mean())


MARK = 1000.0


def marked_stream() -> InMemory:
    """One batch of each epoch holds a row that `Fragile` does not bear."""
    rows = numbers(40, seed=1)
    rows[7, 0] = MARK
    return InMemory(rows, 8)


class Fragile(Regression):
    """The profile's loss is not a number where a row is marked."""

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        terms = super().losses(player, showers)
        if player == "profile" and self.training and bool((showers.rows == MARK).any()):
            terms["bad"] = terms["square"] * torch.nan
        return terms


class Game(Regression):
    """The generator plays a game, so that its validation loss does not say when it is best."""

    def players(self) -> dict[str, Player]:
        players = super().players()
        return {**players, "generator": replace(players["generator"], independent=False, every=1)}


class Script:
    """A judge that says what is written down and notes the weights that it was shown."""

    def __init__(self, *distances: float, aucs: Sequence[float] = ()) -> None:
        self.distances, self.aucs = list(distances), list(aucs)
        self.shown: list[dict[str, Tensor]] = []

    def __call__(self, model: Model) -> dict[str, float]:
        torch.rand(5)  # random numbers of its own, which training must not notice
        self.shown.append({name: v.clone() for name, v in model.state_dict().items()})
        distance = self.distances[len(self.shown) - 1]
        auc = {"auc": self.aucs[len(self.shown) - 1]} if self.aucs else {}
        return {"low": 0.5 * distance, "high": 1.5 * distance, **auc}
