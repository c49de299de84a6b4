"""Every model runs with every network of the configuration."""

import re
from itertools import product
from pathlib import Path

import pytest
import torch
from networks.showers import blobs
from omegaconf import OmegaConf

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


def built(model: str, network: str, geometry: Geometry, **settings: str) -> Model:
    """The model of the configuration files as they are, but for its size and other settings."""
    config = {
        group: OmegaConf.load(folder("configs") / group / f"{name}.yaml")
        for group, name in (("model", model), ("network", network))
    }
    config["network"].width = 16
    config["model"].update(settings)
    config["profile"] = OmegaConf.load(folder("configs") / "train.yaml").profile
    torch.manual_seed(1)
    return build_model(OmegaConf.create({**config, "conditions": []}), geometry)


def test_the_readme_says_that_every_pair_runs() -> None:
    assert table() == dict.fromkeys(PAIRS, True)


@pytest.mark.parametrize(("model", "network"), PAIRS)
def test_every_pair_runs(model: str, network: str) -> None:
    geometry = Geometry.load("toy")
    check(built(model, network, geometry), geometry)


@pytest.mark.parametrize("model", ["vae", "bibae"])
@pytest.mark.parametrize("network", ["cells", "set"])
def test_encoders_on_the_cell_graph(model: str, network: str) -> None:
    """They read the cells of training showers, whatever the generator makes."""
    geometry = Geometry.load("toy")
    check(built(model, network, geometry, encoder="graph"), geometry)


def check(made: Model, geometry: Geometry) -> None:
    """Finite losses of every player, and showers with the profile that was asked for."""
    showers = blobs(geometry, 20)
    made.prepare(ShowerStream(showers, batch=20, geometry=geometry, shuffle=False))
    for player in made.players():
        terms = made.losses(player, showers[:8])
        assert all(bool(term.isfinite()) for term in terms.values())
    noise = Noise.for_showers(1, torch.arange(8))
    profile = Profile.of(showers[:8], geometry)
    latent = noise.latent(made.generator.latent)
    new = made.generator(latent, showers.incident[:8], profile, noise)
    assert torch.equal(new.layer_sums(geometry.num_layers)[0], profile.counts)
