"""Every model with every network of the configuration runs, or answers with one line."""

import re
from itertools import product
from pathlib import Path

import pytest
import torch
from networks.showers import blobs
from omegaconf import OmegaConf

from pointcalo.cli.main import main
from pointcalo.cli.run_directory import build_model
from pointcalo.formats.stream import ShowerStream
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.networks.profile import Profile
from pointcalo.resources import folder
from pointcalo.showers.noise import Noise

README = Path(__file__).parents[2] / "README.md"
NAMES = {
    group: sorted(path.stem for path in (folder("configs") / group).glob("*.yaml"))
    for group in ("model", "network")
}
PAIRS = list(product(NAMES["model"], NAMES["network"]))


def table() -> dict[tuple[str, str], bool]:
    """Of the README: whether a model runs with a network."""
    rows = re.findall(r"^\| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [[cell.strip(" `") for cell in row.split("|")] for row in rows]
    head = next(row for row in cells if row[0].startswith("model="))
    networks = [name.removeprefix("network=") for name in head[1:]]
    found = {row[0]: row[1:] for row in cells if row[0] in NAMES["model"]}
    return {
        (model, network): text == "yes"
        for model, texts in found.items()
        for network, text in zip(networks, texts, strict=True)
    }


def built(model: str, network: str, geometry: Geometry) -> Model:
    """The model of the configuration files as they are, but for its size."""
    config = {
        group: OmegaConf.load(folder("configs") / group / f"{name}.yaml")
        for group, name in (("model", model), ("network", network))
    }
    config["network"].width = 16
    config["profile"] = OmegaConf.load(folder("configs") / "train.yaml").profile
    torch.manual_seed(1)
    return build_model(OmegaConf.create({**config, "conditions": []}), geometry)


def test_the_readme_has_every_pair() -> None:
    assert set(table()) == set(PAIRS)


@pytest.mark.parametrize(("model", "network"), [pair for pair in PAIRS if not table()[pair]])
def test_the_rest_answers_with_one_line(
    model: str, network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    pair = (f"model={model}", f"network={network}")
    assert main(["train", "geometry=toy", *pair, f"output={output}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"model={model} needs" in error and "take network=" in error
    assert not output.exists()


@pytest.mark.parametrize(("model", "network"), [pair for pair in PAIRS if table()[pair]])
def test_what_runs_runs(model: str, network: str) -> None:
    """Finite losses of every player, and showers with the profile that was asked for."""
    geometry = Geometry.load("toy")
    showers = blobs(geometry, 20)
    made = built(model, network, geometry)
    made.prepare(ShowerStream(showers, batch=20, geometry=geometry, shuffle=False))
    for player in made.players():
        terms = made.losses(player, showers[:8])
        assert all(bool(term.isfinite()) for term in terms.values())
    noise = Noise.for_showers(1, torch.arange(8))
    profile = Profile.of(showers[:8], geometry)
    latent = noise.latent(made.generator.latent)
    new = made.generator(latent, showers.incident[:8], profile, noise)
    assert torch.equal(new.layer_sums(geometry.num_layers)[0], profile.counts)
