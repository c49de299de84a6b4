"""Which showers of which file `pointcalo validate` compares."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from pointcalo.cli.generated import all_generated
from pointcalo.cli.validate_samples import Judged, Samples
from pointcalo.formats import open_showers, write
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident
from pointcalo.simulation import ParametricSimulation

NUMBER = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference of 100 showers, and the first 60 and 30 of its particles again."""
    folder, toy = tmp_path_factory.mktemp("samples"), Geometry.load("toy")
    incident = Incident(
        energy=torch.linspace(1000, 3000, NUMBER),
        direction=torch.tensor([[0.0, 0.0, 1.0]]).repeat(NUMBER, 1),
        position=torch.zeros(NUMBER, 3),
        pdg=torch.full((NUMBER,), 22),
    )
    for seed, (name, number) in enumerate((("reference", NUMBER), ("long", 60), ("short", 30))):
        showers = ParametricSimulation(toy).simulate(incident[:number], seed)
        write(
            folder / f"{name}.h5",
            showers,
            geometry_name="toy",
            geometry_hash=toy.hash,
            source="parametric",
            points="cells",
        )
    return folder


def samples(folder: Path, names: list[str], **changes: object) -> Samples:
    keys = {
        **dict.fromkeys(("geometry", "split", "floor", "training", "energy_GeV")),
        **{"reference": str(folder / "reference.h5"), "energy_window": 0.05},
        **{"max_showers": 1000, "seed": 1, "device": "cpu"},
    }
    files = OmegaConf.create([str(folder / f"{name}.h5") for name in names])
    return Samples(OmegaConf.create(keys | changes), all_generated(files))


def judged(found: Samples, folder: Path) -> list[Judged]:
    return list(found.judged(folder))


def test_as_many_showers_of_every_sample(folder: Path) -> None:
    found = samples(folder, ["long", "short"])
    assert len(found.reference.measurement) == 30
    assert [len(one.sample.measurement) for one in judged(found, folder)] == [30, 30]
    near = samples(folder, ["long"], energy_GeV=[1.5], energy_window=0.2)
    (one,) = judged(near, folder)
    energy = open_showers(folder / "reference.h5").incident().energy[:60]
    expected = energy[(energy >= 1200) & (energy <= 1800)]
    assert near.reference.measurement.incident.energy.tolist() == expected.tolist()
    assert one.sample.measurement.incident.energy.tolist() == expected.tolist()


def test_training_showers_are_none_that_are_compared(folder: Path) -> None:
    every, test = (samples(folder, ["short"], split=split) for split in ("all", "test"))
    assert judged(every, folder)[0].training is None
    (one,) = judged(test, folder)
    assert one.training is not None
    compared = test.reference.measurement.incident.energy.tolist()
    assert not {*one.training.incident.energy.tolist()} & {*compared}
    other = samples(folder, ["short"], split="all", training=str(folder / "long.h5"))
    assert judged(other, folder)[0].training is not None
