"""Keys with their comments, read from YAML text; and the YAML files that come with the package."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pointcalo.cli.keys import Key, close_names, description, read_keys
from pointcalo.cli.launch import name_file
from pointcalo.cli.main import CONFIGURED, PLAIN
from pointcalo.resources import folder

YAML = """\
# Train a generator.
# Writes a folder.
defaults:
  - optional model: vae  # objective
  - override hydra/job_logging: none
  - _self_

hydra:
  verbose: true
energy_GeV: [1, 100]  # range of energies,
                      # log-uniform
seed: 1
data: null  # "a # b" in files
list:  # several
  - a
  - b
trainer:
  _target_: pointcalo.training.Trainer
  # steps between
  # two checkpoints
  every: 100
  window: {x: 1, y: 2}  # mm
"""


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    (tmp_path / "train.yaml").write_text(YAML)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "vae.yaml").write_text("latent: 16  # size\n")
    (tmp_path / "model" / "gan.yaml").write_text("# @package _global_\ncritic: 5  # steps\n")
    return tmp_path


def test_every_form_of_comment_is_read(configs: Path) -> None:
    assert read_keys(configs, "train") == [
        Key("energy_GeV", "[1,100]", "range of energies, log-uniform"),
        Key("seed", "1", ""),
        Key("data", "null", '"a # b" in files'),
        Key("list", "[a,b]", "several"),
        Key("trainer.every", "100", "steps between two checkpoints"),
        Key("trainer.window", "{x:1,y:2}", "mm"),
        Key("model", "vae", "objective", ("gan", "vae")),
        Key("model.latent", "16", "size"),
    ]


def test_chosen_group_replaces_the_default(configs: Path) -> None:
    keys = read_keys(configs, "train", {"model": "gan"})
    assert keys[-2:] == [
        Key("model", "gan", "objective", ("gan", "vae")),
        Key("critic", "5", "steps"),  # the file's package is global
    ]


def test_a_chosen_file_chooses_from_other_groups_and_sets_their_keys(configs: Path) -> None:
    """As an experiment does."""
    text = "# @package _global_\ndefaults:\n  - override /model: gan\ncritic: 9\nlist: null\n"
    (configs / "study").mkdir()
    (configs / "study" / "deep.yaml").write_text(text)
    head = YAML.replace("  - _self_\n", "  - _self_\n  - study: null  # which\n")
    (configs / "train.yaml").write_text(head)
    keys = {key.name: key for key in read_keys(configs, "train", {"study": "deep"})}
    assert keys["model"].default == "gan"
    assert keys["critic"] == Key("critic", "9", "steps")
    assert keys["list"].default == "null"
    chosen = read_keys(configs, "train", {"study": "deep", "model": "vae"})
    assert {"model.latent", "critic"} <= {key.name for key in chosen}  # what is typed counts more


def test_description_is_the_head_of_the_file(configs: Path) -> None:
    assert description(configs, "train") == "Train a generator.\nWrites a folder."


def test_close_names_knows_the_last_part_alone(configs: Path) -> None:
    keys = read_keys(configs, "train")
    assert close_names("energy", keys)[0] == "energy_GeV"
    assert close_names("every", keys) == ["trainer.every"]
    assert close_names("qqqq", keys) == []


@pytest.mark.parametrize("command", CONFIGURED)
def test_every_key_that_comes_with_the_package_has_a_comment(command: str) -> None:
    keys = read_keys(folder("configs"), command)
    assert keys
    assert [key.name for key in keys if not key.comment] == []


@pytest.mark.parametrize("command", CONFIGURED)
def test_every_key_of_the_example_exists(command: str) -> None:
    names = {key.name for key in read_keys(folder("configs"), command)}
    example = name_file(CONFIGURED[command][1].replace("'", "").split())
    assert {part.partition("=")[0] for part in example} <= names


def test_every_command_in_the_readme_exists() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = [line.split() for line in readme.splitlines() if line.startswith("pointcalo ")]
    assert {line[1] for line in lines} == {*CONFIGURED, *PLAIN}
    for _, command, *arguments in lines:
        if command in CONFIGURED:
            names = {key.name for key in read_keys(folder("configs"), command)}
            assert {key.strip("'").partition("=")[0] for key in name_file(arguments)} <= names


@pytest.mark.parametrize("path", sorted(folder("configs").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_loads(path: Path) -> None:
    assert len(OmegaConf.load(path)) > 0
