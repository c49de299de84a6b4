"""EDM4hep files through podio: a stand-in records what it is told and the reader reads it back."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from formats.podio_files import podio_file

from pointcalo.cli.main import main
from pointcalo.formats import open_showers, write
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named
from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers


class Entry:
    """An object of EDM4hep: what was set, and what was added."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.values: dict[str, Any] = {}
        self.added: list[int] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("set"):
            raise AttributeError(name)
        return lambda value: self.values.__setitem__(name[3:], value)

    def addToContributions(self, other: "Entry") -> None:
        self.added.append(other.number)


class Collection(list):
    def create(self) -> Entry:
        self.append(Entry(len(self)))
        return self[-1]


class Frame:
    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.parameters: dict[str, str] = {}

    def put(self, collection: Collection, name: str) -> None:
        self.collections[name] = collection

    def put_parameter(self, key: str, value: str) -> None:
        self.parameters[key] = value


class Writer:
    """Keeps the frames and writes them with uproot at the end."""

    def __init__(self, path: str) -> None:
        self.path, self.frames = Path(path), []
        self._writer = SimpleNamespace(finish=self.finish)
        ROOT_IO._all_writers.writers.append(self)

    def write_frame(self, frame: Frame, category: str) -> None:
        self.frames.append((category, frame))

    def finish(self) -> None:
        events = [frame for category, frame in self.frames if category == "events"]
        branches: dict[str, list[list[Any]]] = {}
        for frame in events:
            for name, values in members(frame).items():
                branches.setdefault(name, []).append(values)
        (parameters,) = (f.parameters for category, f in self.frames if category == "metadata")
        encodings = {key.removesuffix("__CellIDEncoding"): v for key, v in parameters.items()}
        podio_file(self.path, branches, encodings)


def members(frame: Frame) -> dict[str, list[Any]]:
    """The branches that podio makes of a frame's collections."""
    hits, steps = frame.collections["CaloHits"], frame.collections["CaloHitsContributions"]
    (particle,) = frame.collections["MCParticles"]
    ends = [sum(len(hit.added) for hit in hits[: n + 1]) for n in range(len(hits))]
    found = {
        "CaloHits.cellID": [hit.values["CellID"] for hit in hits],
        "CaloHits.energy": [hit.values["Energy"] for hit in hits],
        "CaloHits.contributions_begin": [0, *ends][: len(hits)],
        "CaloHits.contributions_end": ends,
        "_CaloHits_contributions.index": [number for hit in hits for number in hit.added],
        "CaloHitsContributions.energy": [step.values["Energy"] for step in steps],
        "CaloHitsContributions.time": [step.values["Time"] for step in steps],
        "MCParticles.PDG": [particle.values["PDG"]],
        "MCParticles.generatorStatus": [particle.values["GeneratorStatus"]],
        "MCParticles.mass": [particle.values["Mass"]],
    }
    for number, axis in enumerate("xyz"):
        found |= {
            f"CaloHits.position.{axis}": [hit.values["Position"][number] for hit in hits],
            f"CaloHitsContributions.stepPosition.{axis}": [
                step.values["StepPosition"][number] for step in steps
            ],
            f"MCParticles.vertex.{axis}": [particle.values["Vertex"][number]],
            f"MCParticles.momentum.{axis}": [particle.values["Momentum"][number]],
        }
    return found


ROOT_IO = ModuleType("podio.root_io")


@pytest.fixture
def podio(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The modules podio and edm4hep, as far as writing asks them."""
    module, edm4hep = ModuleType("podio"), ModuleType("edm4hep")
    vars(ROOT_IO).update(Writer=Writer, _all_writers=SimpleNamespace(writers=[]))
    vars(module).update(Frame=Frame, root_io=ROOT_IO)
    kinds = ("MCParticle", "SimCalorimeterHit", "CaloHitContribution")
    vars(edm4hep).update({f"{kind}Collection": Collection for kind in kinds})
    vars(edm4hep).update(Vector3f=lambda *v: v, Vector3d=lambda *v: v)
    for one in (module, ROOT_IO, edm4hep):
        monkeypatch.setitem(sys.modules, one.__name__, one)
    return module


@pytest.fixture
def showers() -> Showers:
    """Two showers on ILD's cells: two points in the first cell, one outside every cell."""
    points = [
        [5.0, -10.0, 1.0, 0.5],
        [6.0, -9.0, 2.0, 0.25],
        [0.0, 0.0, 4.0, 0.75],
        [900.0, 0.0, 1.0, 1.0],
        [-300.0, 300.0, 8.0, 1.5],
    ]
    return Showers(
        points=torch.tensor(points),
        layer=torch.tensor([0, 0, 3, 3, 29]),
        ptr=torch.tensor([0, 4, 5]),
        incident=Incident(
            energy=torch.tensor([1e4, 2e3]),
            direction=torch.tensor([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]),
            position=torch.tensor([[1.0, 2.0, 0.0], [-3.0, 0.0, 0.0]]),
            pdg=torch.tensor([22, -211]),
        ),
    )


def outgoing(showers: Showers) -> Outgoing:
    return Outgoing(num_showers=len(showers), points="deposits", source="random")


def save(path: Path, showers: Showers, geometry: Geometry) -> list[str]:
    conventions = Conventions(geometry=geometry)
    return layout_named("edm4hep").write(path, [showers], outgoing(showers), conventions)


def test_there_and_back(podio: ModuleType, tmp_path: Path, showers: Showers) -> None:
    ild = Geometry.load("ild")
    lost = save(tmp_path / "a.root", showers, ild)
    assert lost[1] == "6.25 % of the energy, outside every cell"
    assert ROOT_IO._all_writers.writers == []
    read = open_showers(tmp_path / "a.root", Conventions(geometry=ild, collections="CaloHits"))
    again = read.read()
    kept = showers.keep(torch.tensor([True, True, True, False, True]))
    torch.testing.assert_close(again.points, kept.points, rtol=1e-5, atol=1e-3)
    assert torch.equal(again.layer, kept.layer) and torch.equal(again.ptr, kept.ptr)
    for name in ("energy", "direction", "position"):
        of_both = (getattr(part.incident, name) for part in (again, showers))
        torch.testing.assert_close(*of_both, rtol=1e-5, atol=1e-3)
    assert again.incident.pdg.tolist() == [22, -211]
    told = Conventions(geometry=ild, collections="CaloHits", rows="cells")
    cells = open_showers(tmp_path / "a.root", told).read()
    expected = torch.tensor([[5.0, -10, 3, 0.25], [0, 0, 4, 0.75], [-300, 300, 8, 1.5]])
    torch.testing.assert_close(cells.points, expected, rtol=1e-5, atol=1e-3)


def test_cell_ids_by_hand(podio: ModuleType, tmp_path: Path, showers: Showers) -> None:
    save(tmp_path / "a.root", showers, Geometry.load("ild"))
    from pointcalo.formats.edm4hep.events import Events

    (cell_ids,) = Events(tmp_path / "a.root").read(["CaloHits.cellID"], 0, 2).values()
    # 20 + 2^8 (stave 1) + layer * 2^16 + cellX * 2^32 + cellY * 2^48
    expected = [0x114 + (1 << 32) + (0xFFFE << 48), 0x114 + (3 << 16)]
    expected.append(0x114 + (29 << 16) + (0xFFC4 << 32) + (60 << 48))
    assert cell_ids.values.tolist() == expected


def test_without_podio(tmp_path: Path, showers: Showers, capsys: pytest.CaptureFixture) -> None:
    made = {"geometry_name": "ild", "geometry_hash": "", "source": "random"}
    write(tmp_path / "a.h5", showers, points="deposits", **made)
    given = [f"input={tmp_path}/a.h5", f"output={tmp_path}/b.root", "format=edm4hep"]
    assert main(["convert", *given]) == 2
    line = capsys.readouterr().err
    assert "podio and edm4hep of the key4hep stack" in line and "write format=root" in line
    assert line.count("\n") == 1 and not (tmp_path / "b.root").exists()


def test_mistakes(podio: ModuleType, tmp_path: Path, showers: Showers) -> None:
    ild, toy = Geometry.load("ild"), Geometry.load("toy")
    path = tmp_path / "a.root"
    with pytest.raises(ValueError, match="geometry 'toy' does not say where the detector stands"):
        save(path, showers, toy)
    placed = {"placement": ild.placement}
    with pytest.raises(ValueError, match="does not say what the fields of a cellID are"):
        save(path, showers, Geometry("bare", ild.layers, **placed))
    hexagons = Geometry("hexagons", toy.layers, readout=ild.readout, **placed)
    with pytest.raises(ValueError, match="cannot number the cells of geometry 'hexagons'"):
        save(path, showers, hexagons)
    strange = Incident(**(vars(showers.incident) | {"pdg": torch.tensor([22, 2212])}))
    with pytest.raises(ValueError, match=r"needs the mass of the particle.*got PDG 2212"):
        save(path, showers.replace(incident=strange), ild)
    narrow = "system:5,stave:4,layer:2,x:32:-16,y:-16"
    few = Geometry("narrow", ild.layers, readout=narrow, **placed)
    with pytest.raises(ValueError, match="layer 29 does not fit, expected 0 to 3"):
        save(path, showers, few)
    assert ROOT_IO._all_writers.writers == []
    assert list(tmp_path.iterdir()) == []


def test_the_number_in_the_layer(podio: ModuleType, tmp_path: Path) -> None:
    toy = Geometry.load("toy")
    assert Geometry.load("ild").placement is not None
    readout = "system:5,stave:4,layer:6,cell:16"
    placed = Geometry(
        "placed", toy.layers, readout=readout, placement=Geometry.load("ild").placement
    )
    cell = torch.tensor([int(toy.layer_start[2]) + 7])
    points = torch.zeros(1, 4)
    points[:, :2], points[:, 2] = toy.position(cell)[:, :2], 1.0
    incident = Incident(
        torch.tensor([1e3]), torch.tensor([[0.0, 0.0, 1.0]]), torch.zeros(1, 3), torch.tensor([11])
    )
    shower = Showers(points, torch.tensor([2]), torch.tensor([0, 1]), incident)
    save(tmp_path / "a.root", shower, placed)
    from pointcalo.formats.edm4hep.events import Events

    (cell_ids,) = Events(tmp_path / "a.root").read(["CaloHits.cellID"], 0, 1).values()
    # system 20, stave 1 at bit 5, layer 2 at bit 9, cell 7 at bit 15
    assert cell_ids.values.tolist() == [20 + (1 << 5) + (2 << 9) + (7 << 15)]
