import time
from pathlib import Path

import pytest
import torch
from training.test_trainer import assert_same_training, rows, trainer
from training.toys import Game, Regression, Script, train_stream, validation_stream

from pointcalo.training import Outcome
from pointcalo.training.checkpoint import load_checkpoint, load_weights


def fit(directory: Path, model: Regression, judge: Script, **arguments: object) -> Outcome:
    resume = bool(arguments.pop("resume", False))
    initial = arguments.pop("initial", None)
    return trainer(directory, **arguments).fit(
        model, train_stream(), validation_stream(), resume=resume, initial=initial, judge=judge
    )


def test_judged_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    judge = Script(0.4, 0.2, 0.3, 0.25)
    fit(tmp_path, Game(), judge, steps=11, judge_every=3)
    written = {row["step"]: row["judged/mean"] for row in rows(tmp_path) if row["judged/mean"]}
    assert written == {"3": "0.4", "6": "0.2", "9": "0.3", "11": "0.25"}
    row = next(row for row in rows(tmp_path) if row["step"] == "6")
    assert (row["judged/low"], row["judged/high"]) == ("0.1", "0.3")
    assert row["validation/profile/square"] == ""  # validated at 5, 10 and 11
    assert float(rows(tmp_path)[-1]["validation/profile/square"]) > 0.0  # in one row with it


def test_of_a_game_the_weights_judged_best_are_kept(tmp_path: Path) -> None:
    judge, model = Script(0.4, 0.2, 0.3, 0.25), Game()
    fit(tmp_path, model, judge, steps=11, judge_every=3)
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    game = [name for name in best if name.startswith(("generator", "unused"))]
    assert all(torch.equal(best[name], judge.shown[1][name]) for name in game)
    assert not torch.equal(
        judge.shown[1]["generator.0.weight"], judge.shown[3]["generator.0.weight"]
    )
    # the profile is no part of the game: the best by its own validation loss, the last of which
    # are those of step 11
    assert torch.equal(best["profile.weight"], judge.shown[3]["profile.weight"])
    assert all(torch.equal(best[name], value) for name, value in model.state_dict().items())


def test_what_a_classifier_tells_apart_counts_more_than_small_distances(tmp_path: Path) -> None:
    judge = Script(0.04, 0.05, 0.03, 0.05, aucs=[0.62, 0.58, 0.65, 0.6])
    fit(tmp_path, Game(), judge, steps=11, judge_every=3)
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    game = [name for name in best if name.startswith("generator")]
    assert all(torch.equal(best[name], judge.shown[1][name]) for name in game)
    written = [row for row in rows(tmp_path) if row["judged/mean"]]
    assert [row["judged/mean"] for row in written] == ["0.04", "0.05", "0.03", "0.05"]
    assert [row["judged/auc"] for row in written] == ["0.62", "0.58", "0.65", "0.6"]


def test_an_auc_of_chance_or_below_leaves_it_to_the_distances(tmp_path: Path) -> None:
    judge = Script(0.04, 0.03, aucs=[0.45, 0.5])
    fit(tmp_path, Game(), judge, steps=6, judge_every=3)
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    assert torch.equal(best["generator.0.weight"], judge.shown[1]["generator.0.weight"])


def test_independent_players_do_not_mind_the_judge(tmp_path: Path) -> None:
    fit(tmp_path / "judged", Regression(), Script(0.2, 0.3, 0.35), steps=9, judge_every=4)
    fit(tmp_path / "not", Regression(), Script(), steps=9)
    judged, plain = (
        load_weights(tmp_path / n / "checkpoints" / "best.pt") for n in ("judged", "not")
    )
    assert all(torch.equal(judged[name], plain[name]) for name in plain)


def test_without_a_time_there_is_no_judging(tmp_path: Path) -> None:
    judge = Script()
    fit(tmp_path, Game(), judge, steps=4)
    assert judge.shown == [] and "judged/mean" not in rows(tmp_path)[0]


@pytest.mark.parametrize("stop", [4, 6])
def test_a_resumed_training_is_judged_alike(tmp_path: Path, stop: int) -> None:
    distances = (0.4, 0.2, 0.3, 0.9, 0.3)  # the fourth is a collapse
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(whole, Game(), Script(*distances), steps=14, judge_every=3)
    first = Script(*distances)
    with pytest.raises(KeyboardInterrupt):
        fit(parts, Stopped(stop), first, steps=14, judge_every=3)
    saved = load_checkpoint(parts / "checkpoints" / "last.pt")["step"]
    second = Script(*distances[saved // 3 :])
    assert fit(parts, Game(seed=7), second, steps=14, judge_every=3, resume=True).rollbacks == 1
    assert_same_training(whole, parts)


class Stopped(Game):
    """Ends without a word in the step after a given one of fourteen, as where the power fails."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def losses(self, player: str, showers: object) -> dict[str, torch.Tensor]:
        if self.training and self.progress >= (self.step - 0.5) / 14:
            raise KeyboardInterrupt
        return super().losses(player, showers)


def test_minutes_between_judgings_are_of_training(tmp_path: Path) -> None:
    class Slow(Script):
        def __call__(self, model: Regression) -> dict[str, float]:
            time.sleep(0.2)
            return super().__call__(model)

    judge, began = Slow(*[0.3] * 1000), time.monotonic()
    outcome = fit(tmp_path, Game(), judge, minutes=0.01, judge_minutes=0.004, validate_every=1000)
    passed = time.monotonic() - began
    assert 2 <= len(judge.shown) <= 3  # after 0.004 and, where a step is short, 0.008; at the end
    assert passed >= 60.0 * outcome.minutes + 0.19 * len(judge.shown)


def test_what_training_begins_from_is_judged_first(tmp_path: Path) -> None:
    """A training that only loses leaves what it began from."""
    given = Game(seed=5).state_dict()
    judge, model = Script(0.2, 0.3, 0.3), Game()
    outcome = fit(tmp_path, model, judge, steps=4, judge_every=2, initial=given)
    assert [row["step"] for row in rows(tmp_path)] == ["0", "2", "4"]
    assert outcome.reason == "finished"
    assert all(torch.equal(judge.shown[0][name], value) for name, value in given.items())
    best = load_weights(tmp_path / "checkpoints" / "best.pt")
    assert torch.equal(best["generator.0.weight"], given["generator.0.weight"])
    assert float(model.shift) == float(given["shift"]) == 0.0  # not fitted anew
