"""EDM4hep: files in podio's names of branches, staves and ends, and mistakes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formats.podio_files import podio_file
from formats.voxels import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from pointcalo.cli.main import main
from pointcalo.formats import NativeFile, open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.edm4hep.cell_id import CellID
from pointcalo.formats.layouts import layout_of
from pointcalo.geometry import Geometry

READOUT = "system:5,module:3,stave:4,tower:4,layer:6,slice:4,x:32:-16,y:-16"
CELLS = CellID(READOUT)
Hit = tuple[int, int, list[tuple[float, float, float, float, float]]]


def top(x: float, y: float, depth: float) -> tuple[float, float, float]:
    """Global position of a place in the local frame of the stave at the top."""
    return -x, 1804.8 + depth, y


class Collection:
    """Hits of one collection, an event after the other, each with its contributions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[list[dict[str, Any]]] = []

    def event(self) -> None:
        self.events.append([])

    def hit(self, stave: int, layer: int, *steps: tuple[Any, ...], slice_: int = 4) -> None:
        """A hit of contributions (global x, y, z mm, energy GeV, time ns)."""
        fields = {"system": 20, "stave": stave, "layer": layer, "slice": slice_}
        table = np.array(steps, dtype=float)
        self.events[-1].append(
            {
                "cellID": CELLS.encode(fields).item(),
                "position": table[:, :3].mean(axis=0),
                "energy": table[:, 3].sum(),
                "steps": table,
            }
        )

    def branches(self) -> dict[str, Any]:
        """Branches as podio names them; contributions are stored from the last to the first."""
        found: dict[str, list[list[Any]]] = {}

        def add(name: str, values: list[Any]) -> None:
            found.setdefault(name, []).append(values)

        for hits in self.events:
            counts = [len(hit["steps"]) for hit in hits]
            ends = np.cumsum([0, *counts])
            steps = np.concatenate([hit["steps"] for hit in hits] or [np.zeros((0, 5))])[::-1]
            add(f"{self.name}.cellID", [hit["cellID"] for hit in hits])
            add(f"{self.name}.energy", [hit["energy"] for hit in hits])
            add(f"{self.name}.contributions_begin", ends[:-1].tolist())
            add(f"{self.name}.contributions_end", ends[1:].tolist())
            add(f"_{self.name}_contributions.index", list(range(len(steps)))[::-1])
            for number, axis in enumerate("xyz"):
                add(f"{self.name}.position.{axis}", [hit["position"][number] for hit in hits])
                add(f"{self.name}Contributions.stepPosition.{axis}", steps[:, number].tolist())
            add(f"{self.name}Contributions.energy", steps[:, 3].tolist())
            add(f"{self.name}Contributions.time", steps[:, 4].tolist())
        return found


def particles(*primaries: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Each primary with a secondary behind it."""
    found: dict[str, list[list[Any]]] = {}
    for primary in primaries:
        values = {"PDG": 22, "generatorStatus": 1, "mass": 0.0, "vertex": (0, 0, 0)} | primary
        for vector in ("vertex", "momentum"):
            for axis, value in zip("xyz", values.pop(vector), strict=True):
                values[f"{vector}.{axis}"] = value
        secondary = dict.fromkeys(values, 0) | {"PDG": 11}
        for name, value in values.items():
            found.setdefault(f"MCParticles.{name}", []).append([value, secondary[name]])
    return found


@pytest.fixture
def silicon() -> Collection:
    """Two photons, the first at the top (stave 3 of 1 to 8), the second at azimuth 0 (stave 1)."""
    hits = Collection("Si")
    hits.event()
    hits.hit(3, 0, (*top(1.0, 2.0, 6.0), 1e-3, 7.0), (*top(3.0, 2.0, 6.0), 2e-3, 6.5))
    hits.hit(3, 5, (*top(-4.0, 0.5, 30.0), 5e-3, 7.2))
    hits.hit(2, 5, (1300.0, 1310.0, 0.0, 2e-3, 7.2))
    hits.event()
    hits.hit(1, 29, (2000.0, 10.0, -20.0, 4e-3, 8.0))
    return hits


@pytest.fixture
def two() -> dict[str, Any]:
    return particles(
        {"vertex": (0.5, 1804.7, -50.0), "momentum": (0.0, 40.0, 0.0)},
        {"momentum": (3.0, 0.0, 4.0), "PDG": 211, "mass": 12.0},
    )


def told(**changes: Any) -> Conventions:
    known = {"geometry": Geometry.load("ild"), "collections": "Si"}
    return Conventions(**(known | changes))


@pytest.fixture
def path(tmp_path: Path, silicon: Collection, two: dict[str, Any]) -> Path:
    return podio_file(tmp_path / "a.edm4hep.root", two | silicon.branches(), {"Si": READOUT})


def test_hits_in_the_frame_of_the_stave(path: Path) -> None:
    assert layout_of(path).name == "edm4hep"
    file = open_showers(path, told(rows="cells"))
    showers = file.read()
    assert (len(file), file.points, showers.counts.tolist()) == (2, "cells", [2, 1])
    assert showers.layer.tolist() == [0, 5, 29]
    expected = [[2.0, 2.0, 3.0, 6.5], [-4.0, 0.5, 5.0, 7.2], [10.0, -20.0, 4.0, 8.0]]
    torch.testing.assert_close(showers.points, torch.tensor(expected), rtol=1e-5, atol=1e-4)
    assert file.left_out == (
        f"{100 * 2 / 14:.3g} % of the energy, behind other faces of the detector",
    )
    assert file.geometry_name == "ild"


def test_contributions_are_deposits(path: Path) -> None:
    showers = open_showers(path, told()).read()
    assert showers.counts.tolist() == [3, 1] and showers.layer.tolist() == [0, 0, 5, 29]
    expected = [[1.0, 2.0, 1.0, 7.0], [3.0, 2.0, 2.0, 6.5]]
    torch.testing.assert_close(showers.points[:2], torch.tensor(expected), rtol=1e-5, atol=1e-4)


def test_particles_in_the_frame_of_the_stave(path: Path) -> None:
    file = open_showers(path, told())
    for incident in (file.incident(), file.read().incident):
        # the second has 5 GeV of momentum and 12 GeV of mass: 13 GeV in all
        torch.testing.assert_close(incident.energy, torch.tensor([4e4, 1e3]))
        torch.testing.assert_close(incident.direction, torch.tensor([[0, 0, 1.0], [0, 0.8, 0.6]]))
        expected = torch.tensor([[-0.5, -50.0, 0.0], [0.0, 1804.8 * 4 / 3, 0.0]])
        torch.testing.assert_close(incident.position, expected)
        assert incident.pdg.tolist() == [22, 211]
    alone = file.read(slice(1, 2))
    assert alone.layer.tolist() == [29] and alone.incident.pdg.tolist() == [211]


def test_both_ends(tmp_path: Path) -> None:
    hits = Collection("End")
    for z in (2410.0, -2410.0):
        hits.event()
        hits.hit(1, 1, (30.0, 20.0, z, 1e-3, 9.0))
        hits.hit(1, 1, (30.0, 20.0, -z, 1e-3, 9.0))
    flights = particles({"momentum": (0.0, 0.0, 10.0)}, {"momentum": (0.0, 0.0, -10.0)})
    path = podio_file(tmp_path / "a.root", flights | hits.branches(), {})
    text = "placement: {kind: endcap, face_mm: 2400, first_layer: 1}\n"
    source = tmp_path / "toy.yaml"
    Geometry.load("toy").save(source)
    source.write_text(text + source.read_text())
    conventions = Conventions(
        geometry=Geometry.load(source), collections="End", rows="cells", readout=READOUT
    )
    showers = open_showers(path, conventions).read()
    assert showers.layer.tolist() == [0, 0]
    torch.testing.assert_close(showers.points[:, :2], torch.tensor([[30.0, 20.0], [-30.0, 20.0]]))
    torch.testing.assert_close(showers.incident.direction, torch.tensor([[0, 0, 1.0]] * 2))


def test_two_readouts_of_one_place_are_never_added(
    tmp_path: Path, silicon: Collection, two: dict[str, Any]
) -> None:
    others, even = Collection("Sc"), Collection("SiEven")
    for _ in range(2):
        others.event()
        even.event()
    others.hit(1, 29, (2000.0, 10.0, -20.0, 9e-3, 8.0), slice_=3)
    even.hit(1, 28, (1996.0, 10.0, -20.0, 1e-3, 8.0))
    branches = two | silicon.branches() | others.branches() | even.branches()
    path = podio_file(tmp_path / "a.root", branches, dict.fromkeys(("Si", "Sc", "SiEven"), READOUT))
    line = "Si and Sc both have hits in system 20, stave 1, module 0, tower 0, layer 29"
    with pytest.raises(ValueError, match=line):
        open_showers(path, told(collections="Si,Sc")).read()
    showers = open_showers(path, told(collections="Si,SiEven", rows="cells")).read()
    assert showers.counts.tolist() == [2, 2] and showers.layer.tolist() == [0, 5, 29, 28]


def test_convert_and_project(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = path.with_name("b.h5")
    given = ["geometry=ild", "collections=[Si]", "project=true", "rows=cells", "batch=1"]
    assert main(["convert", f"input={path}", f"output={out}", *given]) == 0
    said = capsys.readouterr().out
    assert "14.3 % of the energy, behind other faces" in said
    assert "straight flight of the particles to the face" in said
    file = NativeFile(out)
    assert file.points == "cells" and file.geometry_hash == Geometry.load("ild").hash
    assert file.read().points[0, :3].tolist() == pytest.approx([0.0, 0.0, 3.0])


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ([], "which collections of hits; found, with hits in the first events: Si 4"),
        (["collections=[Si,So]"], "no collection So of hits; found"),
        (["collections=[Si,Si]"], "a collection of hits is named twice"),
        (["geometry=toy"], "geometry 'toy' does not say where the detector stands"),
        (["energy_unit=MeV"], "energy_unit: EDM4hep files are in GeV, leave it out"),
        (["length_unit=cm"], "length_unit: EDM4hep files are in mm, leave it out"),
        (["readout='system:5'", "collections=[Si]"], "has no field 'layer'"),
        (["readout='layer:6'", "collections=[Si]"], "has no field 'stave' or 'module'"),
    ],
)
def test_mistakes_of_the_user(
    path: Path, capsys: pytest.CaptureFixture[str], keys: list[str], line: str
) -> None:
    given = [] if any(key.startswith("geometry") for key in keys) else ["geometry=ild"]
    assert main(["convert", f"input={path}", f"output={path}.h5", *given, *keys]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"Si.energy": [[1.0, -1.0, 1.0], [1.0]]}, "shower 0: point 1 has .*energy -1000"),
        ({"Si.position.x": [[0, 0, 0], [math.nan]]}, "shower 1: point 0 has .*nan"),
        ({"Si.energy": [[1.0], [1.0]]}, "shower 0: Si.cellID has 3 entries, Si.energy 1"),
        ({"Si.contributions_end": [[9, 3, 4], [1]]}, "shower 0: Si: a hit has contributions that"),
        ({"_Si_contributions.index": [[0, 1, 2, 7], [0]]}, "shower 0: Si: a hit has contrib"),
        ({"MCParticles.PDG": [[22], []]}, "shower 0: MCParticles.PDG has 1 entries, .* 2"),
        ({"MCParticles.generatorStatus": [[1, 1], [1, 0]]}, "shower 0: 2 particles of generator"),
        (
            {
                "MCParticles.momentum.y": [[0, 0], [0, 0]],
                "MCParticles.momentum.z": [[9, 0], [4, 0]],
            },
            "shower 0: the particle starts at .* enters no face of 'ild'",
        ),
        ({"MCParticles.momentum.y": [[0, 0], [0, 0]]}, "enters no face"),
        ({"MCParticles.mass": [[math.nan, 0], [0, 0]]}, "shower 0: incident energy is nan"),
        ({"MCParticles.vertex.y": [[1900, 0], [0, 0]]}, r"starts at \(0.5, 1900, -50\) mm"),
        ({"MCParticles.PDG": None}, "no EDM4hep file, lacks the collection MCParticles"),
        ({"Si.cellID": [[2**22 - 1] * 3, [0]]}, None),
    ],
)
def test_faults_of_files(
    tmp_path: Path, silicon: Collection, two: dict[str, Any], changes: dict[str, Any], line: str
) -> None:
    branches = {k: v for k, v in (two | silicon.branches() | changes).items() if v is not None}
    path = podio_file(tmp_path / "a.root", branches, {"Si": READOUT})
    if line is None:
        line = "has 0 to 29"
        hits = silicon.branches()
        fields = {"system": 20, "stave": np.array([3, 3, 3]), "layer": np.array([1, 30, 1])}
        hits["Si.cellID"] = [CELLS.encode(fields).tolist(), [0]]
        podio_file(path, two | hits, {"Si": READOUT})
    with pytest.raises(ValueError, match=line) as caught:
        open_showers(path, told(rows="cells")).read()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_without_contributions_or_their_positions(
    tmp_path: Path, silicon: Collection, two: dict[str, Any]
) -> None:
    branches = two | silicon.branches()
    bare = {k: v for k, v in branches.items() if "Contributions" not in k}
    path = podio_file(tmp_path / "a.root", bare, {"Si": READOUT})
    with pytest.raises(ValueError, match="no contributions to the hits of Si: pass rows=cells"):
        open_showers(path, told())
    file = open_showers(path, told(rows="cells"))
    assert file.assumed[-1] == "times 0 in Si" and file.read().points[:, 3].tolist() == [0, 0, 0]
    for axis in "xyz":
        branches[f"SiContributions.stepPosition.{axis}"] = [[0.0] * 4, [0.0]]
    podio_file(path, branches, {"Si": READOUT})
    with pytest.raises(ValueError, match="of Si have no positions: pass rows=cells"):
        open_showers(path, told()).read()


def test_the_readout_is_asked_for(tmp_path: Path, silicon: Collection, two: dict[str, Any]) -> None:
    path = podio_file(tmp_path / "a.root", two | silicon.branches(), {})
    ild = Geometry.load("ild")
    bare = Geometry(ild.name, ild.layers, placement=ild.placement)
    with pytest.raises(ValueError, match="the fields of the cellIDs of Si are not in the file"):
        open_showers(path, told(geometry=bare))
    known = open_showers(path, told(geometry=bare, readout=READOUT, rows="cells"))
    assert known.read().layer.tolist() == [0, 5, 29]
    with pytest.raises(ValueError, match="geometry: a file of EDM4hep does not name its cells"):
        open_showers(path)


@settings(max_examples=30)
@given(data=st.data())
def test_damaged_files_are_told_in_one_line(path: Path, data: st.DataObject) -> None:
    other = path.with_name("damaged.root")
    other.write_bytes(data.draw(damaged(path.read_bytes())))
    try:
        open_showers(other, told(layout="edm4hep")).read()
        line = "damaged"
    except (OSError, ValueError) as error:
        line = str(error)
    assert "damaged" in line and "\n" not in line
