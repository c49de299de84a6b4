import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training.test_trainer import assert_same_training, rows, trainer
from training.toys import (
    Fragile,
    InMemory,
    Numbers,
    Regression,
    Script,
    marked_stream,
    train_stream,
    validation_stream,
)

from pointcalo.training import Outcome
from pointcalo.training.checkpoint import load_checkpoint, load_weights, save_atomically
from pointcalo.training.divergence import (
    DivergenceError,
    check_judged,
    check_losses,
    is_good,
)


def fit(directory: Path, model: Regression, **arguments: object) -> Outcome:
    resume = bool(arguments.pop("resume", False))
    judge = arguments.pop("judge", None)
    stream = arguments.pop("stream", None) or marked_stream()
    return trainer(directory, **arguments).fit(
        model, stream, validation_stream(), resume=resume, judge=judge
    )


def position_of_mark(epoch: int) -> int:
    return next(
        n for n, batch in enumerate(marked_stream().epoch(epoch)) if bool((batch.rows > 99).any())
    )


def test_far_is_by_the_rule() -> None:
    check_losses({"a": 5.9, "b": 90.0}, {"a": 2.0}, 1)  # 3.9 above, at most 2 * 2; b plays a game
    with pytest.raises(DivergenceError, match=r"player 'a', step 7: validation loss 6\.1, more"):
        check_losses({"a": 6.1}, {"a": 2.0}, 7)
    check_losses({"a": 1.9}, {"a": -0.05}, 1)
    with pytest.raises(DivergenceError, match=r"best of -0\.05"):
        check_losses({"a": 2.0}, {"a": -0.05}, 1)
    with pytest.raises(DivergenceError, match="player 'b', step 3: validation loss nan"):
        check_losses({"b": float("nan")}, {}, 3)


def test_collapse_is_by_the_rule() -> None:
    check_judged(0.49, 0.01, 1)  # far from its best, but small
    check_judged(0.79, 0.2, 1)
    check_judged(float("inf"), float("inf"), 1)  # nothing to lose
    with pytest.raises(DivergenceError, match=r"step 9: showers collapsed, judged distance 0\.81"):
        check_judged(0.81, 0.2, 9)
    assert is_good(None, float("inf")) and is_good(0.4, 0.2) and not is_good(0.41, 0.2)


def test_a_loss_that_is_not_finite_is_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights and optimisers come back, the batch is left out, the learning rate is halved."""
    marks = [position_of_mark(epoch) for epoch in range(2)]
    outcome = fit(tmp_path, Fragile(), epochs=2)
    assert (outcome.reason, outcome.step, outcome.rollbacks) == ("finished", 8, 2)
    said = capsys.readouterr().out
    assert f"step {marks[0] + 1}: gradient norm nan" in said
    assert "rolled back to the weights of step 0, learning rates now 0.5 of those set" in said
    assert "rolled back to the weights of step 4, learning rates now 0.25 of those set" in said
    last = load_checkpoint(tmp_path / "checkpoints" / "last.pt")
    assert last["rollbacks"] == 2 and (last["epoch"], last["position"]) == (2, 0)
    assert all(bool(value.isfinite().all()) for value in last["model"].values())


def test_after_a_rollback_it_goes_on_from_the_good_weights(tmp_path: Path) -> None:
    """An epoch whose last batch is bad ends with the weights of its begin."""
    bad = numbers_marked_at_the_end()
    fit(tmp_path / "good", Fragile(), epochs=1, stream=InMemory(bad[:-8], 8, shuffle=False))
    outcome = fit(tmp_path / "bad", Fragile(), epochs=1, stream=InMemory(bad, 8, shuffle=False))
    assert outcome.rollbacks == 1
    good, rolled = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.pt") for name in ("good", "bad")
    )
    fresh = Fragile().state_dict()
    assert all(torch.equal(rolled["model"][n], fresh[n]) for n in fresh if n != "shift")
    assert all(torch.equal(rolled["ema"][n], fresh[n]) for n in fresh if n != "shift")
    assert not torch.equal(good["model"]["profile.weight"], rolled["model"]["profile.weight"])
    assert rolled["optimisers"]["profile"]["state"] == {}  # moments of no step


def numbers_marked_at_the_end() -> Tensor:
    rows = marked_stream().rows
    return torch.cat([rows[8:], rows[:8]])


def test_too_often_ends_with_the_best_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Fragile()
    outcome = fit(tmp_path, model, epochs=9, rollbacks=2)
    assert (outcome.reason, outcome.rollbacks) == ("diverged", 2)
    assert "after 2 rollbacks: player 'profile'" in outcome.message
    assert "\n" not in outcome.message and outcome.message in capsys.readouterr().out
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    assert all(torch.equal(best[name], value) for name, value in model.state_dict().items())
    assert len(rows(tmp_path)) == 2  # the epochs that were completed


def test_a_resumed_training_rolls_back_alike(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Fragile(), steps=14)
    for stop in range(1, 14, 3):  # between a checkpoint and the bad batch, too
        model = StoppedAt(stop)
        assert fit(parts, model, steps=14, resume=stop > 1).reason == "interrupted"
    resumed = Fragile(seed=77)
    torch.rand(13)
    assert fit(parts, resumed, steps=14, resume=True).rollbacks > 1
    assert_same_training(whole, parts)


def test_a_checkpoint_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Those knew neither rollbacks nor judging."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Regression(), steps=14, stream=train_stream())
    assert fit(parts, StoppedAt(6), steps=14, stream=train_stream()).step == 7
    path = parts / "checkpoints" / "last.pt"
    content = load_checkpoint(path)
    assert content["step"] == 7
    for name in ("rollbacks", "good", "judged", "judged_step", "judged_seconds", "distance"):
        del content[name]
    save_atomically(content, path)
    fit(parts, Regression(seed=8), steps=14, stream=train_stream(), resume=True)
    assert_same_training(whole, parts)


class StoppedAt(Fragile):
    """Gets Ctrl-C in the step after a given one of fourteen."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        if self.training and self.progress >= (self.step - 0.5) / 14:
            signal.raise_signal(signal.SIGINT)
            self.step = 1000
        return super().losses(player, showers)


class Scripted(Regression):
    """The profile's validation losses are as written down, the last for ever."""

    looks = 0  # of the class: validation looks at a copy of the model

    def __init__(self, *script: float) -> None:
        super().__init__()
        Scripted.looks, self.script = 0, script

    def losses(self, player: str, showers: Numbers) -> dict[str, Tensor]:
        if self.training or player != "profile":
            return super().losses(player, showers)
        Scripted.looks += 1
        return {"scripted": torch.tensor(self.script[min(Scripted.looks, len(self.script)) - 1])}


def test_a_validation_loss_far_above_its_best(tmp_path: Path) -> None:
    settings = {"steps": 5, "validate_every": 1, "validation_batches": 1, "rollbacks": 1}
    outcome = fit(tmp_path, Scripted(1.0, 0.5, 9.0, 0.4), stream=train_stream(), **settings)
    assert (outcome.reason, outcome.step, outcome.rollbacks) == ("finished", 5, 1)
    script = [row["validation/profile/scripted"] for row in rows(tmp_path)]
    assert script == ["1", "0.5", "9", "0.4", "0.4"]
    other = tmp_path / "other"
    outcome = fit(other, Scripted(1.0, 9.0), stream=train_stream(), **settings)
    assert (outcome.reason, outcome.step) == ("diverged", 3)
    assert load_checkpoint(other / "checkpoints" / "last.pt")["step"] == 1


def test_collapsed_showers_are_rolled_back_to_good_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = Script(0.3, 0.2, 0.5, 0.9, 0.3)  # the third is worse than one to come back to
    settings = {"steps": 5, "judge_every": 1, "validate_every": 1}
    outcome = fit(tmp_path, Regression(), judge=judge, stream=train_stream(), **settings)
    assert (outcome.reason, outcome.rollbacks) == ("finished", 1)
    said = capsys.readouterr().out
    assert "step 4: showers collapsed, judged distance 0.9" in said
    assert "rolled back to the weights of step 2" in said
