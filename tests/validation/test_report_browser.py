"""The page of a report in a real browser: headless Chromium, where there is one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers
from pointcalo.validation.compare import compare
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics import METRICS
from pointcalo.validation.report.page import REPORT, Report
from pointcalo.validation.samples import Floor, Sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WEBGL = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
DRAWN = "() => [...document.querySelectorAll('.space')].every(s => s.querySelector('canvas'))"
CAMERAS = """() => [...document.querySelectorAll('.space')].map(space => {
  const eye = space._fullLayout.scene._scene.getCamera().eye;
  return [eye.x, eye.y, eye.z].map(at => at.toFixed(3)).join();
})"""
COLUMN = "table => [...table.tBodies[0].rows].map(row => row.cells[2].dataset.order)"

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install it")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


def sample(measurement: Measurement, name: str, source: str) -> Sample:
    return Sample(SimpleNamespace(path=Path(name), source=source), measurement, 0.0, 0.01)


@pytest.fixture(scope="module")
def report(
    make_showers: Callable[..., Showers],
    measure_toy: Callable[[Showers], Measurement],
    toy: Geometry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The page of two generated samples."""
    reference, wide = (
        make_showers(60, seed=seed, spot_mm=spot) for seed, spot in ((1, 25), (2, 40))
    )
    first, second = measure_toy(reference), measure_toy(wide)
    floor = Floor(first, measure_toy(make_showers(60, seed=3)), "two samples of the toy")
    metrics = [m for m in METRICS if m.group == "observables"]
    comparisons = compare(first, second, floor, metrics=metrics)
    judgements = [
        Judgement(f"model {k}", sample(second, f"{k}.h5", "parametric"), comparisons) for k in "ab"
    ]
    folder = tmp_path_factory.mktemp("report")
    Report(sample(first, "reference.h5", "toy"), judgements, floor, {"seed": "1"}).write(folder)
    return folder / REPORT


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=WEBGL)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def seen(browser: "playwright.Browser", report: Path) -> SimpleNamespace:
    """The page as it opened, what it asked for and what it complained of."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    loads, faults = [], []
    page.on("request", lambda request: loads.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(report.as_uri())
    page.locator("#events").scroll_into_view_if_needed()
    page.wait_for_function(DRAWN)
    return SimpleNamespace(page=page, loads=loads, faults=faults)


def test_nothing_is_loaded_and_nothing_fails(seen: SimpleNamespace, report: Path) -> None:
    loads = [url for url in seen.loads if not url.startswith(("data:", "blob:"))]
    assert loads == [report.as_uri()]
    assert seen.faults == []


def test_every_figure_is_visible(seen: SimpleNamespace) -> None:
    sizes = seen.page.eval_on_selector_all(
        "figure img", "all => all.map(i => [i.complete, i.naturalWidth, i.offsetWidth, i.alt])"
    )
    assert len(sizes) > 10
    for complete, natural, shown, alt in sizes:
        assert complete and natural > 0 and shown > 0, alt
        assert len(alt) > 20


def test_a_column_sorts_by_click_and_by_keyboard(seen: SimpleNamespace) -> None:
    table = seen.page.locator("#metrics ~ .scroll table")
    head = table.locator("th[scope=col]").nth(2)
    before = table.evaluate(COLUMN)
    head.locator("button").click()
    rising = table.evaluate(COLUMN)
    assert head.get_attribute("aria-sort") == "ascending"
    assert rising != before and sorted(rising) == sorted(before)
    values = [float(order) for order in rising if order != "nan"]
    assert values == sorted(values)
    head.locator("button").focus()
    seen.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert table.locator("th[aria-sort]").count() == 1


def test_showers_turn_together_and_change(seen: SimpleNamespace) -> None:
    page, space = seen.page, seen.page.locator(".space").first
    assert page.locator(".space").count() == 3
    space.scroll_into_view_if_needed()
    before = page.evaluate(CAMERAS)
    box = space.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 230, box["y"] + 170, steps=4)
    page.mouse.up()
    page.wait_for_function(f"before => ({CAMERAS})()[0] !== before", arg=before[0])
    page.wait_for_function(f"() => new Set(({CAMERAS})()).size === 1")
    particle = page.locator("#particle").text_content()
    page.get_by_role("button", name="low energy").click()
    page.wait_for_function(
        "old => document.getElementById('particle').textContent !== old", arg=particle
    )
    assert page.get_by_role("button", name="low energy").get_attribute("aria-pressed") == "true"
    assert seen.faults == []


def test_a_phone_shows_it_without_scrolling_sideways(
    browser: "playwright.Browser", report: Path
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.close()


def test_it_prints(browser: "playwright.Browser", report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert page.locator(".on-paper").is_visible()
    assert not page.locator(".events").is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    page.close()


def test_headings_are_in_order(seen: SimpleNamespace) -> None:
    levels = seen.page.eval_on_selector_all("h1, h2, h3", "all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
