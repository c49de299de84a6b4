import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from pointcalo.interruption import Interruption
from pointcalo.models.base import Player
from pointcalo.training import checkpoint
from pointcalo.training.budget import Budget, step_size
from pointcalo.training.checkpoint import (
    load_checkpoint,
    load_weights,
    load_weights_into,
    save_atomically,
)
from pointcalo.training.ema import ExponentialAverage
from pointcalo.training.gradients import assign, clip, flat_gradient
from pointcalo.training.metrics_file import MetricsFile
from pointcalo.training.processes import Processes


def test_the_first_limit_reached_counts() -> None:
    budget = Budget(steps=100, epochs=4, minutes=2.0)
    assert budget.progress(50, 1.0, 12.0) == pytest.approx(0.5)
    assert budget.progress(50, 3.0, 12.0) == pytest.approx(0.75)
    assert budget.progress(50, 3.0, 108.0) == pytest.approx(0.9)
    assert budget.progress(500, 0.0, 0.0) == 1.0


@pytest.mark.parametrize("limits", [{}, {"steps": 0}, {"epochs": 3, "minutes": -1.0}])
def test_a_budget_needs_a_positive_limit(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give at least one of them"):
        Budget(**limits)


def test_step_size_rises_and_falls() -> None:
    sizes = [step_size(p, warm_up=0.2, floor=0.1) for p in (0.0, 0.1, 0.2, 0.6, 1.0)]
    assert sizes == pytest.approx([0.01, 0.5, 1.0, 0.55, 0.1])
    assert step_size(0.0, warm_up=0.0, floor=0.1) == 1.0


def test_average_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    model.register_buffer("scale", torch.tensor(2.0))
    average = ExponentialAverage(model, decay=0.5)
    model.weight.data.fill_(1.0)
    model.scale.fill_(3.0)
    average.update(model, 1)  # decay min(0.5, 2/11): 9/11 of the way
    assert average.model.weight.item() == pytest.approx(9 / 11)
    average.update(model, 20)  # decay 0.5: half of the rest
    assert average.model.weight.item() == pytest.approx(10 / 11)
    assert average.model.scale.item() == 2.0
    average.copy_buffers(model)
    assert average.model.scale.item() == 3.0
    assert not average.model.weight.requires_grad and not average.model.training


def test_flat_gradient_by_hand() -> None:
    a, b, c = (nn.Parameter(torch.tensor(values)) for values in ([1.0, 2.0], [[3.0]], [4.0]))
    gradient = flat_gradient((a * a).sum() + 5.0 * b.sum(), [a, b, c])
    assert gradient.tolist() == [2.0, 4.0, 5.0, 0.0]
    assign(gradient, [a, b, c])
    assert b.grad is not None and b.grad.shape == (1, 1) and b.grad.item() == 5.0


def test_clip_scales_down_only() -> None:
    gradient = torch.tensor([3.0, 4.0])
    assert clip(gradient, 1.0).tolist() == pytest.approx([0.6, 0.8])
    assert clip(gradient, 10.0).tolist() == [3.0, 4.0]
    assert clip(gradient, None) is gradient
    assert clip(torch.zeros(2), 1.0).tolist() == [0.0, 0.0]


def test_a_broken_write_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    save_atomically({"a": torch.ones(2)}, path)

    def full(content: object, file: object) -> None:
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_atomically({"a": torch.zeros(2)}, path)
    assert load_weights(path)["a"].tolist() == [1.0, 1.0]
    assert [each.name for each in tmp_path.iterdir()] == ["last.pt"]


def test_checkpoints_of_another_kind_are_named(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="damaged or foreign"):
        load_checkpoint(path)
    save_atomically({"version": 99}, path)
    with pytest.raises(ValueError, match="version 99, this pointcalo reads up to 1; update"):
        load_checkpoint(path)
    with pytest.raises(ValueError, match="not a file of weights"):
        load_weights(path)
    save_atomically({"a": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="not a training checkpoint"):
        load_checkpoint(path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    torch.save({"version": 1, "model": Path("anything")}, path)
    with pytest.raises(ValueError, match="damaged or foreign"):
        load_checkpoint(path)


def test_weights_of_another_model_are_named() -> None:
    with pytest.raises(ValueError, match=r"first 'bias': got shape \(3,\), expected \(2,\)"):
        load_weights_into(nn.Linear(4, 2), nn.Linear(4, 3).state_dict())


def test_a_second_ctrl_c_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pointcalo.interruption.monotonic", lambda: now)
    with Interruption() as interruption:
        assert not interruption.requested
        signal.raise_signal(signal.SIGINT)
        assert interruption.requested
        signal.raise_signal(signal.SIGINT)  # the same Ctrl-C, passed on by torchrun
        now = 110.0
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_metrics_gain_columns_and_forget_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics = MetricsFile(path)
    metrics.append({"step": 1, "a": 0.5})
    metrics.append({"step": 2, "a": 1 / 3, "b": 2.0})
    assert path.read_text().splitlines() == ["step,a,b", "1,0.5,", "2,0.3333333,2"]
    again = MetricsFile(path)
    again.forget_after(1)
    assert path.read_text().splitlines() == ["step,a,b", "1,0.5,"]


def test_one_process_is_its_own_mean() -> None:
    processes = Processes("cpu")
    values = torch.tensor([1.0, 2.0])
    assert (processes.rank, processes.world) == (0, 1)
    assert processes.mean(values, 3) is values
    assert processes.largest(1.0, 2.5) == [1.0, 2.5]


def test_random_state_returns() -> None:
    processes = Processes("cpu")
    state = processes.random_state()
    first = torch.rand(3)
    processes.set_random_state(state)
    assert torch.equal(torch.rand(3), first)
    with pytest.raises(ValueError, match="of 2 processes, got 1"):
        processes.set_random_state({"cpu": state["cpu"].repeat(2, 1)})


def test_precision_is_checked() -> None:
    with pytest.raises(ValueError, match="'16-mixed': expected one of 32-true, bf16-mixed"):
        Processes("cpu", "16-mixed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parameters": (), "learning_rate": 1.0}, "no parameters"),
        ({"parameters": (nn.Parameter(torch.ones(1)),), "learning_rate": 0.0}, "learning rate 0.0"),
        ({"parameters": (nn.Parameter(torch.ones(1)),), "learning_rate": 1.0, "every": 0}, "every"),
    ],
)
def test_players_are_checked(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Player(**arguments)
