"""The page of a shower: complete in itself, and shown by a real browser where there is one."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pointcalo.display.event import event_of
from pointcalo.display.page import write_page
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"),
    *("--window-size=1200,800", "--virtual-time-budget=8000", "--enable-logging=stderr"),
)


@pytest.fixture(scope="module")
def page(toy: Geometry, shower: Showers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "shower.html"
    source = "someone's <script>alert(1)</script>"
    write_page(event_of(shower, toy, name="a<b shower 0", source=source), path)
    return path


def traces(text: str) -> list[dict]:
    """The traces handed to plotly, its packed numbers unpacked."""
    start = text.index("[", text.index("Plotly.newPlot", text.index('id="shower"')))
    found, _ = json.JSONDecoder().raw_decode(text[start:])
    for trace in found:
        for name, value in trace.items():
            if isinstance(value, dict) and "bdata" in value:
                numbers = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
                trace[name] = numbers.tolist()
    return found


def test_hits_axis_and_what_is_outside_are_traces(page: Path, toy: Geometry) -> None:
    hits, axis, stray = traces(page.read_text())
    z = toy.layer_z[torch.tensor([2, 4])].tolist()
    assert (hits["x"], hits["y"]) == ([0.0, 0.0], [0.0, 0.0])
    assert hits["z"] == pytest.approx(z)
    assert hits["customdata"] == pytest.approx([2, 5.0, 0.1, 4, 3.0, 0.2])
    for said in ("layer %{", "x %{", " mm<br>", " MeV<br>", " ns<"):
        assert said in hits["hovertemplate"]
    assert axis["z"][1] == pytest.approx(z[1])
    assert axis["x"][1] == pytest.approx(0.75 * z[1], rel=1e-5)  # tan of 0.6, 0.8
    assert (stray["x"], stray["customdata"]) == ([120.0], [1.0])
    assert stray["name"] == "outside every cell"


def test_points_far_outside_do_not_shrink_the_rest(
    toy: Geometry, shower: Showers, tmp_path: Path
) -> None:
    points = shower.points.clone()
    points[3, 0] = 1e4
    far = shower.replace(points=points)
    write_page(event_of(far, toy, name="shower 0"), tmp_path / "far.html")
    stray = traces((tmp_path / "far.html").read_text())[2]
    assert stray["name"] == "outside every cell (0 of 1 near enough to show)"
    assert stray["x"] == []


def test_page_needs_no_network_and_says_what_it_shows(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", text)
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert "<h1>50 GeV photon at 37°, toy, a&lt;b shower 0</h1>" in text
    assert "<noscript>" in text and "<!--" not in text.split("<main")[0]
    label = re.search(r'role="img" aria-label="([^"]+)"', text)
    assert label and "most of the energy in layer 2 (5 MeV), layer 4 (3 MeV)" in label[1]


@pytest.mark.skipif(not BROWSER, reason="no chromium here")
def test_a_browser_shows_it_without_errors(page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "shown.png"
    said = browse(page, tmp_path, "--dump-dom")
    lines = [line for line in said.stderr.splitlines() if ":CONSOLE" in line]
    assert not [line for line in lines if re.search(r"rror|xception|GL is not supported", line)]
    shown = re.sub(r"<script.*?</script>", "", said.stdout, flags=re.DOTALL)
    canvas = re.search(r'<canvas[^>]* width="(\d+)" height="(\d+)"', shown)
    assert canvas and int(canvas[1]) > 500 and int(canvas[2]) > 300
    for name in ("cells hit", "axis", "outside every cell", "energy [MeV]"):
        assert name in shown, name
    assert "Share chart" not in shown
    browse(page, tmp_path, f"--screenshot={picture}")
    with Image.open(picture) as image:
        middle = np.asarray(image.convert("RGB"), dtype=float)[150:-120, 150:-150]
    blue = np.abs(middle - [0, 0x72, 0xB2]).max(axis=2) < 40
    assert blue.sum() > 50  # the axis is drawn


def browse(page: Path, folder: Path, wish: str) -> subprocess.CompletedProcess:
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder}", wish, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
