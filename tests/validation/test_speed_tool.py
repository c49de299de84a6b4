import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pointcalo.geometry import Geometry

TOOL = Path(__file__).parents[2] / "tools" / "validation_speed.py"


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOL)))


def test_showers_have_the_number_of_hits_asked_for(tool: SimpleNamespace, toy: Geometry) -> None:
    batches = list(tool.Source(toy, 30, 50, 1))
    assert [len(showers) for showers in batches] == [30]
    assert batches[0].counts.tolist() == [50] * 30
    assert (batches[0].cell.diff() != 0).all()


def test_speed_is_printed(
    tool: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--geometry", "toy", "--showers", "20", "--hits", "40", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["validation_speed.py", *arguments])
    tool.main()
    result = json.loads(capsys.readouterr().out)
    assert (result["showers"], result["hits"]) == (20, 800)
    assert result["hits_per_second"] == pytest.approx(800 / result["seconds"])
    assert 0 < result["seconds"] < 60 and 0 < result["peak_memory_MB"]
