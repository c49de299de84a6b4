from pathlib import Path

import pytest
import torch
from torch import nn
from training.test_trainer import trainer
from training.toys import Game, Regression, train_stream, validation_stream

from pointcalo.training.checkpoint import load_checkpoint, load_weights
from pointcalo.training.initial import initial_weights


class WithCritic(Regression):
    """Another model with the same profile model and generator."""

    def __init__(self, seed: int = 9) -> None:
        super().__init__(seed=seed)
        self.critic = nn.Linear(3, 1)
        self.unused = nn.Linear(3, 3)  # of another shape


def test_parts_that_fit_are_taken_over_whole() -> None:
    given = Regression().state_dict()
    initial = initial_weights(WithCritic(), given)
    assert initial.taken == ("shift", "profile", "generator")
    assert initial.fresh == ("unused", "critic")
    assert initial.left == ("unused",)
    assert initial.message == (
        "takes over shift, profile, generator; begins anew: unused, critic; left behind: unused"
    )
    assert initial.weights.keys() == {n for n in given if not n.startswith("unused")}


def test_what_a_part_lacks_by_its_age_is_no_misfit() -> None:
    model = Regression()
    model.profile.register_buffer("seen_radius", torch.ones(3))
    initial = initial_weights(model, Regression().state_dict())
    assert "profile" in initial.taken and "profile.seen_radius" not in initial.weights


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("generator", r"'generator\.0\.weight': got shape \(4, 2\), expected shape \(5, 2\)"),
        ("profile", r"'profile\.weight': got shape \(1, 2\), expected shape \(5, 2\)"),
    ],
)
def test_another_network_is_refused(part: str, words: str) -> None:
    model = Regression()
    setattr(model, part, nn.Sequential(nn.Linear(2, 5)) if part == "generator" else nn.Linear(2, 5))
    with pytest.raises(ValueError, match=f"^weight {words}; take the network of that run"):
        initial_weights(model, Regression().state_dict())


def test_weights_without_a_generator_are_refused() -> None:
    given = {n: v for n, v in Regression().state_dict().items() if not n.startswith("generator")}
    with pytest.raises(ValueError, match=r"'generator\.0\.weight': got none, expected shape"):
        initial_weights(Regression(), given)


def test_a_game_begins_from_a_likelihood(tmp_path: Path) -> None:
    """Bit for bit, in a model of another class; then it trains on; resumed, it goes on."""
    first, second = tmp_path / "first", tmp_path / "second"
    streams = train_stream(), validation_stream()
    trainer(first, steps=7).fit(Regression(), *streams)
    given = load_weights(first / "checkpoints" / "best.pt")
    seen = []

    class Looking(Game):
        def losses(self, player: str, showers: object) -> dict[str, torch.Tensor]:
            seen.append({name: value.clone() for name, value in self.state_dict().items()})
            return super().losses(player, showers)

    initial = initial_weights(model := Looking(seed=4), given).weights
    trainer(second, steps=6).fit(model, *streams, initial=initial)
    assert all(torch.equal(seen[0][name], value) for name, value in given.items())
    last = load_checkpoint(second / "checkpoints" / "last.pt")["model"]
    assert not torch.equal(last["generator.0.weight"], given["generator.0.weight"])
    assert torch.equal(last["shift"], given["shift"])

    trainer(second, steps=6).fit(Game(seed=5), *streams, resume=True, initial=initial)
    again = load_checkpoint(second / "checkpoints" / "last.pt")["model"]
    assert all(
        torch.equal(last[name], again[name]) for name in last
    )  # where it was, not begun anew
