"""docs/add-a-model.md does what it says."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from networks.showers import blobs

from pointcalo.cli.main import main
from pointcalo.formats import write
from pointcalo.geometry import Geometry

PAGE = Path(__file__).parents[2] / "docs" / "add-a-model.md"


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The page's files in an empty folder, with showers beside them; returns its code by name."""
    code = {}
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        name = block.splitlines()[0].removeprefix("# ") if language != "bash" else "command"
        code[name] = block
        if language != "bash":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(block)
    toy = Geometry.load("toy")
    write(
        tmp_path / "showers.h5",
        blobs(toy, 200),
        geometry_name=toy.name,
        geometry_hash=toy.hash,
        points="cells",
        source="blobs for a test",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    return code


def test_the_command_trains(tutorial: dict[str, str]) -> None:
    _, program, *arguments = shlex.split(tutorial["command"])
    assert program == "pointcalo"
    quick = ["data=showers.h5", "trainer.minutes=null", "trainer.steps=3"]
    assert main([*arguments, *quick]) == 0
    assert Path("runs/moments/checkpoints/best.pt").exists()
    columns = Path("runs/moments/metrics.csv").read_text().splitlines()[0].split(",")
    assert "validation/generator/spread" in columns


def test_the_python_code_trains(
    tutorial: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(tutorial["train.py"], "train.py", "exec"), {})
    assert "training finished at step 4" in capsys.readouterr().out
