"""`pointcalo validate` from files to report, on showers of the toy made here."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from pointcalo.cli.main import main
from pointcalo.cli.validate import PACKAGES
from pointcalo.formats import write
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident, Showers, ptr_from_counts
from pointcalo.validation.metrics import METRICS
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.report import sections


def showers(number: int, seed: int) -> Showers:
    """A spot of 40 hits about an axis that stands on the toy, the same particles for any seed."""
    random = torch.Generator().manual_seed(seed)
    points = torch.randn(40 * number, 4, generator=random).mul(20.0)
    points[:, 2:] = points[:, 2:].abs() / 20 + 0.1
    direction = torch.tensor([[0.0, 0.0, 1.0]]).repeat(number, 1)
    energy = torch.linspace(1000, 9000, number)
    incident = Incident(energy, direction, torch.zeros(number, 3), torch.full((number,), 22))
    layer = torch.randint(0, 8, (40 * number,), generator=random)
    ptr = ptr_from_counts(torch.full((number,), 40))
    return Projector(Geometry.load("toy"))(Showers(points, layer, ptr, incident))[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    toy = Geometry.load("toy")
    for name, seed, number in (("reference", 1, 60), ("generated", 2, 60), ("few", 3, 12)):
        write(
            f"{name}.h5",
            showers(number, seed),
            geometry_name="toy",
            geometry_hash=toy.hash,
            source="parametric <simulation>" if name == "reference" else "a rival's generator",
        )
    return tmp_path


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes seconds a report: drawing each observable."""
    monkeypatch.setattr(sections, "comparison_figure", lambda *_, **__: "<svg></svg>")


def validate(*arguments: str) -> int:
    return main(["validate", "reference=reference.h5", "output=report", *arguments])


class Page(HTMLParser):
    """Tags left open and images of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_report_is_complete_and_the_same_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate("generated=generated.h5", "seed=7") == 0
    printed = capsys.readouterr().out
    assert "60 showers a side" in printed
    assert "too few" in printed
    assert "report: report/report.html" in printed
    assert sorted(path.name for path in folder.iterdir()) == [
        *("few.h5", "generated.h5", "reference.h5", "report")
    ]
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    assert list(metrics) == [metric.name for metric in METRICS]
    assert {"value", "uncertainty", "floor", "n"} <= set(metrics["auc_features"])
    text = (folder / "report" / "report.html").read_text()
    toy = Geometry.load("toy")
    for said in (
        *("parametric, not Geant4", "parametric &lt;simulation&gt;", "a rival&#x27;s generator"),
        *(f"toy, hash {toy.hash}", "two halves of the reference, 30 showers each", *PACKAGES),
        "pointcalo validate reference=reference.h5 output=report generated=generated.h5 seed=7",
    ):
        assert said in text, said
    _check_page(text)
    first = {path.name: path.read_bytes() for path in (folder / "report").iterdir()}
    assert validate("generated=generated.h5", "seed=7") == 0
    assert first == {path.name: path.read_bytes() for path in (folder / "report").iterdir()}


def _check_page(text: str) -> None:
    """Well-formed, self-contained, with all figures."""
    page = Page()
    page.feed(text)
    assert page.open == []
    said = re.sub(r"<script>.*?</script>|base64,[^\"]*", "", text, flags=re.DOTALL)
    assert not re.search(r"<!--[A-Za-z.]+-->", said)
    assert "http" not in said
    drawn = [one for one in OBSERVABLES if one.name != "section_share"]  # the toy has one section
    for image, observable in zip(page.images[: len(drawn)], drawn, strict=True):
        assert observable.title in str(image["alt"])
        assert "the ratio is" in str(image["alt"])
    assert len(page.images) == len(drawn) + 3  # correlations, average shower
    for image in page.images:
        kind, _, coded = str(image["src"]).partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert ElementTree.fromstring(b64decode(coded)).tag.endswith("svg")


def test_a_broken_bound_is_exit_code_1_and_still_reported(
    folder: Path, quickly: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate("generated=generated.h5", "bounds.separation_radial=1") == 0
    assert validate("generated=generated.h5", "bounds.separation_radial=1e-9") == 1
    assert "bound not kept: separation_radial: " in capsys.readouterr().out
    assert "the bound is 1e-09" in (folder / "report" / "report.html").read_text()


def test_too_few_showers_satisfy_no_bound(folder: Path, quickly: None) -> None:
    assert validate("generated=generated.h5", "bounds.auc_features=1") == 1
    assert (folder / "report" / "report.html").is_file()


def test_floor_from_another_file(folder: Path, quickly: None) -> None:
    assert validate("generated=generated.h5", "floor=generated.h5") == 0
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    for name, entry in metrics.items():
        if name not in ("memorisation", "latent_share"):  # of generated showers only
            assert entry["value"] == entry["floor"], name
            assert entry["n"] == entry["floor_n"] == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generated=few.h5"], "at least 20 showers a side, got 12"),
        (["generated=no.h5"], "no.h5: no such file"),
        (["generated=generated.h5", "geometry=ild"], "made in geometry 'toy', not 'ild'"),
        (["generated=generated.h5", "geometry=nowhere"], "nowhere"),
        (["generated=generated.h5", "bounds.auc_features=low"], "expected a number above 0"),
        (["generated=generated.h5", "bounds.auc=1"], "auc"),
        (["generated=generated.h5", "split=half"], "split: got 'half'"),
        (["generated=generated.h5", "output=no/report"], "no folder"),
        (["generated=generated.h5", "output=reference.h5"], "is a file"),
        (["generated=generated.h5", "output=."], "holds other files and no report.html"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    before = sorted(folder.iterdir())
    assert validate(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_geometry_of_ones_own_is_asked_for(
    folder: Path, quickly: None, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = Geometry.load("toy")
    own = {"geometry_name": "mine", "geometry_hash": toy.hash, "source": "someone"}
    write("reference.h5", showers(60, 1), **own)
    assert validate("generated=generated.h5") == 2
    assert "made in geometry 'mine', which has no file here" in capsys.readouterr().err
    toy.save("mine.yaml")
    assert validate("generated=generated.h5", "geometry=mine.yaml") == 0
