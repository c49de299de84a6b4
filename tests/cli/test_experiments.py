"""Entries of the table of results: each composes, builds on its detector and says what it needs."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from pointcalo.cli.command_help import command_help
from pointcalo.cli.keys import read_keys
from pointcalo.cli.main import main
from pointcalo.cli.run_directory import build_model
from pointcalo.cli.settings import check_settings
from pointcalo.geometry import Geometry
from pointcalo.resources import folder

CONFIGS = folder("configs")
NAMES = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
GENERATED = ("vae", "gan", "wgan", "bibae")


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", list(overrides))


def line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_every_model_has_an_entry_on_both_detectors() -> None:
    wanted = {f"{detector}_{model}" for detector in ("hgcal", "ild") for model in GENERATED}
    assert wanted <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_composes_and_builds_on_its_detector(name: str) -> None:
    config = composed(f"experiment={name}")
    keys = read_keys(CONFIGS, "train", {"experiment": name})
    check_settings(config, {key.name: key.default for key in keys})
    assert config.output == f"runs/{name}"
    trainer = config.trainer  # a budget that is the same on every machine
    least = 1000 if config.init is None else 600
    assert trainer.minutes is None and trainer.steps >= least and config.threads == 1
    if config.init is not None:
        assert Path(config.init).name in NAMES
    geometry = Geometry.load(config.geometry)
    torch.manual_seed(1)
    model = build_model(config, geometry)
    assert model.generator.geometry.hash == geometry.hash
    assert name.startswith(geometry.name)


def test_the_name_says_model_and_detector() -> None:
    for model in GENERATED:
        config = composed(f"experiment=ild_{model}")
        assert config.model._target_.rpartition(".")[2].lower() == model
        assert config.geometry == "ild"
        assert config.init == (None if model == "vae" else "runs/ild_vae")


def test_what_is_typed_counts_more() -> None:
    config = composed(
        "experiment=hgcal_vae", "seed=3", "output=runs/hgcal_vae_${seed}", "threads=2"
    )
    assert (config.output, config.threads) == ("runs/hgcal_vae_3", 2)


def test_ablations_differ_in_one_thing() -> None:
    plain = composed("experiment=hgcal_ablation_nothing")
    latent = composed("experiment=hgcal_ablation_no_latent")
    half = composed("experiment=hgcal_ablation_half_data")
    assert (plain.network.latent, latent.network.latent) == (8, 0)
    assert (plain.data_share, half.data_share) == (1.0, 0.5)
    for changed in (latent, half):
        changed.network.latent, changed.data_share = 8, 1.0
        changed.output = plain.output
        assert changed == plain


def test_help_shows_the_settings_of_an_experiment() -> None:
    text = command_help("train", "", ["experiment=hgcal_ablation_no_latent"])
    assert "network.latent=0 " in text
    assert "  output=runs/hgcal_ablation_no_latent\n" in text
    assert "simulation.showers" not in text
    text = command_help("train", "", ["experiment=hgcal_gan"])
    assert "model=gan " in text and "model.critic_width=48 " in text
    assert all(name in command_help("train", "", []) for name in NAMES)


def test_an_unknown_one_is_answered_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "experiment=nonsense"]) == 2
    assert line(capsys).endswith(
        f"no configuration experiment/nonsense; there are: {', '.join(NAMES)}\n"
    )


def test_what_to_train_first_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "experiment=hgcal_gan", "network.width=16"]) == 2
    first = "pointcalo train experiment=hgcal_vae data=FILE output=runs/hgcal_vae"
    assert f"init=runs/hgcal_vae: no such run yet; make it first: {first}" in line(capsys)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "data: got null, and no simulation to make showers; give data=FILE"),
        (
            ["simulation.showers=9"],
            "simulation.showers: the configurations chosen have no simulation",
        ),
    ],
)
def test_geant4_experiments_are_not_run_on_other_showers(
    more: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "experiment=hgcal_vae", "network.width=16", *more]) == 2
    assert said in line(capsys)
    assert not list(tmp_path.iterdir())


def test_one_experiment_follows_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the commands of the documentation only the size of the work is changed."""
    monkeypatch.chdir(tmp_path)
    showers = ["geometry=hgcal", "particle=photon", "showers=30", "energy_GeV=[1,2]"]
    assert main(["simulate", *showers, "output=data.h5"]) == 0
    small = ["network.width=16", "profile.width=16", "trainer.minutes=null", "trainer.steps=1"]
    for name in ("hgcal_vae", "hgcal_gan"):
        keys = [f"experiment={name}", "data=data.h5", "threads=1", "batch=4"]
        assert main(["train", *keys, *small, "data_share=0.5"]) == 0
        assert f"runs/{name}: 11 training and 3 validation showers" in capsys.readouterr().out
    origin = yaml.safe_load(Path("runs/hgcal_gan/origin.yaml").read_text())
    assert origin["command"].startswith("pointcalo train experiment=hgcal_gan data=data.h5 ")
    assert "begun from run hgcal_vae" in origin["trained_on"]
