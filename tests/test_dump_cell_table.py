"""tools/dump_cell_table.py with a stand-in for DD4hep: a stave of two readouts along global +y."""

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from pointcalo.geometry import Geometry

TOOL = Path(__file__).parents[1] / "tools" / "dump_cell_table.py"
FRONT, PITCH, GAP, SLAB, LAYERS = 180.4, 0.5, 1.0, 0.05, 3  # cm, as DD4hep
HEIGHT = 1 << 10
SILICON, SCINTILLATOR = 4, 3


class Stave:
    """Layers of silicon with scintillator right behind; cells centred at multiples of 5 mm."""

    def __init__(self, description: object) -> None:
        self.description = description

    def cellID(self, point: "Position") -> int:
        layer, inside = divmod(point.y() - FRONT, GAP)
        if not 0 <= layer < LAYERS or inside >= 2 * SLAB:
            return 0
        kind = SILICON if inside < SLAB else SCINTILLATOR
        x, z = round(point.x() / PITCH) + 512, round(point.z() / PITCH) + 512
        return ((int(layer) * 16 + kind) * HEIGHT + x) * HEIGHT + z

    def position(self, cell: int) -> "Position":
        volume, x, z = cell >> 20, cell >> 10 & 1023, cell & 1023
        layer, kind = divmod(volume, 16)
        y = FRONT + layer * GAP + (0.5 if kind == SILICON else 1.5) * SLAB
        return Position((x - 512) * PITCH, y, (z - 512) * PITCH)

    def cellDimensions(self, cell: int) -> list[float]:
        return [PITCH, PITCH, SLAB]


class Position:
    def __init__(self, *xyz: float) -> None:
        self.xyz = xyz

    def x(self) -> float:
        return self.xyz[0]

    def y(self) -> float:
        return self.xyz[1]

    def z(self) -> float:
        return self.xyz[2]


class Decoder:
    def get(self, cell: int, field: str) -> int:
        assert field == "slice"
        return (cell >> 20) % 16


@pytest.fixture
def dd4hep(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    spec = SimpleNamespace(decoder=lambda: Decoder())
    description = SimpleNamespace(
        fromXML=lambda name: None, readout=lambda name: SimpleNamespace(idSpec=lambda: spec)
    )
    found = SimpleNamespace(
        Detector=SimpleNamespace(getInstance=lambda: description),
        Position=Position,
        rec=SimpleNamespace(CellIDPositionConverter=Stave),
    )
    root = ModuleType("ROOT")
    vars(root).update(gSystem=SimpleNamespace(Load=lambda name: 0), dd4hep=found)
    monkeypatch.setitem(sys.modules, "ROOT", root)
    return found


def run(monkeypatch: pytest.MonkeyPatch, place: Path, *options: str, output: str = "c.csv") -> Path:
    (place / "top.xml").write_text("<lccdd/>")
    default = {"--position": "2,1800,0", "--normal": "0,1,0", "--depth": "50", "--width": "21"}
    given = {option.split("=", 1)[0] for option in options}
    rest = [f"{key}={value}" for key, value in default.items() if key not in given]
    arguments = [str(place / "top.xml"), *rest, *options, f"--output={place / output}"]
    monkeypatch.setattr(sys, "argv", ["dump_cell_table.py", *arguments])
    runpy.run_path(str(TOOL), run_name="__main__")
    return place / output


def columns(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {name: table[name] for name in table.dtype.names}


ONLY = ("--readout=Hits", "--only=slice=4")


@pytest.mark.parametrize("output", ["c.csv", "c.npz"])
def test_the_table_is_in_the_local_frame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dd4hep: SimpleNamespace, output: str
) -> None:
    cells = columns(run(monkeypatch, tmp_path, *ONLY, output=output))
    layer = cells["layer"]
    assert sorted(set(layer.tolist())) == [0, 1, 2]
    # The front is at 1804 mm, the origin at 1800.
    for number in range(3):
        rows = layer == number
        assert cells["z_mm"][rows] == pytest.approx(np.full(rows.sum(), 4.25 + 10.0 * number))
        assert rows.sum() == 4 * 5
    # Local x is -global x from 2 mm on, y the beam; centres within 10.5 mm.
    assert sorted(set(cells["x_mm"].round(3))) == [-8.0, -3.0, 2.0, 7.0]
    assert sorted(set(cells["y_mm"].round(3))) == [-10.0, -5.0, 0.0, 5.0, 10.0]
    assert cells["area_mm2"] == pytest.approx(np.full(60, 25.0))
    ids = cells["cellid"].astype(np.int64)
    stave = Stave(None)
    assert [10 * stave.position(i).z() for i in ids.tolist()] == pytest.approx(cells["y_mm"])


def test_a_geometry_file_takes_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dd4hep: SimpleNamespace
) -> None:
    run(monkeypatch, tmp_path, *ONLY)
    layer = (
        "{z_mm: {each: [4.25, 14.25, 24.25]}, repeat: 3, segmentation: {type: table, file: c.csv}}"
    )
    (tmp_path / "stave.yaml").write_text(f"name: stave\nlayers: [{layer}]\n")
    geometry = Geometry.load(tmp_path / "stave.yaml")
    assert geometry.num_cells == 60
    cell = geometry.cell_at(torch.tensor([1]), torch.tensor([[3.0, -6.0]]))
    assert geometry.position(cell)[0].tolist() == pytest.approx([2.0, -5.0, 14.25])


def test_without_a_choice_each_readout_is_a_layer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dd4hep: SimpleNamespace
) -> None:
    cells = columns(run(monkeypatch, tmp_path, "--hexagons"))
    assert len(set(cells["layer"].tolist())) == 6
    assert cells["area_mm2"][0] == pytest.approx(0.75 * 25.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--depth=3",), "nothing sensitive within 3 mm"),
        (("--normal=0,1,0.5", "--width=40"), "are not at right angles to --normal"),
        (("--normal=0,0,0",), "--normal is 0,0,0"),
        (("--normal=0,1",), "expected three numbers"),
        (("--width=-1",), "expected a number above 0"),
        (("--only=slice=4",), "--only needs --readout"),
    ],
)
def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dd4hep: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, tmp_path, *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["top.xml"]


def test_without_dd4hep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ROOT", None)
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, tmp_path)
    assert caught.value.code == 2
    assert "DD4hep is not set up here" in capsys.readouterr().err
