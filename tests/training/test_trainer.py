import csv
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training.toys import Numbers, Regression, numbers, train_stream, validation_stream

from pointcalo.models.base import Player
from pointcalo.training import Outcome, Trainer
from pointcalo.training.checkpoint import load_checkpoint, load_weights


def trainer(directory: Path, **arguments: object) -> Trainer:
    return Trainer(directory, **{"accelerator": "cpu", "ema_decay": 0.9, **arguments})


def fit(
    directory: Path, model: Regression, *, resume: bool = False, **arguments: object
) -> Outcome:
    stream, held_out = train_stream(), validation_stream()
    return trainer(directory, **arguments).fit(model, stream, held_out, resume=resume)


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_training(one: Path, other: Path) -> None:
    """Two checkpoints are equal bit for bit, and so are their metrics but for the time."""
    a, b = (load_checkpoint(each / "checkpoints" / "last.pt") for each in (one, other))
    for name in ("model", "ema"):
        assert a[name].keys() == b[name].keys()
        assert all(torch.equal(a[name][key], b[name][key]) for key in a[name]), name
    for player, best in a["best"].items():
        assert (best["loss"], best["step"]) == (
            b["best"][player]["loss"],
            b["best"][player]["step"],
        )
        assert all(
            torch.equal(best["weights"][k], b["best"][player]["weights"][k])
            for k in best["weights"]
        )
    assert torch.equal(a["random"]["cpu"], b["random"]["cpu"])
    assert str(a["optimisers"]) == str(b["optimisers"])
    for name in ("step", "epoch", "position", "rollbacks", "judged_step", "distance"):
        assert a[name] == b[name], name
    assert a["judged"]["step"] == b["judged"]["step"]
    assert str(a["good"]) == str(b["good"])
    no_time = [[{**row, "seconds": ""} for row in rows(each)] for each in (one, other)]
    assert no_time[0] == no_time[1]


class InterruptedAt(Regression):
    """Gets a signal while it computes the loss of a given step."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.calls, self.step, self.number = 0, step, number

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        if self.training and player == "profile":
            self.calls += 1
            if self.calls == self.step:
                os.kill(os.getpid(), self.number)
        return super().losses(player, showers)


def test_fits_and_leaves_the_best_weights_in_the_model(tmp_path: Path) -> None:
    model = Regression()
    outcome = fit(tmp_path, model, epochs=60)
    assert (outcome.reason, outcome.step) == ("finished", 300)
    for player in ("profile", "generator"):
        error = model.losses(player, Numbers(numbers(200, seed=3)))["square"]
        assert error.item() < 0.2
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    assert all(torch.equal(best[name], value) for name, value in model.state_dict().items())
    assert abs(float(best["shift"]) - 3.0) < 0.5  # fitted by prepare, kept with the weights
    assert model.progress == 1.0


def test_every_makes_a_player_wait(tmp_path: Path) -> None:
    class Counting(Regression):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[str] = []

        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            if self.training:
                self.calls.append(player)
            return super().losses(player, showers)

    model = Counting()
    fit(tmp_path, model, steps=5)
    assert model.calls == ["profile", "profile", "generator"] * 2 + ["profile"]


def test_an_update_moves_its_own_player_only(tmp_path: Path) -> None:
    class Entangled(Regression):
        """The profile's loss depends on the generator too, and the generator's turn never comes."""

        def players(self) -> dict[str, Player]:
            generator = tuple(self.generator.parameters())
            return {
                "profile": Player(tuple(self.profile.parameters()), 0.1),
                "generator": Player(generator, 0.1, every=100),
            }

        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            terms = super().losses(player, showers)
            return {**terms, "other": self.generator(showers.rows[:, :2]).square().mean()}

    model = Entangled()
    profile, generator = (
        [parameter.clone() for parameter in part.parameters()]
        for part in (model.profile, model.generator)
    )
    fit(tmp_path, model, steps=3)
    assert all(
        torch.equal(*pair) for pair in zip(generator, model.generator.parameters(), strict=True)
    )
    assert not torch.equal(profile[0], model.profile.weight)


@pytest.mark.parametrize(
    "arguments", [{"validate_every": 4}, {}], ids=["every 4 steps", "every epoch"]
)
@pytest.mark.parametrize("step", [1, 7, 10], ids=["first", "middle of epoch", "end of epoch"])
def test_resumes_exactly(tmp_path: Path, step: int, arguments: dict[str, int]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Regression(), epochs=4, **arguments)
    outcome = fit(parts, InterruptedAt(step), epochs=4, **arguments)
    assert (outcome.reason, outcome.step) == ("interrupted", step)
    assert "resume" in outcome.message
    resumed = Regression(seed=77)  # neither the first weights nor the random numbers matter
    torch.rand(13)
    assert fit(parts, resumed, epochs=4, resume=True, **arguments).reason == "finished"
    assert_same_training(whole, parts)


def test_resumes_exactly_twice_after_sigterm(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Regression(), steps=17)
    fit(parts, InterruptedAt(3, signal.SIGTERM), steps=17)
    fit(parts, InterruptedAt(6, signal.SIGTERM), steps=17, resume=True)
    fit(parts, Regression(), steps=17, resume=True)
    assert_same_training(whole, parts)


def test_a_crash_after_a_checkpoint_repeats_no_row(tmp_path: Path) -> None:
    class Crashing(InterruptedAt):
        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            if self.training and self.calls == self.step:
                raise OSError("the node is gone")
            return super().losses(player, showers)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Regression(), steps=20, validate_every=5)
    with pytest.raises(OSError, match="gone"):
        fit(parts, Crashing(12, signal.SIGCONT), steps=20, validate_every=5)
    assert load_checkpoint(parts / "checkpoints" / "last.pt")["step"] == 10
    with (parts / "metrics.csv").open("a") as file:
        file.write("15,3,0.1\n")  # a row of a step that is lost
    fit(parts, Regression(), steps=20, validate_every=5, resume=True)
    assert [row["step"] for row in rows(parts)] == ["5", "10", "15", "20"]
    assert_same_training(whole, parts)


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    fit(tmp_path, Regression(), steps=6)
    before = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["model"]
    assert fit(tmp_path, Regression(), steps=6, resume=True).step == 6
    after = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["model"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len(rows(tmp_path)) == 2  # one at the end of the first epoch, one at the end


def test_signal_handlers_are_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    fit(tmp_path, InterruptedAt(2), steps=5)
    assert signal.getsignal(signal.SIGINT) is before


def test_validation_leaves_the_random_numbers_of_training_alone(tmp_path: Path) -> None:
    fit(tmp_path / "often", Regression(), steps=12, validate_every=1)
    fit(tmp_path / "once", Regression(), steps=12, validate_every=12)
    often, once = (
        load_checkpoint(tmp_path / d / "checkpoints" / "last.pt") for d in ("often", "once")
    )
    assert all(torch.equal(often["model"][name], once["model"][name]) for name in once["model"])
    last = [rows(tmp_path / d)[-1]["validation/profile/square"] for d in ("often", "once")]
    assert last[0] == last[1]


def test_metrics_hold_the_means_of_the_terms(tmp_path: Path) -> None:
    fit(tmp_path, Regression(), epochs=2)
    first, second = rows(tmp_path)
    assert [first["step"], first["epoch"], second["step"], second["epoch"]] == ["5", "1", "10", "2"]
    for player, term in (("profile", "square"), ("generator", "square"), ("generator", "absolute")):
        for part in ("train", "validation"):
            assert float(first[f"{part}/{player}/{term}"]) > 0.0
    assert float(second["train/profile/gradient_norm"]) > 0.0


def test_each_independent_player_keeps_its_own_best(tmp_path: Path) -> None:
    class Scripted(Regression):
        """Validation losses as written down; the generator is best first, the profile last."""

        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            if self.training:
                return super().losses(player, showers)
            seen[player].append(next(getattr(self, player).parameters()).clone())
            return {"scripted": torch.tensor(script[player][len(seen[player]) - 1])}

    script = {"profile": [3.0, 2.0, 1.0], "generator": [1.0, 2.0, 3.0]}
    seen: dict[str, list[Tensor]] = {"profile": [], "generator": []}
    trainer(tmp_path, steps=6, validate_every=2, validation_batches=1).fit(
        Scripted(), train_stream(), validation_stream()
    )
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    profile, generator = seen["profile"], seen["generator"]
    assert torch.equal(best["profile.weight"], profile[2])
    assert torch.equal(best["generator.0.weight"], generator[0])
    assert not torch.equal(generator[0], generator[2])


def test_players_of_a_game_keep_their_last_weights(tmp_path: Path) -> None:
    class Game(Regression):
        def players(self) -> dict[str, Player]:
            return {"generator": Player(tuple(self.generator.parameters()), 10.0)}  # gets worse

    model = Game()
    trainer(tmp_path, steps=5, validate_every=1, clip_norm=None).fit(
        model, train_stream(), validation_stream()
    )
    ema = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["ema"]
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    assert all(torch.equal(best[name], ema[name]) for name in ema)


def test_stops_early_when_no_player_improves(tmp_path: Path) -> None:
    class Stale(Regression):
        """The profile's validation loss falls twice, then never again; the generator's never."""

        validations = 0

        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            if self.training:
                return super().losses(player, showers)
            Stale.validations += player == "profile"
            return {
                "scripted": torch.tensor(max(-Stale.validations, -2) if player == "profile" else 1)
            }

    Stale.validations = 0
    outcome = trainer(tmp_path, steps=100, validate_every=1, validation_batches=1, patience=3).fit(
        Stale(), train_stream(), validation_stream()
    )
    assert (outcome.reason, outcome.step) == ("stopped early", 5)
    generator = [row["validation/generator/scripted"] for row in rows(tmp_path)]
    assert generator == ["1", "1", "1", "1", ""]  # it left after three without a better one


def test_divergence_keeps_the_last_good_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Diverging(Regression):
        steps = 0

        def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
            self.steps += self.training and player == "profile"
            terms = super().losses(player, showers)
            return {**terms, "bad": terms["square"] * (torch.nan if self.steps == 8 else 0.0)}

    model = Diverging()
    outcome = fit(tmp_path, model, steps=20, rollbacks=0)
    assert (outcome.reason, outcome.step) == ("diverged", 7)
    assert "player 'profile', step 8" in outcome.message
    assert "last.pt" in outcome.message and "\n" not in outcome.message
    assert outcome.message in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "checkpoints" / "last.pt")["step"] == 5
    assert all(bool(value.isfinite().all()) for value in model.state_dict().values())


def test_a_budget_of_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    outcome = fit(tmp_path, Regression(), minutes=0.005, validate_every=1000)
    assert outcome.reason == "finished"
    assert outcome.step > 1
    assert 0.005 <= outcome.minutes < 0.05


def test_refuses_a_directory_with_another_training(tmp_path: Path) -> None:
    fit(tmp_path, Regression(), steps=2)
    with pytest.raises(ValueError, match="holds a training already; resume it"):
        fit(tmp_path, Regression(), steps=2)


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"last\.pt: no such checkpoint"):
        fit(tmp_path, Regression(), steps=2, resume=True)


class Nothing:
    """A stream with no showers."""

    def epoch(self, number: int, start: int = 0) -> Iterator[Numbers]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_no_training_showers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training showers: no batch"):
        trainer(tmp_path, steps=2).fit(Regression(), Nothing(), validation_stream(), prepare=False)


def test_no_validation_showers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="validation showers: none"):
        trainer(tmp_path, steps=2).fit(Regression(), train_stream(), Nothing())


def test_without_prepare_the_buffers_stay(tmp_path: Path) -> None:
    model = Regression()
    model.shift.fill_(5.0)
    trainer(tmp_path, steps=1).fit(model, train_stream(), validation_stream(), prepare=False)
    assert float(model.shift) == 5.0


def test_a_shared_parameter_is_refused(tmp_path: Path) -> None:
    class Shared(Regression):
        def players(self) -> dict[str, Player]:
            parameters = tuple(self.profile.parameters())
            return {"a": Player(parameters, 0.1), "b": Player(parameters, 0.1)}

    with pytest.raises(ValueError, match=r"'profile\.weight' belongs to player 'a' already"):
        trainer(tmp_path, steps=1).fit(Shared(), train_stream(), validation_stream())


def test_a_terminal_sees_a_bar_with_losses_and_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(tmp_path, Regression(), steps=30, progress_bar=True)
    output = capsys.readouterr()
    assert "%|" in output.err and "<" in output.err and "profile=" in output.err
    assert "step 5  epoch 1" in output.out and "generator" in output.out
